// Messages while the store fails: each failure is reported, no message is sent that is not stored, and obsolete records
// are corrected with the next write.
import { type Store, StoreError } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { recordsOf, storeAround } from "../../../../test/fixtures/stores.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { openRecords } from "../session/open-records.ts";
import { Bench, errorCodes, message, subscribed, watch } from "./bench.ts";

const full = () => new StoreError("STORE_FULL", "the disk is full");

/** A store that fails on request, and counts its calls. */
function failingStore(inner = new MemoryStore()) {
  const state = { failure: undefined as unknown, writes: 0, failures: 0 };
  const store = storeAround(inner, (session) => ({
    async write(changes) {
      state.writes++;
      await undefined;
      if (state.failure === undefined) return session.write(changes);
      state.failures++;
      throw state.failure;
    },
  }));
  return Object.assign(state, store);
}

const openIn = async (store: Store): Promise<number> => openRecords(await recordsOf(store)).length;

describe("a store that fails once", () => {
  test("while a message is in flight: the error is reported, the message is not sent, and everything else continues", async () => {
    const inner = new MemoryStore();
    const store = failingStore(inner);
    const { bench, client, events } = await new Bench().online({ store });
    store.failure = full();
    const refused = watch(client.publish("t", "1", { qos: 1 }));
    await bench.clock.tick();
    expect(refused.error).toMatchObject({ name: "StoreError", code: "STORE_FULL" });
    expect(events).toMatchObject([
      { name: "disconnected", value: { error: { code: "STORE_FULL" } } },
      { name: "reconnecting", value: { error: { code: "STORE_FULL" } } },
    ]);
    store.failure = undefined;
    const again = await bench.acceptAgain({ sessionPresent: true });
    const outcome = watch(client.publish("t", "2", { qos: 1 }));
    const sent = await again.expect("publish");
    expect([new TextDecoder().decode(sent.payload), sent.dup]).toEqual(["2", false]);
    await bench.deliver(again, { type: "puback", packetIdentifier: sent.packetIdentifier, reasonCode: 0 });
    expect(outcome.value).toMatchObject({ reasonCode: 0 });
    await bench.passing(client.disconnect());
    expect(await openIn(inner)).toBe(0);
  });

  test("offline: messages of the failed write are reported, later messages are stored", async () => {
    const inner = new MemoryStore();
    const store = failingStore(inner);
    const bench = new Bench();
    const client = bench.create({ store });
    const errors = errorCodes(client);
    const kept = watch(client.publish("t", "0", { qos: 1 }));
    await bench.clock.tick();
    store.failure = new Error("EIO");
    const refused = watch(client.publish("t", "1", { qos: 2 }));
    const zero = watch(client.publish("t", "qos 0"));
    await bench.clock.tick();
    store.failure = undefined;
    const later = watch(client.publish("t", "2", { qos: 1 }));
    await bench.clock.advance(2_000);
    expect(refused.error).toMatchObject({
      name: "StoreError",
      code: "STORE_FAILED",
      message: expect.stringMatching(/EIO/),
    });
    expect([kept.settled, zero.settled, later.settled]).toEqual([0, 0, 0]);
    const peer = await bench.connected(client);
    const texts: string[] = [];
    for (let i = 0; i < 3; i++) texts.push(new TextDecoder().decode((await peer.expect("publish")).payload));
    expect(texts).toEqual(["0", "qos 0", "2"]);
    await bench.passing(client.disconnect({ drainTimeout: 0 }));
    expect(await openIn(inner)).toBe(2);
    expect(errors).toEqual(["STORE_FAILED"]);
  });

  test("at an acknowledgement: the record is removed with the next write", async () => {
    const inner = new MemoryStore();
    const store = failingStore(inner);
    const { bench, client, peer } = await new Bench().online({ store });
    const first = watch(client.publish("t", "1", { qos: 1 }));
    await peer.expect("publish");
    store.failure = full();
    await bench.deliver(peer, { type: "puback", packetIdentifier: 1, reasonCode: 0 });
    const refused = watch(client.publish("t", "2", { qos: 1 }));
    await bench.clock.tick();
    expect([first.settled, refused.settled]).toEqual([1, 1]);
    store.failure = undefined;
    await bench.acceptAgain({ sessionPresent: true });
    await bench.passing(client.disconnect());
    expect(await openIn(inner)).toBe(0);
  });

  test("at PUBREC: the exchange continues where it was, over the next connection and in the next process", async () => {
    const inner = new MemoryStore();
    const store = failingStore(inner);
    const { bench, client, peer } = await new Bench().online({ store });
    const outcome = watch(client.publish("t", "1", { qos: 2 }));
    await peer.expect("publish");
    store.failure = full();
    await bench.deliver(peer, { type: "pubrec", packetIdentifier: 1, reasonCode: 0 });
    expect(peer.received.map(({ type }) => type)).not.toContain("pubrel");
    store.failure = undefined;
    const again = await bench.acceptAgain({ sessionPresent: true });
    await again.expect("pubrel");
    await bench.passing(client.disconnect({ drainTimeout: 0 }));
    expect(outcome.settled).toBe(1);
    const next = new Bench();
    const second = next.create({ store: inner });
    watch(second.connect());
    const third = await next.accept({ sessionPresent: true });
    expect(await third.expect("pubrel")).toMatchObject({ packetIdentifier: 1 });
  });

  test("at a received QoS 2 message: PUBREC is sent once it is stored, and the message is not delivered twice", async () => {
    const inner = new MemoryStore();
    const store = failingStore(inner);
    const { bench, client, peer } = await new Bench().online({ store });
    const got: string[] = [];
    await subscribed(bench, client, peer, "in", { onMessage: (each) => void got.push(each.text()) });
    store.failure = full();
    await bench.deliver(peer, message("in", "x", 2, 7));
    expect(peer.received.map(({ type }) => type)).not.toContain("pubrec");
    store.failure = undefined;
    const again = await bench.acceptAgain({ sessionPresent: true });
    again.send({ ...message("in", "x", 2, 7), dup: true });
    await again.expect("pubrec");
    expect(got).toEqual(["x"]);
    await bench.passing(client.disconnect({ drainTimeout: 0 }));
    expect(await openIn(inner)).toBe(1);
  });
});

