// receiveMaximum before MQTT 5: the client cannot know it, so the broker stops reading.
import type { PublishPacket } from "@aiko/mqtt/codec";
import type { Delivery } from "@aiko/mqtt/session";
import { describe, expect, test } from "vitest";
import type { KnownClient } from "../src/clients/known-client.ts";
import { Bench, message } from "./bench.ts";

/** A broker that acknowledges messages only when told to. */
function slow(options = {}) {
  const bench = new Bench({ receiveMaximum: 2, ...options });
  const held: { client: KnownClient; packet: PublishPacket; delivery: Delivery }[] = [];
  bench.hub.published = (client, packet, delivery) => {
    if (delivery !== undefined) held.push({ client, packet, delivery });
  };
  const finish = () => {
    const { client, delivery } = held.shift() ?? expect.fail("no message is held");
    client.session.finished(delivery, 0);
  };
  return { bench, held, finish };
}

describe.each([3, 4] as const)("receiveMaximum on version %i", (protocolVersion) => {
  test.each([1, 2] as const)("stops reading at QoS %i until a message is acknowledged", async (qos) => {
    const { bench, held, finish } = slow();
    const peer = await bench.connect("c", { protocolVersion, keepAlive: 10 });
    for (let i = 1; i <= 5; i++) peer.send(message("a", `${i}`, { qos, packetIdentifier: i }));
    peer.send({ type: "pingreq" });
    await peer.expectNothing();
    expect(held).toHaveLength(2);
    finish();
    expect((await peer.expect(qos === 1 ? "puback" : "pubrec")).packetIdentifier).toBe(1);
    await peer.expectNothing();
    expect(held).toHaveLength(2);
    for (let i = 2; i <= 5; i++) {
      finish();
      expect((await peer.expect(qos === 1 ? "puback" : "pubrec")).packetIdentifier).toBe(i);
      if (i === 4) await peer.expect("pingresp");
    }
    peer.send(message("a", "6", { qos, packetIdentifier: 6 }));
    await peer.expectNothing();
    expect(held).toHaveLength(1);
    expect(peer.isClosed).toBe(false);
  });

  test("does not count QoS 2 messages that wait for PUBREL, which the client must be able to send", async () => {
    const bench = new Bench({ receiveMaximum: 2 });
    const peer = await bench.connect("c", { protocolVersion });
    for (let i = 1; i <= 5; i++) {
      peer.send(message("a", `${i}`, { qos: 2, packetIdentifier: i }));
      await peer.expect("pubrec");
    }
    peer.send({ type: "pubrel", packetIdentifier: 1, reasonCode: 0 });
    await peer.expect("pubcomp");
  });

  test("does not end a client whose keep-alive passes while nothing is read", async () => {
    const { bench, finish } = slow();
    const peer = await bench.connect("c", { protocolVersion, keepAlive: 10 });
    for (let i = 1; i <= 2; i++) peer.send(message("a", "x", { qos: 1, packetIdentifier: i }));
    await bench.clock.advance(100_000);
    expect(peer.isClosed).toBe(false);
    finish();
    await peer.expect("puback");
    await bench.clock.advance(14_999);
    expect(peer.isClosed).toBe(false);
    await bench.clock.advance(100);
    expect(peer.isClosed).toBe(true);
  });
});

test("receiveMaximum on version 5 is announced, and a client that exceeds it is disconnected", async () => {
  const { bench } = slow();
  const { peer, connack } = await bench.introduce("c");
  expect(connack.properties?.receiveMaximum).toBe(2);
  for (let i = 1; i <= 3; i++) peer.send(message("a", "x", { qos: 1, packetIdentifier: i }));
  expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 0x93 });
});
