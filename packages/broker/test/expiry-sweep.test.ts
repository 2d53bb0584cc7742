// Messages that expire while they wait for a client take no memory until it reconnects.
import { FakeClock } from "@aiko/mqtt/testing";
import { expect, test } from "vitest";
import { ExpirySweep } from "../src/messages/expiry-sweep.ts";
import { Bench, disconnect, kept, message, receive, subscribe } from "./bench.ts";

async function away(bench: Bench, clientId: string): Promise<void> {
  const peer = await bench.connect(clientId, kept);
  await subscribe(peer, "a");
  peer.send(disconnect);
  await peer.expectClose();
}

test("expired messages are removed from the queue of a client that is away, which has room for others again", async () => {
  const bench = new Bench({ outbox: { maximumCount: 3 } });
  await away(bench, "c");
  const from = await bench.connect("from");
  let packetIdentifier = 0;
  const send = async (text: string, messageExpiryInterval?: number): Promise<void> => {
    from.send(
      message("a", text, { qos: 1, packetIdentifier: ++packetIdentifier, properties: { messageExpiryInterval } }),
    );
    await from.expect("puback");
  };
  await send("1", 10);
  await send("2", 5);
  await send("3");
  await send("beyond");
  await bench.clock.advance(11_000);
  await send("4");
  await send("5", 1_000);
  await send("beyond, too");
  const to = await bench.connect("c", kept);
  for (const text of ["3", "4", "5"]) expect(await receive(to)).toBe(`a=${text} q1`);
  await to.expectNothing();
  expect(bench.events.filter(({ type }) => type === "dropped")).toHaveLength(2);
});

test("no timer remains when nothing waits, when the session has ended, or when the broker is closed", async () => {
  const bench = new Bench();
  const from = await bench.connect("from");
  const before = bench.clock.nextTimer;
  await away(bench, "c");
  from.send(message("a", "x", { qos: 1, packetIdentifier: 1, properties: { messageExpiryInterval: 2_000 } }));
  await from.expect("puback");
  await bench.clock.advance(1_000_000); // the session has ended
  await bench.clock.advance(1_000_000);
  expect(bench.clock.nextTimer).toBe(before);
  await away(bench, "d");
  from.send(message("a", "x", { qos: 1, packetIdentifier: 2, properties: { messageExpiryInterval: 2_000 } }));
  await from.expect("puback");
  bench.hub.close();
  await bench.clock.advance(1_000);
  expect(bench.clock.nextTimer).toBe(Infinity);
});

test("long queues are swept in slices", async () => {
  const clock = new FakeClock();
  const sweep = new ExpirySweep(clock);
  const sweptAt: number[] = [];
  for (let i = 0; i < 6; i++) {
    const expire = (now: number): number => {
      sweptAt.push(now);
      return Infinity;
    };
    sweep.waits({ pending: 10_000, expire }, clock.now() + 5_000);
  }
  const start = clock.now();
  await clock.advance(10_000);
  expect(sweptAt.map((at) => at - start)).toEqual([5_000, 5_000, 5_020, 5_020, 5_040, 5_040]);
  expect(clock.nextTimer).toBe(Infinity);
});

test("a queue is swept at most once a second", async () => {
  const clock = new FakeClock();
  const sweep = new ExpirySweep(clock);
  let sweeps = 0;
  const expire = (now: number): number => {
    sweeps++;
    return now + 1;
  };
  sweep.waits({ pending: 1, expire }, clock.now() + 1);
  await clock.advance(10_000);
  expect(sweeps).toBe(10);
});
