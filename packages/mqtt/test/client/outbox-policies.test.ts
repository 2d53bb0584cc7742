import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Client, OutboxOptions } from "@aiko/mqtt";
import type { PublishPacket } from "@aiko/mqtt/codec";
import type { ScriptedPeer } from "@aiko/mqtt/testing";
import { afterEach, describe, expect, test } from "vitest";
import { recordsOf } from "../../../../test/fixtures/stores.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { Bench, errorCodes, watch } from "./bench.ts";

const none = { refused: 0, droppedOldest: 0, droppedNewest: 0, replaced: 0, droppedOffline: 0, tooOld: 0, expired: 0 };

/** Acknowledges QoS 1 messages until the client has none left, and returns them in their order of arrival. */
async function acknowledgeAll(bench: Bench, client: Client, peer: ScriptedPeer): Promise<PublishPacket[]> {
  const messages: PublishPacket[] = [];
  for (let at = 1; ; ) {
    await bench.clock.tick();
    if (at === peer.received.length) {
      expect(client.statistics.pendingPublishes).toBe(0);
      return messages;
    }
    for (; at < peer.received.length; at++) {
      const packet = peer.received[at];
      if (packet?.type !== "publish") throw new Error(`unexpected ${packet?.type}`);
      messages.push(packet);
      peer.send({ type: "puback", packetIdentifier: packet.packetIdentifier, reasonCode: 0 });
    }
  }
}

const textOf = ({ payload }: PublishPacket): string => new TextDecoder().decode(payload);

describe("policy", () => {
  const cases: [OutboxOptions, string[], Record<string, number>][] = [
    [{ policy: "reject" }, ["sent", "sent", "sent", "OUTBOX_FULL", "OUTBOX_FULL"], { refused: 2 }],
    [{ policy: "drop-newest" }, ["sent", "sent", "sent", "OUTBOX_DROPPED", "OUTBOX_DROPPED"], { droppedNewest: 2 }],
    [{ policy: "drop-oldest" }, ["OUTBOX_DROPPED", "OUTBOX_DROPPED", "sent", "sent", "sent"], { droppedOldest: 2 }],
    [{ policy: "keep-latest" }, ["OUTBOX_REPLACED", "OUTBOX_REPLACED", "sent", "sent", "sent"], { replaced: 2 }],
  ];

  test.each(cases)(
    "%o settles each message with its outcome, counts it, and stores the remaining ones",
    async (outbox, fates, counts) => {
      const store = new MemoryStore();
      const first = new Bench();
      const client = first.create({ store, outbox: { maximumCount: 3, ...outbox } });
      const topics = ["a", "b", "a", "b", "c"];
      const outcomes = topics.map((topic, i) => watch(client.publish(topic, String(i), { qos: 1 })));
      await first.clock.tick();
      const codes = outcomes.map(({ error }) => (error as { code?: string } | undefined)?.code ?? "sent");
      expect(codes).toEqual(fates);
      expect(client.statistics.outbox).toEqual({ ...none, ...counts });
      await client.disconnect();
      expect(outcomes.every(({ settled }) => settled === 1)).toBe(true);

      const bench = new Bench();
      const second = bench.create({ store });
      const peer = await bench.connected(second);
      const expected = fates.flatMap((fate, i) => (fate === "sent" ? [String(i)] : []));
      expect((await acknowledgeAll(bench, second, peer)).map(textOf)).toEqual(expected);
      await bench.passing(second.disconnect());
      expect(await recordsOf(store)).toEqual([]);
    },
  );

  test("drop-oldest drops as many messages as a large one needs, and none for one that can never fit", async () => {
    const bench = new Bench();
    const client = bench.create({ outbox: { maximumBytes: 100, policy: "drop-oldest" } });
    const outcomes = [30, 30, 30, 60, 200].map((size) => watch(client.publish("t", new Uint8Array(size))));
    await bench.clock.tick();
    expect(outcomes.map(({ error }) => (error as { code?: string } | undefined)?.code)).toEqual([
      "OUTBOX_DROPPED",
      "OUTBOX_DROPPED",
      undefined,
      undefined,
      "OUTBOX_FULL",
    ]);
    expect(outcomes[0]?.error).toMatchObject({
      name: "OutboxError",
      message: expect.stringMatching(/100 bytes.*"t".*drop-oldest/),
    });
  });

  test("drop-oldest and keep-latest never drop what was sent, also when the server has lost the session", async () => {
    for (const policy of ["drop-oldest", "keep-latest"] as const) {
      const bench = new Bench();
      const outbox = { maximumCount: 2, policy };
      const { client, peer } = await bench.online({ outbox, cleanStart: false });
      const sent = [1, 2, 3].map((i) => watch(client.publish("t", String(i), { qos: 1 })));
      for (let i = 0; i < 3; i++) await peer.expect("publish");
      peer.cut();
      await bench.clock.tick();
      const later = [4, 5, 6, 7].map((i) => watch(client.publish("t", String(i), { qos: 1 })));
      const again = await bench.acceptAgain({ sessionPresent: false });
      const texts = (await acknowledgeAll(bench, client, again)).map(textOf);
      expect(texts).toEqual(policy === "drop-oldest" ? ["1", "2", "3", "6", "7"] : ["1", "2", "3", "7"]);
      expect(sent.every(({ value }) => value !== undefined)).toBe(true);
      expect(later.every(({ settled }) => settled === 1)).toBe(true);
    }
  });

  test("keep-latest keeps a topic's place, so that a topic that changes all the time is sent in its turn", async () => {
    const bench = new Bench();
    const client = bench.create({ outbox: { maximumCount: 3, policy: "keep-latest" } });
    for (const [topic, text] of [
      ["busy", "1"],
      ["calm", "2"],
      ["busy", "3"],
      ["third", "4"],
      ["busy", "5"],
    ] as const)
      watch(client.publish(topic, text, { qos: 1 }));
    const fourth = watch(client.publish("fourth", "6", { qos: 1 }));
    await bench.clock.tick();
    expect(fourth.error).toMatchObject({ code: "OUTBOX_FULL" });
    const peer = await bench.connected(client);
    expect((await acknowledgeAll(bench, client, peer)).map(textOf)).toEqual(["5", "2", "4"]);
  });

  test("a message that the policy drops causes no unhandled rejection", async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    const others = process.listeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection").on("unhandledRejection", note);
    try {
      for (const policy of ["drop-oldest", "drop-newest", "keep-latest"] as const) {
        const client = new Bench().create({ outbox: { maximumCount: 2, policy, qos0: "drop" } });
        for (let i = 0; i < 5; i++) void client.publish("t", "x", { qos: i % 2 ? 0 : 1 });
      }
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.removeAllListeners("unhandledRejection");
      for (const each of others) process.on("unhandledRejection", each);
    }
    expect(unhandled).toEqual([]);
  });
});

