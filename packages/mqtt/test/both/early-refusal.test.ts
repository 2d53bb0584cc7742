// Unexpected or too long packets are refused at their first bytes: the client neither waits for the rest nor stores it.
import { describe, expect, test } from "vitest";
import { clients, watch } from "./clients.ts";

/** The header of a packet of 256 MiB. */
const header = (first: number): Uint8Array => Uint8Array.of(first, 0xff, 0xff, 0xff, 0x7f);
const MEGABYTE = [0x80, 0x80, 0x40];

describe.each(clients)("the $name client", ({ createBench }) => {
  describe.each([4, 5] as const)("a server of version %i that sends", (protocolVersion) => {
    const options = { protocolVersion, reconnect: false } as const;
    const firstBytes: [string, number][] = [
      ["a second CONNACK", 0x20],
      ["CONNECT", 0x10],
      ["SUBSCRIBE", 0x82],
      ["UNSUBSCRIBE", 0xa2],
      ["PINGREQ", 0xc0],
      ["a packet of type 0", 0x00],
    ];

    test.each(firstBytes)("%s is disconnected at its first byte", async (_, first) => {
      const { bench, client, peer } = await createBench().online(options);
      peer.send(Uint8Array.of(first));
      await bench.clock.advance(99);
      expect([client.connected, peer.isClosed]).toEqual([false, true]);
    });

    test.each([0x40, 0x50, 0x62, 0x70, 0x90, 0xb0, 0xd0])(
      "256 MiB of type byte %i is disconnected at its header",
      async (first) => {
        const { bench, client, peer } = await createBench().online(options);
        peer.send(header(first));
        await bench.clock.advance(99);
        expect([client.connected, peer.isClosed]).toEqual([false, true]);
      },
    );

    test("more than 64 MiB in a PUBLISH is disconnected at its header, unless the client allows it", async () => {
      const { bench, client, peer } = await createBench().online(options);
      peer.send(header(0x30));
      await bench.clock.advance(99);
      expect([client.connected, peer.isClosed]).toEqual([false, true]);
      const allowing = await bench.online({ ...options, properties: { maximumPacketSize: 268_435_460 } });
      allowing.peer.send(header(0x30));
      await bench.clock.advance(99);
      expect([allowing.client.connected, allowing.peer.isClosed]).toEqual([true, false]);
    });

    test.each([
      ["PUBLISH", [0x30]],
      ["PINGRESP", [0xd0]],
      ["a CONNACK of 1 MiB", [0x20, ...MEGABYTE]],
    ])("%s instead of CONNACK is disconnected at once", async (_, bytes) => {
      const bench = createBench();
      const connecting = watch(bench.create(options).connect());
      const peer = await bench.server.next();
      await peer.expect("connect");
      peer.send(Uint8Array.from(bytes));
      await bench.clock.advance(99);
      expect(peer.isClosed).toBe(true);
      expect(connecting.error).toMatchObject({ name: "ProtocolError" });
    });
  });
});
