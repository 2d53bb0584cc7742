import { connect } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";
import { expect, test } from "vitest";
import { type ClientEvents, eventLine, reportEvents } from "../src/broker-lines.ts";

test.each<{ [Name in keyof ClientEvents]: [Name, ClientEvents[Name], string] }[keyof ClientEvents]>([
  [
    "connected",
    { clientId: "c", protocolVersion: 4, address: "::1", identity: undefined, sessionPresent: true },
    'connected client="c" version="3.1.1" address="::1" session="resumed"',
  ],
  [
    "connected",
    { clientId: "", protocolVersion: 5, address: undefined, identity: undefined, sessionPresent: false },
    'connected client="" version="5.0" session="new"',
  ],
  ["refused", { reason: '"c": no' }, String.raw`refused reason="\"c\": no"`],
  ["disconnected", { clientId: "c", reason: "lost" }, 'disconnected client="c" reason="lost"'],
  ["subscribed", { clientId: "c", topicFilter: "a/#", qos: 1 }, 'subscribed client="c" filter="a/#" qos=1'],
  ["unsubscribed", { clientId: "c", topicFilter: "a/#" }, 'unsubscribed client="c" filter="a/#"'],
  ["published", { clientId: "c", topic: "a b", bytes: 3 }, 'published client="c" topic="a b" bytes=3'],
  ["dropped", { clientId: "c", topic: "a", reason: "full" }, 'dropped client="c" topic="a" reason="full"'],
  ["notRetained", { clientId: undefined, topic: "a", reason: "r" }, 'notRetained topic="a" reason="r"'],
])("%s is a line of names and values: %j", (name, event, line) => {
  expect(eventLine(name, event)).toBe(line);
});

test("a client's text cannot control the terminal, begin another line, or fill it", () => {
  const clientId = "a\u001b]0;x\u0007\r\n\u0085\u009b\u2028\u007f\ud800";
  const line = eventLine("disconnected", { clientId, reason: "x".repeat(65_535) });
  const [, shown = "", reason = ""] = /^disconnected client=(".*") reason=(".*")$/.exec(line) ?? [];
  expect(line).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
  expect(JSON.parse(shown)).toBe(clientId);
  expect(JSON.parse(reason)).toBe(`${"x".repeat(200)}…`);
});

test("each event of a broker's clients is one line", async () => {
  await using broker = await Broker.listen({ port: 0, retained: { maximumCount: 0 } });
  const lines: string[] = [];
  reportEvents(broker, (line) => lines.push(line));
  const client = await connect(broker.url, { clientId: "c", protocolVersion: 5 });
  const subscription = await client.subscribe("a/+");
  await client.publish("a/b", "xyz", { retain: true });
  await subscription.unsubscribe();
  await client.disconnect();
  await expect.poll(() => lines).toHaveLength(6);
  expect(lines).toEqual([
    'connected client="c" version="5.0" address="127.0.0.1" session="new"',
    'subscribed client="c" filter="a/+" qos=0',
    'notRetained client="c" topic="a/b" reason="the limit retained.maximumCount 0 is reached"',
    'published client="c" topic="a/b" bytes=3',
    'unsubscribed client="c" filter="a/+"',
    expect.stringMatching(/^disconnected client="c" reason=".+"$/),
  ]);
});