describe("maximumAge", () => {
  test("is reported as MESSAGE_EXPIRED, also offline, and the error names the option", async () => {
    const bench = new Bench();
    const client = bench.create({ outbox: { maximumAge: 5_000 } });
    const old = watch(client.publish("t", "1", { qos: 1 }));
    await bench.clock.advance(4_000);
    const young = watch(client.publish("t", "2", { qos: 1 }));
    await bench.clock.advance(2_000);
    expect(old.error).toMatchObject({
      name: "TimeoutError",
      code: "MESSAGE_EXPIRED",
      message: expect.stringMatching(/maximumAge, 5000 ms/),
    });
    expect(young.settled).toBe(0);
    expect(client.statistics.outbox).toEqual({ ...none, tooOld: 1 });
    await bench.clock.advance(5_000);
    expect(young.settled).toBe(1);
    expect(bench.clock.nextTimer).toBe(Infinity);
  });

  test("includes the time in the store, and removes expired messages from it", async () => {
    const store = new MemoryStore();
    const first = new Bench();
    const client = first.create({ store, outbox: { maximumAge: 5_000 } });
    watch(client.publish("t", "1", { qos: 1 }));
    await first.clock.advance(3_000);
    watch(client.publish("t", "2", { qos: 1 }));
    await first.clock.tick();
    await client.disconnect();
    const bench = new Bench();
    await bench.clock.advance(6_000);
    const second = bench.create({ store, outbox: { maximumAge: 5_000 } });
    const errors = errorCodes(second);
    const peer = await bench.connected(second);
    expect((await acknowledgeAll(bench, second, peer)).map(textOf)).toEqual(["2"]);
    await bench.passing(second.disconnect());
    expect(await recordsOf(store)).toEqual([]);
    expect(errors).toEqual(["MESSAGE_EXPIRED"]);
  });

  test("does not apply to a message in flight", async () => {
    const { bench, client, peer } = await new Bench().online({ outbox: { maximumAge: 1_000 } });
    const outcome = watch(client.publish("t", "1", { qos: 1 }));
    await peer.expect("publish");
    await bench.clock.advance(10_000);
    await bench.deliver(peer, { type: "puback", packetIdentifier: 1, reasonCode: 0 });
    expect(outcome.value).toMatchObject({ reasonCode: 0 });
  });
});

