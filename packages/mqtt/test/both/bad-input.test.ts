// Invalid server behaviour: a ProtocolError, the connection closed within 100 ms, and the client reconnects.
import { encode } from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import { clients, message, watch } from "./clients.ts";

const publish = encode(message("a", "x", 1, 1), 5);
/** What a server sends, and the reason code of the client's answer; undefined for packets that only clients send. */
const faults: [string, Uint8Array, code?: number][] = [
  ["a reserved packet type", Uint8Array.of(0, 0), 0x81],
  ["a remaining length of five bytes", Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0xff, 1), 0x81],
  ["QoS 3", Uint8Array.of(0x36, 5, 0, 1, 0x61, 0, 1), 0x81],
  ["a topic with a wildcard", Uint8Array.of(0x30, 4, 0, 1, 0x2b, 0), 0x90],
  ["a topic alias above the maximum", encode({ ...message("a", ""), properties: { topicAlias: 1 } }, 5), 0x94],
  ["CONNECT", Uint8Array.of(0x10, 13, 0, 4, 0x4d, 0x51, 0x54, 0x54, 5, 2, 0, 0, 0, 0, 0)],
  ["a second CONNACK", Uint8Array.of(0x20, 3, 0, 0, 0), 0x82],
  ["SUBSCRIBE", Uint8Array.of(0x82, 7, 0, 1, 0, 0, 1, 0x61, 0)],
  ["PINGREQ", Uint8Array.of(0xc0, 0)],
  ["a session expiry interval in DISCONNECT", Uint8Array.of(0xe0, 7, 0, 5, 0x11, 0, 0, 0, 5), 0x82],
];

describe.each(clients)("the $name client", ({ createBench, expectStatistics, packetOfClients, versions }) => {
  describe.each(faults)("%s", (_name, bytes, reasonCode = packetOfClients) => {
    test("is answered with its reason code on MQTT 5", async () => {
      const { bench, client, peer, events } = await createBench().online();
      const queued = watch(client.publish("kept", "x", { qos: 1 }));
      await peer.expect("publish");
      peer.send(bytes);
      expect(await peer.expect("disconnect")).toMatchObject({ reasonCode });
      await bench.clock.advance(99);
      expect(peer.isClosed).toBe(true);
      expect(events[0]).toMatchObject({
        name: "disconnected",
        value: { error: { name: "ProtocolError", reasonCode } },
      });
      const again = await bench.acceptAgain({ sessionPresent: true });
      const { packetIdentifier, dup } = await again.expect("publish");
      expect(dup).toBe(true);
      await bench.deliver(again, { type: "puback", packetIdentifier, reasonCode: 0 });
      expect(queued.value).toMatchObject({ qos: 1 });
    });
  });

  test.each(versions.filter((version) => version < 5))(
    "on version %i the connection is closed without a reply",
    async (protocolVersion) => {
      const { bench, client, peer } = await createBench().online({ protocolVersion });
      peer.send(Uint8Array.of(0, 0));
      await bench.clock.advance(99);
      await peer.expectClose();
      await bench.acceptAgain();
      expect(client.connected).toBe(true);
    },
  );

  test("a header that announces 256 MB allocates no memory; a length above the limit is refused at once", async () => {
    const header = Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0x7f, ...new Uint8Array(10));
    const patient = createBench();
    const one = await patient.online({ keepAlive: 10 });
    const before = process.memoryUsage().arrayBuffers;
    one.peer.send(header);
    await patient.clock.tick();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
    await patient.clock.advance(15_000);
    expect(one.client.connected).toBe(false);

    const strict = createBench();
    const other = await strict.online({ properties: { maximumPacketSize: 1_000 } });
    other.peer.send(header);
    expect(await other.peer.expect("disconnect")).toMatchObject({ reasonCode: 0x95 });
  });

  test("packets before the invalid one are processed, those after it are not", async () => {
    const { client, peer } = await createBench().online();
    peer.send(Uint8Array.of(...publish, 0, 0, ...publish));
    await peer.expect("puback");
    await peer.expect("disconnect");
    expectStatistics(client, { messagesReceived: 1 });
  });
});
