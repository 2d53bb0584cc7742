import { describe, expect, test } from "vitest";
import { recordsOf, storeAround } from "../../../../test/fixtures/stores.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { openRecords } from "../session/open-records.ts";
import { Bench, message, recordEvents, subscribed, watch } from "./bench.ts";

const dead = { drainTimeout: 0 };

describe("a client that is started again on its store", () => {
  test("goes on with identifiers, order and QoS 2 exchanges where the one before stopped", async () => {
    const store = new MemoryStore();
    const bench = new Bench();
    const { client, peer } = await bench.online({ store });
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
    const events = recordEvents(second);
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

  test("sends what an earlier one left before what is published before it connects", async () => {
    const store = new MemoryStore();
    const first = new Bench().create({ store });
    watch(first.publish("t", "old", { qos: 1 }));
    await new Promise((resolve) => setImmediate(resolve));
    await first.disconnect();

    const bench = new Bench();
    const client = bench.create({ store });
    watch(client.publish("t", "new", { qos: 1 }));
    watch(client.connect());
    const peer = await bench.accept();
    for (const text of ["old", "new"]) {
      const { payload, packetIdentifier } = await peer.expect("publish");
      expect(new TextDecoder().decode(payload)).toBe(text);
      peer.send({ type: "puback", packetIdentifier, reasonCode: 0 });
    }
    await bench.passing(client.disconnect());
    expect(openRecords(await recordsOf(store))).toEqual([]);
  });

  test("says as an event what became of a message that nobody waits for any more", async () => {
    const store = new MemoryStore();
    const first = new Bench().create({ store });
    watch(first.publish("t", "x", { qos: 1 }));
    await new Promise((resolve) => setImmediate(resolve));
    await first.disconnect();
    const bench = new Bench();
    const { client, peer } = await bench.online({ store });
    const events = recordEvents(client);
    await peer.expect("publish");
    peer.send({ type: "puback", packetIdentifier: 1, reasonCode: 0x87 });
    await bench.clock.tick();
    expect(events).toMatchObject([{ name: "error", value: { code: "PUBLISH_REFUSED", reasonCode: 0x87 } }]);
  });
});

describe("the store's owner", () => {
  test("may try again after a first connection that failed", async () => {
    const store = new MemoryStore();
    const bench = new Bench((attempt) => ({ refused: attempt === 0 }));
    const client = bench.create({ store });
    await expect(client.connect()).rejects.toMatchObject({ code: "CONNECTION_FAILED" });
    const connecting = client.connect();
    await bench.accept();
    expect(await connecting).toMatchObject({ protocolVersion: 5 });
  });

  test("is not robbed by another client that could not have it", async () => {
    const store = new MemoryStore();
    const bench = new Bench();
    const { client, peer } = await bench.online({ store });
    const other = new Bench().create({ store });
    await expect(other.connect()).rejects.toMatchObject({ code: "STORE_LOCKED" });
    await other.disconnect();
    const outcome = watch(client.publish("t", "x", { qos: 1 }));
    await peer.expect("publish");
    peer.send({ type: "puback", packetIdentifier: 1, reasonCode: 0 });
    await bench.clock.tick();
    expect(outcome.value).toMatchObject({ qos: 1 });
  });

  test("lets go of it when it gives up", async () => {
    const store = new MemoryStore();
    const bench = new Bench();
    const { peer } = await bench.online({ store, reconnect: false });
    peer.cut();
    await bench.clock.tick();
    expect(openRecords(await recordsOf(store))).toEqual([]);
  });
});

test("nothing of QoS 1 and 2 leaves before it is stored", async () => {
  let release: () => void = () => undefined;
  const slow = storeAround(new MemoryStore(), (session) => ({
    write: async (changes) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      await session.write(changes);
    },
  }));
  const bench = new Bench();
  const { client, peer } = await bench.online({ store: slow });
  watch(client.publish("t", "x", { qos: 1 }));
  await peer.expectNothing();
  release();
  await peer.expect("publish");
});

test("a store that fails costs the connection, and disconnect ends all the same", async () => {
  const broken = storeAround(new MemoryStore(), () => ({ write: () => Promise.reject(new Error("disk full")) }));
  const bench = new Bench();
  const { client } = await bench.online({ store: broken });
  watch(client.publish("t", "x", { qos: 1 }));
  const done = watch(client.disconnect({ drainTimeout: 0 }));
  await bench.clock.advance(1_000);
  expect(done.settled).toBe(1);
  expect(bench.clock.nextTimer).toBe(Infinity);
});

describe("messages of a resumed session", () => {
  test("wait for their subscription, unacknowledged", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ cleanStart: false }, { sessionPresent: true });
    const events = recordEvents(client);
    peer.send(message("a", "1", 1, 1));
    peer.send(message("b", "2", 2, 2));
    await peer.expectNothing();
    const got: string[] = [];
    const subscribing = client.subscribe(["a", "b"], { qos: 2, onMessage: (each) => got.push(each.text()) });
    await peer.expect("puback");
    await peer.expect("pubrec");
    const { packetIdentifier } = await peer.expect("subscribe");
    peer.send({ type: "suback", packetIdentifier, reasonCodes: [2, 2] });
    await bench.clock.tick();
    await subscribing;
    expect(got).toEqual(["1", "2"]);
    expect(events).toEqual([]);
  });

  test("wait ten seconds, and are then acknowledged and told as unclaimed; later ones wait no more", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ cleanStart: false }, { sessionPresent: true });
    const events = recordEvents(client);
    peer.send(message("a", "1", 1, 1));
    await bench.clock.advance(9_999);
    await peer.expectNothing();
    await bench.clock.advance(1);
    expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 1, reasonCode: 0 });
    peer.send(message("b", "2", 2, 2));
    await peer.expect("pubrec");
    expect(events).toMatchObject([
      { name: "unclaimed", value: { topic: "a" } },
      { name: "unclaimed", value: { topic: "b" } },
    ]);
  });

  test("do not wait if the server has no session", async () => {
    const bench = new Bench();
    const { peer } = await bench.online({ cleanStart: false });
    peer.send(message("a", "1", 1, 1));
    await peer.expect("puback");
    expect(bench.clock.nextTimer).toBe(Infinity);
  });

  test("that nobody claims come again with the next connection", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ cleanStart: false }, { sessionPresent: true });
    peer.send(message("a", "1", 1, 1));
    await peer.expectNothing();
    peer.cut();
    const again = await bench.acceptAgain({ sessionPresent: true });
    again.send({ ...message("a", "1", 1, 1), dup: true });
    await again.expectNothing();
    const got: string[] = [];
    watch(client.subscribe("a", { qos: 1, onMessage: (each) => got.push(each.text()) }));
    await bench.clock.tick();
    expect(got).toEqual(["1"]);
  });
});