test('qos0 "drop": QoS 0 is dropped while there is no connection, and only then', async () => {
  const bench = new Bench();
  const client = bench.create({ outbox: { qos0: "drop" } });
  const [zero, one] = [0, 1].map((qos) => watch(client.publish("t", "x", { qos: qos as 0 | 1 })));
  await bench.clock.tick();
  expect(zero?.error).toMatchObject({
    code: "OUTBOX_DROPPED",
    message: expect.stringMatching(/not connected.*"drop"/),
  });
  expect(one?.settled).toBe(0);
  expect(client.statistics.outbox).toEqual({ ...none, droppedOffline: 1 });
  const peer = await bench.connected(client);
  await peer.expect("publish");
  const online = watch(client.publish("t", "y"));
  await peer.expect("publish");
  expect(online.value).toMatchObject({ qos: 0 });
});

test.each([{ policy: "drop-all" }, { qos0: "keep" }, { maximumAge: 0 }, { maximumAge: 1.5 }, { maximumAges: 5 }])(
  "outbox %o is rejected, and the error names the option",
  (outbox) => {
    const [name] = Object.keys(outbox);
    expect(() => new Bench().create({ outbox: outbox as OutboxOptions })).toThrow(`outbox.${name}`);
  },
);

describe("one hour offline: dropped messages are counted, and memory does not grow", () => {
  const { stackTraceLimit } = Error;
  afterEach(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });

  const SECONDS = 3_600;
  const TOPICS = 50;
  const maximumCount = 1_000;
  /** Messages each second; the kept ones, from the first or the last; how the others are counted. */
  const cases: [number, OutboxOptions, { first?: number; last?: number }, string][] = [
    [1_000, { policy: "drop-oldest" }, { last: maximumCount }, "droppedOldest"],
    [100, { policy: "reject" }, { first: maximumCount }, "refused"],
    [100, { policy: "drop-newest" }, { first: maximumCount }, "droppedNewest"],
    [100, { policy: "keep-latest" }, { last: TOPICS }, "replaced"],
    [100, { policy: "reject", maximumAge: 3_000 }, { last: 200 }, "tooOld"], // at 3,600 s those of 3,597 s are too old
  ];

  test.each(cases)("%d messages a second, %o", async (rate, outbox, { first, last }, counted) => {
    const total = SECONDS * rate;
    const kept = Array.from(
      { length: first ?? last ?? 0 },
      (_, i) => (first === undefined ? total - (last ?? 0) : 0) + i,
    );
    Error.stackTraceLimit = 0; // errors take less memory
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const heap = (): number => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    const bench = new Bench();
    const client = bench.create({ outbox: { maximumCount, ...outbox } });
    const codes = new Map<string, number>();
    const count = ({ code }: { code: string }): void => void codes.set(code, (codes.get(code) ?? 0) + 1);
    let delivered = 0;
    let early = 0;
    for (let second = 0, n = 0; second < SECONDS; second++) {
      for (let i = 0; i < rate; i++, n++)
        client.publish(`t/${n % TOPICS}`, String(n), { qos: 1 }).then(() => void delivered++, count);
      await bench.clock.advance(1_000);
      if (second === 600) early = heap();
    }
    expect(heap() - early).toBeLessThan(2_000_000);
    const lost = total - kept.length;
    expect(client.statistics.outbox).toEqual({ ...none, [counted]: lost });
    expect([...codes.values()]).toEqual([lost]);
    const peer = await bench.connected(client);
    expect((await acknowledgeAll(bench, client, peer)).map((each) => Number(textOf(each)))).toEqual(kept);
    expect(delivered).toBe(kept.length);
  });
});
