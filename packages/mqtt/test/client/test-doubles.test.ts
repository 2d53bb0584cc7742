// What an application can use instead of a client in its own tests: any object of the same shape.
import type { Client, Subscription } from "@aiko/mqtt";
import { expect, test } from "vitest";
import { Bench } from "./bench.ts";

test("objects of the same shape can replace a subscription and a client", async () => {
  const subscription: Subscription = {
    topicFilters: ["a"],
    identifier: 1,
    granted: [],
    closed: false,
    unsubscribe: async () => undefined,
    [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }),
    [Symbol.asyncDispose]: async () => undefined,
  };
  const client: Pick<Client, "subscribe" | "connected"> = { connected: true, subscribe: async () => subscription };
  expect(await client.subscribe("a")).toBe(subscription);
});

test("a subscription ends at the end of its `await using` block", async () => {
  const { bench, client, peer } = await new Bench().online();
  let held: Subscription | undefined;
  const block = async (): Promise<void> => {
    await using subscription = await client.subscribe("a");
    held = subscription;
  };
  const running = block();
  const { packetIdentifier } = await peer.expect("subscribe");
  peer.send({ type: "suback", packetIdentifier, reasonCodes: [0] });
  const leaving = await peer.expect("unsubscribe");
  expect(leaving.topicFilters).toEqual(["a"]);
  peer.send({ type: "unsuback", packetIdentifier: leaving.packetIdentifier, reasonCodes: [0] });
  await bench.passing(running);
  expect(held?.closed).toBe(true);
});
