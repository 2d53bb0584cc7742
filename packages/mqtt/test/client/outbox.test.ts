import { describe, expect, test } from "vitest";
import { recordsOf } from "../../../../test/fixtures/stores.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { Bench, watch } from "./bench.ts";

describe("offline", () => {
  test("66,000 QoS 1 messages all settle, and arrive in order", async () => {
    const bench = new Bench();
    const client = bench.create();
    let settled = 0;
    for (let i = 0; i < 66_000; i++) {
      client.publish("t", String(i), { qos: 1 }).then(() => {
        settled++;
      });
    }
    const peer = await bench.connected(client);
    const acknowledged = new Set<number>();
    let arrived = 0;
    for (let at = 1; settled < 66_000; ) {
      await bench.clock.tick();
      const { length } = peer.received;
      if (at === length && settled < 66_000) throw new Error(`nothing comes any more after ${settled} messages`);
      for (; at < length; at++) {
        const packet = peer.received[at];
        if (packet?.type !== "publish") throw new Error(`unexpected ${packet?.type}`);
        if (Number(new TextDecoder().decode(packet.payload)) !== arrived++) throw new Error("out of order");
        acknowledged.add(packet.packetIdentifier);
        peer.send({ type: "puback", packetIdentifier: packet.packetIdentifier, reasonCode: 0 });
      }
    }
    expect(arrived).toBe(66_000);
    expect(acknowledged.size).toBe(65_535);
    expect(client.statistics.pendingPublishes).toBe(0);
  });
});

describe("a message that expires in the queue", () => {
  test("fails while the client is offline, within a second of its expiry", async () => {
    const { bench, client, peer } = await new Bench().online();
    peer.cut();
    await bench.clock.tick();
    const soon = watch(client.publish("soon", "1", { qos: 1, properties: { messageExpiryInterval: 5 } }));
    const sooner = watch(client.publish("sooner", "1", { properties: { messageExpiryInterval: 2 } }));
    const later = watch(client.publish("later", "1", { qos: 1, properties: { messageExpiryInterval: 500 } }));
    await bench.clock.advance(3_000);
    expect([soon.settled, sooner.settled, later.settled]).toEqual([0, 1, 0]);
    await bench.clock.advance(3_000);
    expect([soon.error, sooner.error]).toMatchObject([{ code: "MESSAGE_EXPIRED" }, { code: "MESSAGE_EXPIRED" }]);
    expect(later.settled).toBe(0);
  });
});

describe("aborting a message", () => {
  test("that is queued removes it", async () => {
    const bench = new Bench();
    const client = bench.create({ outbox: { maximumCount: 1 } });
    const abort = new AbortController();
    const aborted = watch(client.publish("t", "1", { qos: 2, signal: abort.signal }));
    abort.abort("no longer wanted");
    await bench.clock.tick();
    expect(aborted.error).toMatchObject({ name: "AbortError", code: "ABORTED", cause: "no longer wanted" });
    watch(client.publish("t", "2", { qos: 1 }));
    const peer = await bench.connected(client);
    expect(await peer.expect("publish")).toMatchObject({ qos: 1 });
    await peer.expectNothing();
  });

  test("that is in flight rejects only the promise", async () => {
    const { bench, client, peer } = await new Bench().online();
    const abort = new AbortController();
    const aborted = watch(client.publish("t", "1", { qos: 2, signal: abort.signal }));
    await peer.expect("publish");
    abort.abort();
    await bench.clock.tick();
    expect(aborted).toMatchObject({ settled: 1, error: { code: "ABORTED" } });
    expect(client.statistics.pendingPublishes).toBe(1);
    peer.send({ type: "pubrec", packetIdentifier: 1, reasonCode: 0 });
    await bench.answer(peer, "pubrel");
    expect(aborted.settled).toBe(1);
    expect(client.statistics.pendingPublishes).toBe(0);
  });

  test("that is finished has no effect, and its signal's listener is removed", async () => {
    const { bench, client } = await new Bench().online();
    let listeners = 0;
    const signal = {
      aborted: false,
      addEventListener: () => void listeners++,
      removeEventListener: () => void listeners--,
    };
    const outcome = watch(client.publish("t", "1", { signal }));
    expect(listeners).toBe(1);
    await bench.clock.tick();
    expect(outcome.settled).toBe(1);
    expect(listeners).toBe(0);
  });
});

