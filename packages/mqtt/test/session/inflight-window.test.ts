import { expect, test } from "vitest";
import { Client, connack, KeptMessage } from "./sessions.ts";

/** How many of 100 messages are on their way before any is acknowledged. */
function sentAtOnce(client: Client, qos: 1 | 2): number {
  client.outlet.taken();
  for (let i = 0; i < 100; i++) client.session.publish(new KeptMessage("t", qos), client.now);
  return client.outlet.packets(client.version).length;
}

function connected(version: 3 | 4 | 5, maximumInflight?: number): Client {
  const client = new Client({
    version,
    cleanStart: version < 5,
    ...(maximumInflight !== undefined && { maximumInflight }),
  });
  client.open();
  client.receive(connack());
  return client;
}

test.each([3, 4] as const)("version %i cannot say what the server takes: 19 at QoS 2, no bound at QoS 1", (version) => {
  expect(sentAtOnce(connected(version), 2)).toBe(19);
  expect(sentAtOnce(connected(version), 1)).toBe(100);
});

test("on MQTT 5 it is what the server says", () => {
  expect(sentAtOnce(connected(5), 2)).toBe(100);
});

test.each([3, 4, 5] as const)("what the user knows of the server holds on version %i", (version) => {
  expect(sentAtOnce(connected(version, 7), 1)).toBe(7);
  expect(sentAtOnce(connected(version, 7), 2)).toBe(7);
  expect(sentAtOnce(connected(version, 50), 2)).toBe(50);
});

test("a finished QoS 2 message makes room for the next", () => {
  const client = connected(4);
  sentAtOnce(client, 2);
  client.outlet.taken();
  client.receive({ type: "pubrec", packetIdentifier: 1, reasonCode: 0 });
  expect(client.outlet.packets(4).map(({ type }) => type)).toEqual(["pubrel"]);
  client.receive({ type: "pubcomp", packetIdentifier: 1, reasonCode: 0 });
  expect(client.outlet.packets(4)).toMatchObject([{ type: "publish", packetIdentifier: 20 }]);
});
