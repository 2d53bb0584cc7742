import { expect, test } from "vitest";
import { Client, connack, KeptMessage } from "./sessions.ts";

/** How many of 100 messages are in flight before any is acknowledged. */
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

test.each([3, 4] as const)(
  "on version %i, which has no receive maximum: 19 messages at QoS 2, no limit at QoS 1",
  (version) => {
    expect(sentAtOnce(connected(version), 2)).toBe(19);
    expect(sentAtOnce(connected(version), 1)).toBe(100);
  },
);

test("on MQTT 5 it is the server's receive maximum", () => {
  expect(sentAtOnce(connected(5), 2)).toBe(100);
});

test.each([3, 4, 5] as const)("the user's option sets it on version %i", (version) => {
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
