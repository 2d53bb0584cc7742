// The application's choices for its session, and the name of a delivery.
import type { Store } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { MortalStore } from "../../../../test/fixtures/stores.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { Bench, message, subscribed, watch } from "./bench.ts";

describe("a QoS 2 message that was in flight when the server lost the session", () => {
  async function lost(sessionLost: "reject" | "resend" | undefined, protocolVersion: 4 | 5) {
    const { bench, client, peer } = await new Bench().online({ protocolVersion, outbox: { sessionLost } });
    const first = watch(client.publish("a", "1", { qos: 2 }));
    const second = watch(client.publish("b", "2", { qos: 2 }));
    const third = watch(client.publish("c", "3", { qos: 1 }));
    await bench.deliver(peer, { type: "pubrec", packetIdentifier: 1, reasonCode: 0 });
    const again = await bench.reconnected(peer, { sessionPresent: false });
    return { bench, again, first, second, third };
  }

  test.each([
    ["reject", 4],
    [undefined, 5],
  ] as const)("fails with SESSION_LOST with outbox.sessionLost %s, version %i", async (sessionLost, version) => {
    const { again, first, second } = await lost(sessionLost, version);
    expect(await again.expect("publish")).toMatchObject({ topic: "c" });
    expect(first.value).toMatchObject({ qos: 2 });
    expect(second.error).toMatchObject({ code: "SESSION_LOST" });
  });

  test.each([4, 5] as const)('is sent as a new message with "resend", in order, version %i', async (version) => {
    const { bench, again, first, second, third } = await lost("resend", version);
    expect(await again.expect("publish")).toMatchObject({ topic: "b", dup: false });
    expect(await again.expect("publish")).toMatchObject({ topic: "c", dup: false });
    expect(first.value).toMatchObject({ qos: 2 });
    const [, b, c] = again.received as { packetIdentifier: number }[];
    again.send({ type: "pubrec", packetIdentifier: b?.packetIdentifier ?? 0, reasonCode: 0 });
    again.send({ type: "pubcomp", packetIdentifier: b?.packetIdentifier ?? 0, reasonCode: 0 });
    await bench.deliver(again, { type: "puback", packetIdentifier: c?.packetIdentifier ?? 0, reasonCode: 0 });
    expect([second.value, third.value]).toMatchObject([{ qos: 2 }, { qos: 1 }]);
  });
});

describe("Subscription Identifiers", () => {
  test.each([
    [undefined, 1],
    [true, 1],
    [false, undefined],
  ])("with subscriptionIdentifiers %s SUBSCRIBE has %s", async (subscriptionIdentifiers, identifier) => {
    const { client, peer } = await new Bench().online({ subscriptionIdentifiers });
    watch(client.subscribe("a"));
    const { properties } = await peer.expect("subscribe");
    expect(properties?.subscriptionIdentifier).toBe(identifier);
  });

  test("an identifier that the application sets is always sent", async () => {
    const { client, peer } = await new Bench().online({ subscriptionIdentifiers: false });
    watch(client.subscribe("a", { properties: { subscriptionIdentifier: 5 } }));
    expect(await peer.expect("subscribe")).toMatchObject({ properties: { subscriptionIdentifier: 5 } });
  });

  test("without identifiers, messages go to all matching subscriptions, once to each", async () => {
    const { bench, client, peer } = await new Bench().online({ subscriptionIdentifiers: false });
    const got: string[] = [];
    await subscribed(bench, client, peer, "a", { onMessage: () => got.push("a") });
    await subscribed(bench, client, peer, "+", { onMessage: () => got.push("+") });
    peer.send(message("a", "1", 1, 1));
    await peer.expect("puback");
    expect(got.sort()).toEqual(["+", "a"]);
  });
});

describe("a message's deliveryId", () => {
  /** A client on the store whose handler records the names and never returns. */
  async function receiving(store: Store, sessionPresent: boolean) {
    const { bench, client, peer } = await new Bench().online({ store }, { sessionPresent });
    const names: (string | undefined)[] = [];
    const onMessage = ({ deliveryId }: { deliveryId?: string | undefined }) => {
      names.push(deliveryId);
      return new Promise(() => undefined);
    };
    await subscribed(bench, client, peer, "#", { onMessage, concurrency: 10 });
    return { bench, client, peer, names };
  }

  test("is the same when the message is redelivered to the next process", async () => {
    const store = new MortalStore(new MemoryStore());
    const first = await receiving(store, false);
    first.peer.send(message("a", "1", 2, 1));
    first.peer.send(message("a", "2", 2, 2));
    await first.bench.clock.tick();
    await store.kill();
    const second = await receiving(store, true);
    second.peer.send({ ...message("a", "1", 2, 1), dup: true });
    second.peer.send({ ...message("a", "2", 2, 2), dup: true });
    await second.bench.clock.tick();
    expect(first.names).toHaveLength(2);
    expect(second.names).toEqual(first.names);
    expect(new Set(first.names).size).toBe(2);
  });

  test("does not exist at QoS 1 and 0, and without a store", async () => {
    const { bench, peer, names } = await receiving(new MemoryStore(), false);
    await bench.deliver(peer, message("a", "1", 1, 1), message("a", "2"));
    expect(names).toEqual([undefined, undefined]);
    const plain = new Bench();
    const online = await plain.online();
    const seen: unknown[] = [];
    await subscribed(plain, online.client, online.peer, "#", { onMessage: (each) => seen.push(each.deliveryId) });
    online.peer.send(message("a", "1", 2, 1));
    await plain.clock.tick();
    expect(seen).toEqual([undefined]);
  });
});
