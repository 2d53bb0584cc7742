// Topics that clients must not publish to.
import type { Will } from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import { Bench, message, receive, subscribe } from "./bench.ts";

const forbidden = [
  ["$SYS/broker/uptime", 0x87],
  ["$SYS", 0x87],
  ["$share/g/t", 0x90],
] as const;

describe.each(forbidden)("a message of a client to %s", (topic, reasonCode) => {
  test.each([3, 4, 5] as const)("is neither delivered nor retained on version %i", async (protocolVersion) => {
    const bench = new Bench();
    const watcher = await bench.connect("watcher");
    await subscribe(watcher, "$SYS/#");
    await subscribe(watcher, "$SYS");
    const peer = await bench.connect("c", { protocolVersion });
    const answer = protocolVersion === 5 ? reasonCode : 0;
    peer.send(message(topic, "x", { retain: true }));
    peer.send(message(topic, "x", { qos: 1, packetIdentifier: 1, retain: true }));
    expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 1, reasonCode: answer });
    peer.send(message(topic, "x", { qos: 2, packetIdentifier: 2 }));
    expect(await peer.expect("pubrec")).toMatchObject({ packetIdentifier: 2, reasonCode: answer });
    if (answer === 0) {
      peer.send({ type: "pubrel", packetIdentifier: 2, reasonCode: 0 });
      await peer.expect("pubcomp");
    }
    await watcher.expectNothing();
    expect(bench.hub.statistics.retainedMessages).toBe(0);
    const refusals = bench.events.filter(({ type }) => type === "publishRefused");
    expect(refusals).toHaveLength(3);
    expect(refusals[0]).toMatchObject({ clientId: "c", topic, reasonCode });
    expect(bench.events.filter(({ type }) => type === "published")).toEqual([]);
  });

  const will: Will = { topic, payload: Uint8Array.of(1), qos: 1, retain: true };

  test("as a will refuses the client on MQTT 5", async () => {
    const bench = new Bench();
    const { peer, connack } = await bench.introduce("c", { will });
    expect(connack).toMatchObject({ reasonCode, properties: { reasonString: expect.stringContaining("will topic") } });
    await peer.expectClose();
    expect(bench.hub.statistics.sessions).toBe(0);
    expect(bench.events).toMatchObject([{ type: "refused" }]);
  });

  test.each([3, 4] as const)("as a will is dropped and reported on version %i", async (protocolVersion) => {
    const bench = new Bench();
    const peer = await bench.connect("c", { will, protocolVersion });
    peer.cut();
    await bench.clock.tick();
    expect(bench.hub.statistics.retainedMessages).toBe(0);
    expect(bench.events.filter(({ type }) => type === "publishRefused")).toMatchObject([{ clientId: "c", topic }]);
  });
});

test.each(["$SYSTEM/x", "$shared/x", "$other", "a/$SYS/b"])(
  "a message of a client to %s is delivered",
  async (topic) => {
    const bench = new Bench();
    const peer = await bench.connect("c");
    await subscribe(peer, topic, { qos: 0 });
    peer.send(message(topic, "x"));
    expect(await receive(peer)).toBe(`${topic}=x q0`);
  },
);