describe("a store that stays full", () => {
  test("rejects each message, and sends those that it holds", async () => {
    const inner = new MemoryStore({ maximumBytes: 500 });
    const bench = new Bench();
    const client = bench.create({ store: inner });
    const errors = errorCodes(client);
    const outcomes = [];
    for (let i = 0; i < 20; i++) {
      outcomes.push(watch(client.publish("t", "0123456789", { qos: 1 })));
      await bench.clock.advance(1_100);
    }
    const stored = outcomes.filter(({ settled }) => settled === 0);
    expect(stored.length).toBeGreaterThan(2);
    expect(stored).toEqual(outcomes.slice(0, stored.length));
    for (const { error } of outcomes.slice(stored.length)) expect(error).toMatchObject({ code: "STORE_FULL" });
    expect(client.statistics.pendingPublishes).toBe(stored.length);
    const peer = await bench.connected(client);
    for (let i = 0; i < stored.length; i++) await bench.answer(peer, "publish");
    await bench.clock.tick();
    expect(stored.every(({ value }) => value !== undefined)).toBe(true);
    const again = watch(client.publish("t", "there is room", { qos: 1 }));
    await peer.expect("publish");
    expect(again.settled).toBe(0);
    expect(new Set(errors)).toEqual(new Set(["STORE_FULL"]));
  });

  test("does not prevent the client from connecting to send what it holds", async () => {
    const inner = new MemoryStore({ maximumBytes: 500 });
    const { bench, client, peer } = await new Bench().online({ store: inner });
    const errors = errorCodes(client);
    peer.cut();
    await bench.clock.tick();
    const outcomes = Array.from({ length: 20 }, () => watch(client.publish("t", "0123456789", { qos: 1 })));
    const again = await bench.acceptAgain({ sessionPresent: true });
    await bench.clock.tick();
    for (const packet of again.received) {
      if (packet.type === "publish")
        again.send({ type: "puback", packetIdentifier: packet.packetIdentifier, reasonCode: 0 });
    }
    await bench.clock.tick();
    expect(outcomes.every(({ settled }) => settled === 1)).toBe(true);
    expect(client.statistics.pendingPublishes).toBe(0);
    expect(client.connected).toBe(true);
    expect(new Set(errors)).toEqual(new Set(["STORE_FULL"]));
  });

  test("is tried once a second, not for each message, and its failures are events", async () => {
    const store = failingStore();
    const bench = new Bench();
    const client = bench.create({ store, outbox: { maximumCount: 10, policy: "drop-oldest" } });
    const events = bench.recordEvents(client);
    for (let i = 0; i < 10; i++) watch(client.publish("t", "old", { qos: 1 }));
    await bench.clock.tick();
    store.failure = full();
    const outcomes = Array.from({ length: 1_000 }, () => watch(client.publish("t", "x", { qos: 1 })));
    await bench.clock.advance(10_000);
    expect(store.failures).toBeLessThan(15);
    expect(events.length).toBe(store.failures);
    expect(events[0]).toMatchObject({ name: "error", value: { code: "STORE_FULL" } });
    expect(outcomes.every(({ settled }) => settled === 1)).toBe(true);
    const leaving = watch(client.disconnect());
    await bench.clock.tick();
    expect(leaving.error).toMatchObject({ code: "STORE_FULL" });
    expect(bench.clock.nextTimer).toBe(Infinity);
  });
});