test("back-pressure: QoS 0 waits until the transport has room, and loses nothing", async () => {
  const { bench, client, peer } = await new Bench().online();
  peer.pause();
  const outcomes = Array.from({ length: 40 }, () => watch(client.publish("t", new Uint8Array(10_000))));
  await bench.clock.advance(1_000);
  expect(outcomes.filter(({ settled }) => settled > 0)).toEqual([]);
  peer.resume();
  await bench.clock.advance(1_000);
  expect(outcomes.every(({ settled, error }) => settled === 1 && error === undefined)).toBe(true);
  expect(peer.received.filter(({ type }) => type === "publish")).toHaveLength(40);
});

describe("200 stored messages over a link of 10 ms each way", () => {
  /** Milliseconds from dialling until the store is empty again, with a server that answers. */
  const timeToSend = async (receiveMaximum: number | undefined, sent: boolean): Promise<number> => {
    const store = new MemoryStore();
    const first = new Bench();
    const before = first.create({ store });
    if (sent) {
      watch(before.connect());
      await first.accept();
    }
    for (let i = 0; i < 200; i++) watch(before.publish("t", String(i), { qos: 1 }));
    await first.clock.tick();
    watch(before.disconnect({ drainTimeout: 0 }));
    await first.clock.advance(1_000);

    const bench = new Bench(() => ({ delay: 10 }));
    const { clock } = bench;
    const client = bench.create({ store });
    let connectedAt = 0;
    client.on("connected", () => {
      connectedAt = clock.now() - start;
    });
    const start = clock.now();
    const connecting = watch(client.connect());
    const peer = await bench.passing(bench.server.next());
    for (let at = 0; client.statistics.pendingPublishes > 0 || at === 0; ) {
      for (; at < peer.received.length; at++) {
        const packet = peer.received[at];
        const properties = receiveMaximum === undefined ? {} : { receiveMaximum };
        if (packet?.type === "connect") peer.send({ type: "connack", sessionPresent: true, reasonCode: 0, properties });
        else if (packet?.type === "publish")
          peer.send({ type: "puback", packetIdentifier: packet.packetIdentifier, reasonCode: 0 });
      }
      await clock.advance(1);
      if (clock.now() - start > 5_000) throw new Error(`${client.statistics.pendingPublishes} messages are left`);
    }
    const took = clock.now() - start;
    expect(connecting.settled).toBe(1);
    expect(connectedAt).toBeLessThanOrEqual(25); // at CONNACK, and not after the stored messages were sent
    await bench.passing(client.disconnect());
    expect(await recordsOf(store)).toEqual([]);
    return took;
  };

  test.each([false, true])("take two round trips, including CONNECT (sent before: %s)", async (sent) => {
    expect(await timeToSend(undefined, sent)).toBeLessThanOrEqual(45);
  });

  test("take as many round trips as the receive maximum requires, not one for each message", async () => {
    expect(await timeToSend(50, false)).toBeLessThanOrEqual(5 * 20 + 10);
  });
});

test("disconnect while offline settles all pending messages of every QoS", async () => {
  const { bench, client, peer } = await new Bench().online();
  const sent = [1, 2].map((qos) => watch(client.publish("t", "sent", { qos: qos as 1 | 2 })));
  for (const _ of sent) await peer.expect("publish");
  peer.cut();
  await bench.clock.tick();
  const queued = [0, 1, 2].map((qos) => watch(client.publish("t", "queued", { qos: qos as 0 | 1 | 2 })));
  const done = watch(client.disconnect());
  const late = watch(client.publish("t", "late"));
  await bench.clock.tick();
  expect(done).toMatchObject({ settled: 1 });
  for (const outcome of [...sent, ...queued, late]) {
    expect(outcome).toMatchObject({ settled: 1, error: { name: "ClosedError", code: "CLIENT_CLOSED" } });
  }
  expect(client.statistics.pendingPublishes).toBe(0);
  expect(bench.clock.nextTimer).toBe(Infinity);
});
