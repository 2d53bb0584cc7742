// Links that are slower than the data that is sent, and programs that are too busy to read.
import type { Dial, Transport } from "@aiko/mqtt";
import type { FakeClock } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import { Bench, watch } from "./bench.ts";

/** Milliseconds between two pieces. */
const STEP = 10;

/**
 * A connection that carries this many bytes a second to the server. A large kernel buffer takes everything at once and
 * reports nothing more; a small one leaves the bytes with the process.
 */
function slowly(transport: Transport, clock: FakeClock, rate: number, buffer: "large" | "small"): Transport {
  const piece = (rate * STEP) / 1_000;
  let queue: Uint8Array[] = [];
  let waiting = 0;
  let running = false;
  const carry = (): void => {
    running = true;
    clock.schedule(STEP, () => {
      let room = piece;
      while (room > 0 && queue.length > 0) {
        const [first, ...rest] = queue as [Uint8Array, ...Uint8Array[]];
        const part = first.subarray(0, room);
        transport.write(part);
        room -= part.length;
        waiting -= part.length;
        queue = part.length < first.length ? [first.subarray(part.length), ...rest] : rest;
      }
      if (queue.length > 0) carry();
      else running = false;
    });
  };
  return {
    start: (listener) => transport.start(listener),
    get unsent() {
      return buffer === "small" ? waiting : 0;
    },
    write(bytes) {
      queue.push(bytes.slice());
      waiting += bytes.length;
      if (!running) carry();
      return true;
    },
    pause: () => transport.pause(),
    resume: () => transport.resume(),
    end: (sent) => transport.end(sent),
    destroy: () => transport.destroy(),
  };
}

describe.each(["large", "small"] as const)("over a slow uplink, with a %s buffer under it,", (buffer) => {
  test.each([
    [500_000, 3_000_000],
    [buffer === "large" ? 100_000 : 20_000, 1_000_000],
  ])(
    "at %i bytes a second, %i bytes at QoS 1 with a keep-alive of 2 s arrive over one connection",
    async (rate, size) => {
      const bench = new Bench();
      const dial: Dial = async (address, signal) =>
        slowly(await bench.server.dial(address, signal), bench.clock, rate, buffer);
      const client = bench.create({ keepAlive: 2, dial, connectTimeout: 60_000 });
      const connecting = client.connect();
      const peer = await bench.acceptAgain();
      await connecting;
      const events = bench.recordEvents(client);
      const published = watch(client.publish("large", new Uint8Array(size), { qos: 1 }));
      const seconds = size / rate;
      for (let answered = 1; published.settled === 0 && events.length === 0; ) {
        await bench.clock.advance(STEP);
        for (; answered < peer.received.length; answered++) {
          const packet = peer.received[answered];
          if (packet?.type === "pingreq") peer.send({ type: "pingresp" });
          if (packet?.type === "publish") {
            peer.send({ type: "puback", packetIdentifier: packet.packetIdentifier, reasonCode: 0 });
          }
        }
      }
      expect(events).toEqual([]);
      expect(published.value).toMatchObject({ qos: 1 });
      expect(seconds).toBeGreaterThan(5);
    },
  );
});

test("after the program was busy, an answer in the socket is read before the server is considered dead", async () => {
  const { bench, client, peer } = await new Bench().online({ keepAlive: 10 });
  await bench.clock.advance(9_500);
  await peer.expect("pingreq");
  // The timer was set earlier, so it is called first; the answer is read after it, in the same turn of the event loop.
  bench.clock.schedule(5_000, () => peer.send({ type: "pingresp" }));
  const events = bench.recordEvents(client);
  await bench.clock.advance(5_100);
  expect(events).toEqual([]);
  expect(client.connected).toBe(true);
});
