import { describe, expect, test } from "vitest";
import { recordsOf, storeAround } from "../../../../test/fixtures/stores.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { openRecords } from "../session/open-records.ts";
import { Bench, message, subscribed, watch } from "./bench.ts";

const dead = { drainTimeout: 0 };

/** A store in which an earlier process has left a message. */
async function storeWith(text: string): Promise<MemoryStore> {
  const store = new MemoryStore();
  const first = new Bench().create({ store });
  watch(first.publish("t", text, { qos: 1 }));
  await new Promise((resolve) => setImmediate(resolve));
  await first.disconnect();
  return store;
}

describe("a client that is started again on its store", () => {
  test("continues the identifiers, the order and the QoS 2 exchanges of the previous client", async () => {
    const store = new MemoryStore();
    const { bench, client, peer } = await new Bench().online({ store });
    expect(peer.received[0]).toMatchObject({ cleanStart: false });
    await subscribed(bench, client, peer, "in", { onMessage: () => undefined });
    for (const [text, qos] of [
      ["1", 1],
      ["2", 2],
      ["3", 2],
    ] as const)
      watch(client.publish("t", text, { qos }));
    for (let i = 0; i < 3; i++) await peer.expect("publish");
    peer.send({ type: "pubrec", packetIdentifier: 4, reasonCode: 0 });
    await peer.expect("pubrel");
    peer.send(message("in", "x", 2, 77));
    await peer.expect("pubrec");
    peer.cut();
    await bench.clock.tick();
    watch(client.publish("t", "4", { qos: 1 }));
    await bench.clock.tick();
    await client.disconnect(dead);

    const next = new Bench();
    const second = next.create({ store });
    const events = bench.recordEvents(second);
    const connecting = second.connect();
    const again = await next.accept({ sessionPresent: true });
    await connecting;
    expect(await again.expect("publish")).toMatchObject({ packetIdentifier: 2, qos: 1, dup: true });
    expect(await again.expect("publish")).toMatchObject({ packetIdentifier: 3, qos: 2, dup: true });
    expect(await again.expect("pubrel")).toMatchObject({ packetIdentifier: 4 });
    expect(await again.expect("publish")).toMatchObject({ packetIdentifier: 5, qos: 1, dup: false });
    again.send({ ...message("in", "x", 2, 77), dup: true });
    expect(await again.expect("pubrec")).toMatchObject({ packetIdentifier: 77 });
    expect(events.filter(({ name }) => name === "unclaimed")).toEqual([]);
    watch(second.publish("t", "5", { qos: 1 }));
    expect(await again.expect("publish")).toMatchObject({ packetIdentifier: 6 });
    for (const packetIdentifier of [2, 5, 6]) again.send({ type: "puback", packetIdentifier, reasonCode: 0 });
    again.send({ type: "pubrec", packetIdentifier: 3, reasonCode: 0 });
    await again.expect("pubrel");
    for (const packetIdentifier of [3, 4]) again.send({ type: "pubcomp", packetIdentifier, reasonCode: 0 });
    again.send({ type: "pubrel", packetIdentifier: 77, reasonCode: 0 });
    await again.expect("pubcomp");
    await next.passing(second.disconnect());
    expect(openRecords(await recordsOf(store))).toEqual([]);
  });

  test("sends stored messages before messages that are published before it connects", async () => {
    const store = await storeWith("old");

    const bench = new Bench();
    const client = bench.create({ store });
    watch(client.publish("t", "new", { qos: 1 }));
    const peer = await bench.connected(client);
    for (const text of ["old", "new"]) {
      const { payload, packetIdentifier } = await peer.expect("publish");
      expect(new TextDecoder().decode(payload)).toBe(text);
      peer.send({ type: "puback", packetIdentifier, reasonCode: 0 });
    }
    await bench.passing(client.disconnect());
    expect(openRecords(await recordsOf(store))).toEqual([]);
  });

  test("reports the outcome of a message that nobody waits for any more as an event", async () => {
    const store = await storeWith("x");
    const { bench, peer, events } = await new Bench().online({ store });
    await bench.answer(peer, "publish", 0x87);
    expect(events).toMatchObject([{ name: "error", value: { code: "PUBLISH_REFUSED", reasonCode: 0x87 } }]);
  });
});

describe("the store's owner", () => {
  test("may try again after a failed first connection", async () => {
    const store = new MemoryStore();
    const bench = new Bench((attempt) => ({ refused: attempt === 0 }));
    const client = bench.create({ store });
    await expect(client.connect()).rejects.toMatchObject({ code: "CONNECTION_FAILED" });
    const connecting = client.connect();
    await bench.accept();
    expect(await connecting).toMatchObject({ protocolVersion: 5 });
  });

  test("keeps it when another client fails to open it", async () => {
    const store = new MemoryStore();
    const { bench, client, peer } = await new Bench().online({ store });
    const other = new Bench().create({ store });
    await expect(other.connect()).rejects.toMatchObject({ code: "STORE_LOCKED" });
    await other.disconnect();
    const outcome = watch(client.publish("t", "x", { qos: 1 }));
    await bench.answer(peer, "publish");
    expect(outcome.value).toMatchObject({ qos: 1 });
  });

  test("releases it when it stops reconnecting", async () => {
    const store = new MemoryStore();
    const { bench, peer } = await new Bench().online({ store, reconnect: false });
    peer.cut();
    await bench.clock.tick();
    expect(openRecords(await recordsOf(store))).toEqual([]);
  });
});

test("QoS 1 and 2 messages are sent only after they are stored", async () => {
  const waiting: (() => void)[] = [];
  const slow = storeAround(new MemoryStore(), (session) => ({
    write: (changes) => new Promise<void>((resolve) => waiting.push(resolve)).then(() => session.write(changes)),
  }));
  const { client, peer } = await new Bench().online({ store: slow });
  watch(client.publish("t", "x", { qos: 1 }));
  await peer.expectNothing();
  waiting.shift()?.();
  await peer.expect("publish");
});

test("a store that fails ends the connection, and disconnect still ends", async () => {
  const store = storeAround(new MemoryStore(), () => ({ write: () => Promise.reject(new Error("disk full")) }));
  const { bench, client } = await new Bench().online({ store });
  watch(client.publish("t", "x", { qos: 1 }));
  const done = watch(client.disconnect({ drainTimeout: 0 }));
  await bench.clock.advance(1_000);
  expect(done.settled).toBe(1);
  expect(bench.clock.nextTimer).toBe(Infinity);
});
