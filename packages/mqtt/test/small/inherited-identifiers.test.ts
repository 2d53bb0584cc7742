// Packet identifiers that an earlier page may have left open in the server's session: they are cleared before a QoS 2
// message uses one.
import type { ScriptedPeer } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import { SmallBench, VERSIONS, watch } from "./bench.ts";

/** A client of a session that another page started. */
const inheriting = (protocolVersion: 4 | 5 = 5) =>
  new SmallBench().online({ protocolVersion, cleanStart: false }, { sessionPresent: true });

/** Expects PUBREL for these identifiers, and answers. */
async function complete(peer: ScriptedPeer, first: number, count = 64): Promise<void> {
  for (let packetIdentifier = first; packetIdentifier < first + count; packetIdentifier++) {
    expect(await peer.expect("pubrel")).toMatchObject({ packetIdentifier });
    peer.send({ type: "pubcomp", packetIdentifier, reasonCode: 0 });
  }
}

describe("in a session that an earlier page started", () => {
  test.each(VERSIONS)("a QoS 2 message waits until PUBREL has cleared its identifier: version %i", async (version) => {
    const { bench, client, peer } = await inheriting(version);
    const published = watch(client.publish("a", "x", { qos: 2 }));
    await complete(peer, 1);
    expect(await peer.expect("publish")).toMatchObject({ topic: "a", packetIdentifier: 1, dup: false });
    peer.send({ type: "pubrec", packetIdentifier: 1, reasonCode: 0 });
    await bench.answer(peer, "pubrel");
    expect(published.value).toMatchObject({ qos: 2 });
  });

  test("QoS 0 and 1 messages and subscriptions do not wait", async () => {
    const { client, peer } = await inheriting();
    watch(client.publish("a", "x"));
    watch(client.publish("b", "x", { qos: 1 }));
    watch(client.subscribe("f"));
    await peer.expect("publish");
    await peer.expect("publish");
    await peer.expect("subscribe");
  });

  test("order is kept behind a waiting message, and a PUBCOMP for an identifier that was reused is not an error", async () => {
    const { client, peer } = await inheriting();
    watch(client.publish("a", "x", { qos: 2 }));
    watch(client.publish("b", "x", { qos: 1 }));
    for (let i = 0; i < 64; i++) await peer.expect("pubrel");
    peer.send({ type: "pubcomp", packetIdentifier: 1, reasonCode: 0 });
    expect(await peer.expect("publish")).toMatchObject({ topic: "a", packetIdentifier: 1 });
    expect(await peer.expect("publish")).toMatchObject({ topic: "b", packetIdentifier: 2 });
    peer.send({ type: "pubcomp", packetIdentifier: 2, reasonCode: 0x92 });
    peer.send({ type: "puback", packetIdentifier: 2, reasonCode: 0 });
    await peer.expectNothing();
    expect(client.connected).toBe(true);
  });

  test("identifiers are cleared batch by batch", async () => {
    const { client, peer } = await inheriting();
    for (let i = 0; i < 65; i++) watch(client.publish("a", "x", { qos: 2 }));
    await complete(peer, 1);
    for (let i = 0; i < 64; i++) await peer.expect("publish");
    await complete(peer, 65);
    expect(await peer.expect("publish")).toMatchObject({ packetIdentifier: 65 });
  });

  test("clearing that a lost connection interrupted is repeated, but not for this client's own messages", async () => {
    const { bench, client, peer } = await inheriting();
    watch(client.publish("a", "x", { qos: 2 }));
    watch(client.publish("b", "x", { qos: 2 }));
    for (let i = 0; i < 64; i++) await peer.expect("pubrel");
    peer.send({ type: "pubcomp", packetIdentifier: 1, reasonCode: 0 });
    expect(await peer.expect("publish")).toMatchObject({ topic: "a", packetIdentifier: 1 });
    const again = await bench.reconnected(peer, { sessionPresent: true });
    expect(await again.expect("publish")).toMatchObject({ topic: "a", packetIdentifier: 1, dup: true });
    await complete(again, 2);
    expect(await again.expect("publish")).toMatchObject({ topic: "b", packetIdentifier: 2 });
  });
});

test.each(VERSIONS)("nothing is cleared in a session that this client started: version %i", async (protocolVersion) => {
  const { bench, client, peer } = await new SmallBench().online({ protocolVersion, cleanStart: false });
  watch(client.publish("a", "x", { qos: 2 }));
  await peer.expect("publish");
  const again = await bench.reconnected(peer, { sessionPresent: true });
  watch(client.publish("b", "x", { qos: 2 }));
  expect(await again.expect("publish")).toMatchObject({ topic: "a" });
  expect(await again.expect("publish")).toMatchObject({ topic: "b" });
});
