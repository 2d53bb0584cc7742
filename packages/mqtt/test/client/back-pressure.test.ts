import { encode } from "@aiko/mqtt/codec";
import type { ScriptedPeer } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import { concatenation } from "../codec/decoding.ts";
import { Bench, message, subscribed, watch } from "./bench.ts";

const inbox = { maximumCount: 4 };

/** Sends messages one by one, each in its own chunk. */
async function flood(bench: Bench, peer: ScriptedPeer, count: number) {
  for (let i = 0; i < count; i++) await bench.deliver(peer, message("a", String(i)));
}

describe("above the limit of the inbox", () => {
  test("reading stops, and resumes when half of it is handled", async () => {
    const { bench, client, peer } = await new Bench().online({ inbox });
    const subscription = await subscribed(bench, client, peer, "a");
    await flood(bench, peer, 20);
    expect(client.statistics.messagesReceived).toBe(5);
    const messages = subscription[Symbol.asyncIterator]();
    const got: string[] = [];
    for (let i = 0; i < 20; i++) {
      got.push((await messages.next()).value?.text() ?? "");
      await bench.clock.tick();
    }
    expect(got).toEqual(Array.from({ length: 20 }, (_, i) => String(i)));
  });

  test("the same holds for bytes", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ inbox: { maximumBytes: 6 } }); // topic and payload: a byte each
    await subscribed(bench, client, peer, "a");
    await flood(bench, peer, 9);
    expect(client.statistics.messagesReceived).toBe(4);
  });
});

describe("a held message counts with all the memory that it keeps:", () => {
  const heldBytes = async (...lengths: number[]) => {
    const { bench, client, peer } = await new Bench().online({ inbox: { maximumBytes: 6_000 } });
    await subscribed(bench, client, peer, "a", { onMessage: () => new Promise(() => undefined) });
    const chunk = lengths.map((length) => encode(message("a", "x".repeat(length)), 5));
    await bench.deliver(peer, concatenation(chunk));
    return client.statistics.slowConsumers[0]?.waitingBytes;
  };

  test("the whole chunk that it arrived in, once", async () => {
    const lengths = [200, 5_000, 100];
    const packets = lengths.map((length) => encode(message("a", "x".repeat(length)), 5).length);
    const chunk = packets.reduce((sum, length) => sum + length);
    expect(await heldBytes(...lengths)).toBe(chunk + 1 + (5_000 + 1) + (100 + 1));
  });
});

test("more unacknowledged messages than the receive maximum and the inbox allow", async () => {
  const { client, peer } = await new Bench().online({ properties: { receiveMaximum: 1 }, inbox: { maximumCount: 1 } });
  watch(client.subscribe("a", { qos: 1, onMessage: () => new Promise(() => undefined) }));
  await peer.expect("subscribe");
  for (const i of [1, 2]) peer.send(message("a", "x", 1, i));
  expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 0x93 });
});
