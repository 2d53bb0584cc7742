// When a message is durable in a store, and what happens to it when the client ends.
import { describe, expect, test } from "vitest";
import { recordsOf, storeAround } from "../../../../test/fixtures/stores.ts";
import type { Store } from "../../src/platform/store.ts";
import { INCOMING } from "../../src/session/incoming/incoming-records.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { openRecords } from "../session/open-records.ts";
import { Bench, watch } from "./bench.ts";

/** A store whose writes finish when the test decides. */
class SlowStore implements Store {
  private readonly inner = storeAround(new MemoryStore(), (session) => ({
    write: async (changes) => {
      this.writes++;
      await new Promise<void>((resolve) => this.waiting.push(resolve));
      for (const { key, value } of changes) if (key < INCOMING) this.records += value === undefined ? -1 : 1;
      return session.write(changes);
    },
  }));
  private waiting: (() => void)[] = [];
  records = 0;
  writes = 0;

  open(name: string) {
    return this.inner.open(name);
  }

  finish(): void {
    for (const each of this.waiting.splice(0)) each();
  }
}

async function online() {
  const bench = new Bench();
  const store = new SlowStore();
  const { client, peer } = await bench.online({ store }, { properties: { receiveMaximum: 20 } });
  return { bench, store, client, peer };
}

describe("with a full window", () => {
  test("every message is written to the store at once: 100 of 100", async () => {
    const { bench, store, client } = await online();
    for (let i = 0; i < 100; i++) watch(client.publish("t", String(i), { qos: 1 }));
    for (let i = 0; i < 5; i++) {
      await bench.clock.tick();
      store.finish();
    }
    expect(store.records).toBe(100);
  });

  test("messages of one tick are written together", async () => {
    const { bench, store, client } = await online();
    for (let i = 0; i < 20; i++) watch(client.publish("t", String(i), { qos: 1 }));
    await bench.clock.tick();
    store.finish();
    await bench.clock.tick();
    const { writes } = store;
    for (let i = 0; i < 80; i++) watch(client.publish("t", String(i), { qos: 1 }));
    await bench.clock.tick();
    expect(store.writes).toBe(writes + 1);
  });
});

describe("stored", () => {
  test("resolves when all earlier messages are durable", async () => {
    const { bench, store, client } = await online();
    for (let i = 0; i < 50; i++) watch(client.publish("t", String(i), { qos: 1 }));
    const stored = watch(client.stored());
    await bench.clock.tick();
    expect([stored.settled, store.records]).toEqual([0, 0]);
    while (stored.settled === 0) {
      store.finish();
      await bench.clock.tick();
    }
    expect(store.records).toBe(50);
    expect(stored.error).toBeUndefined();
  });

  test("resolves at once if all is durable", async () => {
    const { bench, store, client } = await online();
    const first = watch(client.stored()); // the session's first record
    await bench.clock.tick();
    store.finish();
    await bench.clock.tick();
    expect(first.settled).toBe(1);
    const { writes } = store;
    await client.stored();
    expect(store.writes).toBe(writes);
  });

  test("resolves before the client is connected", async () => {
    const bench = new Bench();
    const store = new MemoryStore();
    const client = bench.create({ store });
    watch(client.publish("t", "x", { qos: 1 }));
    await client.stored();
    await client.disconnect();
    expect(openRecords(await recordsOf(store))).toHaveLength(1);
  });

  test("rejects without a store, and for a closed client", async () => {
    const bench = new Bench();
    await expect(bench.create().stored()).rejects.toMatchObject({ code: "OPTION_INVALID" });
    const closed = bench.create({ store: new MemoryStore() });
    await closed.disconnect();
    await expect(closed.stored()).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
  });
});

describe("a message that is in the store when its client ends", () => {
  test.each(["online", "offline"])(
    "rejects with MESSAGE_KEPT for its publisher, who was %s, and is not an error for the next client",
    async (where) => {
      const bench = new Bench();
      const store = new MemoryStore();
      const client = bench.create({ store });
      if (where === "online") {
        await bench.connected(client);
      }
      const kept = [watch(client.publish("a", "1", { qos: 1 })), watch(client.publish("b", "2", { qos: 2 }))];
      await bench.clock.tick(); // until the store is open
      await bench.passing(client.disconnect({ drainTimeout: 100 }));
      for (const { error } of kept)
        expect(error).toMatchObject({
          name: "StoreError",
          code: "MESSAGE_KEPT",
          message: expect.stringMatching(/kept in the store/),
        });

      const next = bench.create({ store });
      const events = bench.recordEvents(next);
      watch(next.publish("c", "3", { qos: 1 }));
      await bench.clock.tick();
      await next.disconnect();
      expect(events.filter(({ name }) => name === "error")).toEqual([]);

      const last = bench.create({ store });
      const peer = await bench.connected(last, { sessionPresent: where === "online" });
      const topics = [];
      for (let i = 0; i < 3; i++) topics.push((await peer.expect("publish")).topic);
      expect(topics).toEqual(["a", "b", "c"]);
    },
  );

  test("also rejects with MESSAGE_KEPT when the client stops reconnecting", async () => {
    const { bench, client, peer } = await new Bench().online({ store: new MemoryStore(), reconnect: false });
    const kept = watch(client.publish("a", "1", { qos: 1 }));
    await peer.expect("publish");
    peer.cut();
    await bench.clock.tick();
    await bench.clock.tick();
    expect(kept.error).toMatchObject({ code: "MESSAGE_KEPT" });
  });

  test("does not if its QoS is 0, since it is not in the store", async () => {
    const bench = new Bench();
    const client = bench.create({ store: new MemoryStore() });
    const lost = watch(client.publish("a", "1"));
    await bench.clock.tick();
    await client.disconnect();
    expect(lost.error).toMatchObject({ code: "CLIENT_CLOSED" });
  });
});
