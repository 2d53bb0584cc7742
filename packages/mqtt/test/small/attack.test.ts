// Attacks: servers that are hostile in single bytes, and applications that request much.

import { expect, test } from "vitest";
import { growth } from "../../../../test/fixtures/effort.ts";
import { message, SmallBench, watch } from "./bench.ts";

/** Bytes that may be unsent for a server that does not read. */
const MOST_WAITING = 1_048_576;

test("a server that does not read is disconnected at a PINGREQ too, and that connection leaves no timer", async () => {
  const { bench, client, peer, events } = await new SmallBench().online({ protocolVersion: 4, keepAlive: 100 });
  peer.pause();
  watch(client.publish("a", "x".repeat(2 ** 20)));
  await bench.clock.tick();
  // The exact number of bytes that may be unsent: PUBCOMP has four.
  for (let i = 0; i < MOST_WAITING / 4; i++) peer.send({ type: "pubrel", packetIdentifier: 1, reasonCode: 0 });
  await bench.clock.tick();
  expect(events).toEqual([]);
  await bench.clock.advance(96_000);
  expect(events.map(({ name }) => name)).toEqual(["disconnected", "reconnecting"]);
  await bench.passing(client.disconnect());
  expect(bench.clock.nextTimer).toBe(Infinity);
});

/**
 * Eight times the work takes eight times as long; 64 times would be quadratic. Cache misses add to it on a busy
 * machine.
 */
const QUADRATIC = 56;

test("the time for subscriptions, a deep topic and an UNSUBSCRIBE for each filter grows linearly with their number", async () => {
  const work = (count: number) => async () => {
    const { bench, client, peer } = await new SmallBench().online();
    const filters = Array.from({ length: count }, (_, i) => `a/${i}`);
    for (const filter of filters) watch(client.subscribe(filter, { onMessage: () => undefined }));
    await bench.clock.tick();
    await bench.deliver(peer, message("/".repeat(count * 16), ""));
    for (const filter of filters) watch(client.unsubscribe(filter));
    await bench.clock.tick();
    expect(client.connected).toBe(true);
  };
  expect(await growth(work(500), work(4_000), QUADRATIC)).toBeLessThan(QUADRATIC);
});

test("requests beyond the last packet identifier are rejected, in a time that grows linearly with their number", async () => {
  const bound = 65_535;
  const work = (count: number) => async () => {
    const bench = new SmallBench();
    const client = bench.create();
    const outcomes = Array.from({ length: count }, () => watch(client.unsubscribe("b")));
    await bench.clock.tick();
    const refused = outcomes.filter(({ error }) => (error as { code?: string } | undefined)?.code === "OUTBOX_FULL");
    expect(refused).toHaveLength(Math.max(0, count - bound));
  };
  expect(await growth(work(9_000), work(72_000), QUADRATIC)).toBeLessThan(QUADRATIC);
});

test("with all packet identifiers in use, messages wait and a request is OUTBOX_FULL; after a lost connection all are resent", async () => {
  const { bench, client, peer } = await new SmallBench().online({ cleanStart: false });
  watch(client.subscribe("kept"));
  for (let i = 2; i <= 65_536; i++) watch(client.publish("a", "", { qos: 1 }));
  await bench.clock.tick();
  const sent = (of: typeof peer) => of.received.filter(({ type }) => type === "publish").length;
  expect(sent(peer)).toBe(65_534);
  await expect(client.subscribe("a")).rejects.toMatchObject({ code: "OUTBOX_FULL" });
  const again = await bench.reconnected(peer, { sessionPresent: true });
  await bench.clock.tick();
  expect(sent(again)).toBe(65_534);
  await bench.deliver(again, { type: "puback", packetIdentifier: 9, reasonCode: 0 });
  expect(again.received.at(-1)).toMatchObject({ type: "publish", packetIdentifier: 9, dup: false });
});
