// Few bytes of one client can cause much work. Other clients are served meanwhile.
import { encode } from "@aiko/mqtt/codec";
import { memoryPair, ScriptedPeer } from "@aiko/mqtt/testing";
import { expect, test } from "vitest";
import { Bench, disconnect, message, receive, subscribe } from "./bench.ts";

/** Filters that all match the topic `a/a/…` of this many levels. */
function overlapping(levels: number): string[] {
  return Array.from({ length: 2 ** levels }, (_, i) =>
    Array.from({ length: levels }, (__, k) => ((i >> k) & 1 ? "+" : "a")).join("/"),
  );
}

const LEVELS = 12;
const topic = Array.from({ length: LEVELS }, () => "a").join("/");

async function expensive(bench: Bench): Promise<void> {
  const subscriber = await bench.connect("subscriber");
  const subscriptions = overlapping(LEVELS).map((topicFilter) => ({ topicFilter, qos: 0 }) as const);
  subscriber.send({ type: "subscribe", packetIdentifier: 1, subscriptions });
  await subscriber.expect("suback");
}

/** A client whose bytes arrive in one piece. */
async function raw(bench: Bench): Promise<{ send(bytes: Uint8Array): void; peer: ScriptedPeer }> {
  const [client, server] = memoryPair(bench.clock);
  bench.accept(server);
  const peer = new ScriptedPeer(client, bench.clock, 5);
  peer.send({ type: "connect", protocolVersion: 5, clientId: "flood", cleanStart: true, keepAlive: 0 });
  await peer.expect("connack");
  return { send: (bytes) => client.write(bytes), peer };
}

function publishes(count: number): Uint8Array {
  return Buffer.concat(Array.from({ length: count }, () => encode(message(topic, ""), 5)));
}

test("messages with many matching subscriptions are handled in slices, and another client is served between them", async () => {
  const bench = new Bench();
  await expensive(bench);
  const other = await bench.connect("other");
  const flood = await raw(bench);
  const topics: string[] = [];
  bench.hub.events.on("published", ({ topic: each }) => topics.push(each));
  flood.send(publishes(200));
  other.send(message("other", "x"));
  await bench.clock.settle();
  expect(topics).toHaveLength(201);
  expect(topics.indexOf("other")).toBeLessThan(100);
});

test("a client that disconnects behind expensive messages has all of them published, in order, and no will", async () => {
  const bench = new Bench();
  await expensive(bench);
  const flood = await raw(bench);
  const topics: string[] = [];
  bench.hub.events.on("published", ({ topic: each }) => topics.push(each));
  flood.send(Buffer.concat([publishes(100), encode(message("last", "x"), 5), encode(disconnect, 5)]));
  await bench.clock.settle();
  expect(topics).toHaveLength(101);
  expect(topics.at(-1)).toBe("last");
  expect(bench.hub.connectionCount).toBe(1);
});

test("cheap messages are not slowed by the expensive ones of another client", async () => {
  const bench = new Bench();
  await expensive(bench);
  const flood = await raw(bench);
  const other = await bench.connect("other");
  await subscribe(other, "cheap");
  flood.send(publishes(100));
  for (let i = 0; i < 50; i++) other.send(message("cheap", String(i)));
  for (let i = 0; i < 50; i++) expect(await receive(other)).toBe(`cheap=${i} q0`);
});

test("a flood of short packets is handled in slices, too", async () => {
  const bench = new Bench();
  const other = await bench.connect("other");
  const flood = await raw(bench);
  const topics: string[] = [];
  bench.hub.events.on("published", ({ topic: each }) => topics.push(each));
  const ping = encode({ type: "pingreq" }, 5);
  const pings = Buffer.concat(Array.from({ length: 30_000 }, () => ping));
  flood.send(Buffer.concat([pings, encode(message("flood", ""), 5)]));
  other.send(message("other", ""));
  await bench.clock.settle();
  expect(topics).toEqual(["other", "flood"]);
});
