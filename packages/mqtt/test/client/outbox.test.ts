import { describe, expect, test } from "vitest";
import { recordsOf } from "../../../../test/fixtures/stores.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { Bench, watch } from "./bench.ts";

describe("offline", () => {
  test("messages of every QoS wait and leave in their order", async () => {
    const bench = new Bench();
    const client = bench.create();
    const outcomes = Array.from({ length: 9 }, (_, i) =>
      watch(client.publish("t", String(i), { qos: (i % 3) as 0 | 1 | 2 })),
    );
    await bench.clock.advance(100);
    expect(outcomes.map(({ settled }) => settled)).toEqual(Array(9).fill(0));
    expect(client.statistics).toMatchObject({ messagesPublished: 9, pendingPublishes: 9 });
    watch(client.connect());
    const peer = await bench.accept();
    for (let i = 0; i < 9; i++) {
      const { payload, qos } = await peer.expect("publish");
      expect([new TextDecoder().decode(payload), qos]).toEqual([String(i), i % 3]);
    }
  });

  test("unacknowledged ones go first when the connection is back, as repetitions, behind them what came since", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ cleanStart: false });
    watch(client.publish("t", "1", { qos: 1 }));
    watch(client.publish("t", "2", { qos: 2 }));
    await peer.expect("publish");
    await peer.expect("publish");
    peer.send({ type: "pubrec", packetIdentifier: 2, reasonCode: 0 });
    await peer.expect("pubrel");
    peer.cut();
    await bench.clock.tick();
    watch(client.publish("t", "3", { qos: 1 }));
    const again = await bench.acceptAgain({ sessionPresent: true });
    expect(await again.expect("publish")).toMatchObject({ packetIdentifier: 1, dup: true });
    expect(await again.expect("pubrel")).toMatchObject({ packetIdentifier: 2 });
    expect(await again.expect("publish")).toMatchObject({ packetIdentifier: 3, dup: false });
  });

  test("a session that the server lost: QoS 1 goes again as new, an unanswered QoS 2 says SESSION_LOST", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const one = watch(client.publish("t", "1", { qos: 1 }));
    const two = watch(client.publish("t", "2", { qos: 2 }));
    const three = watch(client.publish("t", "3", { qos: 2 }));
    for (let i = 0; i < 3; i++) await peer.expect("publish");
    peer.send({ type: "pubrec", packetIdentifier: 3, reasonCode: 0 });
    await peer.expect("pubrel");
    peer.cut();
    const again = await bench.acceptAgain();
    const { packetIdentifier, dup } = await again.expect("publish");
    expect(dup).toBe(false);
    again.send({ type: "puback", packetIdentifier, reasonCode: 0 });
    await again.expectNothing();
    expect(one.value).toMatchObject({ reasonCode: 0 });
    expect(two.error).toMatchObject({ code: "SESSION_LOST", message: expect.stringMatching(/"t"/) });
    expect(three.value).toMatchObject({ qos: 2, reasonCode: 0 });
  });

  test("66,000 QoS 1 messages all settle, and arrive in order", async () => {
    const bench = new Bench();
    const client = bench.create();
    let settled = 0;
    for (let i = 0; i < 66_000; i++) {
      client.publish("t", String(i), { qos: 1 }).then(() => {
        settled++;
      });
    }
    watch(client.connect());
    const peer = await bench.accept();
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

describe("at a bound the message is OUTBOX_FULL, with the numbers, and the others stay", () => {
  test.each([
    [{ maximumCount: 3 }, /3 messages/],
    [{ maximumBytes: 3 * (1 + 10) }, /33 bytes/],
  ])("%o", async (outbox, numbers) => {
    const bench = new Bench();
    const client = bench.create({ outbox });
    const outcomes = Array.from({ length: 4 }, () => watch(client.publish("t", "0123456789", { qos: 1 })));
    await bench.clock.tick();
    expect(outcomes.map(({ settled }) => settled)).toEqual([0, 0, 0, 1]);
    expect(outcomes[3]?.error).toMatchObject({ name: "TransportError", code: "OUTBOX_FULL", message: numbers });
    watch(client.connect());
    const peer = await bench.accept();
    for (let i = 0; i < 3; i++) await peer.expect("publish");
    await peer.expectNothing();
    watch(client.publish("t", "there is room again", { qos: 1 }));
    await peer.expect("publish");
  });
});

describe("a message that expires in the queue", () => {
  test("settles while the client is offline, within a second of its time", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
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

  test("goes out with the interval it was given, whatever fraction of a millisecond the clock is at", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    for (let i = 0; i < 100; i++) {
      await bench.clock.advance(2 ** -12);
      const messageExpiryInterval = i % 2 === 0 ? 1 : 0xffff_ffff;
      const published = watch(client.publish("t", "", { properties: { messageExpiryInterval } }));
      expect(await peer.expect("publish")).toMatchObject({ properties: { messageExpiryInterval } });
      expect(published.error).toBeUndefined();
    }
  });

  test.each([4, 5] as const)("is told as expired and not sent on version %i", async (protocolVersion) => {
    const bench = new Bench();
    const client = bench.create({ protocolVersion });
    const properties = { messageExpiryInterval: 10 };
    const expired = watch(client.publish("t", "1", { qos: 1, properties }));
    await bench.clock.advance(5_000);
    watch(client.publish("t", "2", { qos: 1, properties }));
    await bench.clock.advance(5_000);
    watch(client.connect());
    const peer = await bench.accept();
    const sent = await peer.expect("publish");
    expect(expired.error).toMatchObject({
      name: "TimeoutError",
      code: "MESSAGE_EXPIRED",
      message: expect.stringMatching(/"t"/),
    });
    expect(new TextDecoder().decode(sent.payload)).toBe("2");
    expect(sent.properties).toEqual(protocolVersion === 5 ? { messageExpiryInterval: 5 } : undefined);
    await peer.expectNothing();
  });
});

describe("aborting a message", () => {
  test("that is queued takes it out", async () => {
    const bench = new Bench();
    const client = bench.create({ outbox: { maximumCount: 1 } });
    const abort = new AbortController();
    const aborted = watch(client.publish("t", "1", { qos: 2, signal: abort.signal }));
    abort.abort("no longer wanted");
    await bench.clock.tick();
    expect(aborted.error).toMatchObject({ name: "UsageError", code: "ABORTED", cause: "no longer wanted" });
    watch(client.publish("t", "2", { qos: 1 }));
    watch(client.connect());
    const peer = await bench.accept();
    expect(await peer.expect("publish")).toMatchObject({ qos: 1 });
    await peer.expectNothing();
  });

  test("that is on its way gives up the promise only", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const abort = new AbortController();
    const aborted = watch(client.publish("t", "1", { qos: 2, signal: abort.signal }));
    await peer.expect("publish");
    abort.abort();
    await bench.clock.tick();
    expect(aborted).toMatchObject({ settled: 1, error: { code: "ABORTED" } });
    expect(client.statistics.pendingPublishes).toBe(1);
    peer.send({ type: "pubrec", packetIdentifier: 1, reasonCode: 0 });
    await peer.expect("pubrel");
    peer.send({ type: "pubcomp", packetIdentifier: 1, reasonCode: 0 });
    await bench.clock.tick();
    expect(aborted.settled).toBe(1);
    expect(client.statistics.pendingPublishes).toBe(0);
  });

  test("that is done has no effect, and the signal is let go", async () => {
    const bench = new Bench();
    const { client } = await bench.online();
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

test("back-pressure: QoS 0 waits for the transport's room and loses nothing", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online();
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
  /** Milliseconds from dialling until the store is empty again, by an answering server. */
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
    expect(connectedAt).toBeLessThanOrEqual(25); // at CONNACK, and not after what is stored was sent
    await bench.passing(client.disconnect());
    expect(await recordsOf(store)).toEqual([]);
    return took;
  };

  test.each([false, true])("take two round trips, CONNECT's included (sent before: %s)", async (sent) => {
    expect(await timeToSend(undefined, sent)).toBeLessThanOrEqual(45);
  });

  test("take as many as the receive maximum asks for, and not one for each message", async () => {
    expect(await timeToSend(50, false)).toBeLessThanOrEqual(5 * 20 + 10);
  });
});

test("disconnect while offline settles all that waits, of every QoS", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online();
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
    expect(outcome).toMatchObject({ settled: 1, error: { name: "UsageError", code: "CLIENT_CLOSED" } });
  }
  expect(client.statistics.pendingPublishes).toBe(0);
  expect(bench.clock.nextTimer).toBe(Infinity);
});