describe("a store that cannot be written", () => {
  test("fails the messages, and the client keeps trying and reports the reason", async () => {
    const store = failingStore();
    const { bench, client, peer, events } = await new Bench().online({ store });
    await subscribed(bench, client, peer, "in", { onMessage: () => undefined });
    store.failure = new StoreError("STORE_FAILED", "EROFS: read-only file system");
    const outcome = watch(client.publish("t", "1", { qos: 2 }));
    await bench.clock.tick();
    expect(outcome.error).toMatchObject({ code: "STORE_FAILED", message: expect.stringMatching(/read-only/) });
    expect(events.map(({ name }) => name)).toEqual(["disconnected", "reconnecting"]);
    await bench.acceptAgain({ sessionPresent: true });
    const zero = watch(client.publish("t", "QoS 0 rests on nothing"));
    await bench.clock.tick();
    expect(zero.value).toMatchObject({ qos: 0 });
  });

  test.each([
    ["STORE_LOCKED", "another owner has it"],
    ["STORE_CORRUPT", "1 bytes at 5 were damaged"],
    ["STORE_FAILED", "EROFS: read-only file system"],
  ] as const)("%s at open: connect and publish reject with the error, and may be called again", async (code, why) => {
    let failing = true;
    const inner = new MemoryStore();
    const store: Store = {
      open: (name) => (failing ? Promise.reject(new StoreError(code, why)) : inner.open(name)),
    };
    const bench = new Bench();
    const client = bench.create({ store });
    const [connecting, publishing] = [watch(client.connect()), watch(client.publish("t", "x", { qos: 1 }))];
    await bench.clock.tick();
    expect([connecting.error, publishing.error]).toMatchObject([{ code }, { code }]);
    failing = false;
    watch(client.publish("t", "x", { qos: 1 }));
    watch(client.connect());
    await (await bench.accept()).expect("publish");
  });
});

test("changes that arrive during a write are written together", async () => {
  const store = failingStore();
  const bench = new Bench();
  const client = bench.create({ store });
  for (let i = 0; i < 10_000; i++) watch(client.publish("t", String(i), { qos: 1 }));
  await bench.clock.tick();
  expect(store.writes).toBeLessThan(5);
});

describe("a store that never answers", () => {
  const never = () => new Promise<never>(() => {});

  test("in a write: disconnect ends within a limit, and reports the failure", async () => {
    const store = storeAround(new MemoryStore(), () => ({ write: never }));
    const { bench, client } = await new Bench().online({ store });
    const published = watch(client.publish("t", "1", { qos: 1 }));
    await bench.clock.tick();
    const done = watch(client.disconnect());
    await bench.clock.advance(70_000);
    expect(published.error).toMatchObject({ code: "DRAIN_TIMEOUT" });
    expect([done.settled, done.error]).toEqual([1, expect.objectContaining({ code: "STORE_TIMEOUT" })]);
    expect(bench.clock.nextTimer).toBe(Infinity);
  });

  test("in opening: connect fails within a limit", async () => {
    const bench = new Bench();
    const client = bench.create({ store: { open: never } });
    const connecting = watch(client.connect());
    await bench.clock.advance(60_000);
    expect(connecting.error).toMatchObject({ code: "STORE_TIMEOUT" });
  });

  test("in opening until it is too late: the session is released, and connect may be called again", async () => {
    const bench = new Bench();
    const inner = new MemoryStore();
    let opened = 0;
    const open: Store["open"] = async (name) => {
      if (opened++ === 0) await new Promise<void>((resolve) => bench.clock.schedule(61_000, resolve));
      return inner.open(name);
    };
    const client = bench.create({ store: { open } });
    const first = watch(client.connect());
    await bench.clock.advance(62_000);
    expect(first.error).toMatchObject({ code: "STORE_TIMEOUT" });
    const second = watch(client.connect());
    await bench.accept();
    expect([second.settled, second.error]).toEqual([1, undefined]);
    expect(opened).toBe(2);
  });
});
