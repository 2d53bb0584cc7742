// Many retained messages for one subscription: in slices, as fast as the client reads, and in order with live messages.
import type { Clock } from "@aiko/mqtt";
import { FakeClock } from "@aiko/mqtt/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { KnownClient } from "../src/clients/known-client.ts";
import { MemoryBudget } from "../src/messages/memory-budget.ts";
import { type PublishedMessage, publishedMessage } from "../src/messages/published-message.ts";
import { RetainedMessages } from "../src/messages/retained-messages.ts";
import { RetainedReplays } from "../src/messages/retained-replay.ts";
import { Bench, kept, message, receive, subscribe } from "./bench.ts";

/** A clock whose deferred callbacks a test runs one by one. */
class StepClock extends FakeClock implements Clock {
  readonly turns: (() => void)[] = [];
  override defer(callback: () => void): void {
    this.turns.push(callback);
  }
}

/** A client that notes the payloads that it receives, and has room for some. */
class Reader {
  readonly got: string[] = [];
  room = Infinity;
  private waiting: (() => void) | undefined;
  readonly isOnline = true;

  get isBacklogged(): boolean {
    return this.got.length >= this.room;
  }

  whenRoom(then: () => void): void {
    this.waiting = then;
  }

  deliver({ topic, payload }: PublishedMessage): boolean {
    this.got.push(`${topic}=${new TextDecoder().decode(payload)}`);
    return true;
  }

  giveRoom(count: number): void {
    this.room = this.got.length + count;
    const then = this.waiting;
    this.waiting = undefined;
    then?.();
  }

  get asClient(): KnownClient {
    return this as unknown as KnownClient;
  }
}

const CLIENT = { clientId: "c", identity: undefined };

function place(count: number) {
  const clock = new StepClock();
  const retained = new RetainedMessages(
    clock,
    { maximumCount: 1_000_000, maximumBytes: 1e9 },
    1,
    new MemoryBudget(1e9),
  );
  const publish = (topic: string, text: string, retain = true): PublishedMessage => {
    const payload = new TextEncoder().encode(text);
    const published = publishedMessage({ topic, payload, qos: 1, retain, properties: undefined }, CLIENT, clock.now());
    if (retain) retained.keep(published, clock.now());
    return published;
  };
  for (let i = 0; i < count; i++) publish(`a/${i}`, "old");
  return { clock, publish, replays: new RetainedReplays(clock, retained) };
}

const every = { topicFilter: "a/+", qos: 1, subscriptionIdentifier: undefined } as const;

test("a turn sends at most 100 messages of one subscription, and subscriptions take turns", () => {
  const { clock, replays } = place(250);
  const [one, two] = [new Reader(), new Reader()];
  replays.start(one.asClient, every);
  replays.start(two.asClient, every);
  const progress = [[one.got.length, two.got.length]];
  for (let turn = clock.turns.shift(); turn !== undefined; turn = clock.turns.shift()) {
    turn();
    progress.push([one.got.length, two.got.length]);
  }
  expect(progress).toEqual([
    [100, 0],
    [200, 0],
    [200, 100],
    [250, 100],
    [250, 200],
    [250, 250],
  ]);
  expect(new Set(one.got).size).toBe(250);
  expect(replays.isIdle).toBe(true);
});

test("a client that does not read costs no turns, and continues when it has room", () => {
  const { clock, replays } = place(250);
  const reader = new Reader();
  reader.room = 3;
  replays.start(reader.asClient, every);
  expect([reader.got.length, clock.turns.length]).toEqual([3, 1]);
  clock.turns.shift()?.();
  expect(clock.turns).toEqual([]);
  reader.giveRoom(2);
  clock.turns.shift()?.();
  expect([reader.got.length, clock.turns.length]).toEqual([5, 0]);
});

test("the retained message of a topic comes before a later message, and once", () => {
  const { clock, publish, replays } = place(250);
  const reader = new Reader();
  replays.start(reader.asClient, every);
  const [passed, waits] = [reader.got[0]?.slice(0, -4) as string, "a/240"];
  expect(reader.got).not.toContain(`${waits}=old`);
  for (const topic of [passed, waits]) {
    const live = publish(topic, "new", false);
    replays.precede(reader.asClient, live, clock.now());
    reader.deliver(live);
  }
  expect(reader.got.slice(100)).toEqual([`${passed}=new`, `${waits}=old`, `${waits}=new`]);
  for (const turn of clock.turns) turn();
  expect(reader.got.filter((each) => each === `${waits}=old`)).toHaveLength(1);
});

test("ending the subscription, or the session, ends the replay", () => {
  const { clock, replays } = place(250);
  const [one, two] = [new Reader(), new Reader()];
  replays.start(one.asClient, every);
  replays.start(two.asClient, every);
  replays.stop(one.asClient, every.topicFilter);
  replays.stopAll(two.asClient);
  for (const turn of clock.turns) turn();
  expect([one.got.length, two.got.length, replays.isIdle]).toEqual([100, 0, true]);
});

test("whatever is published meanwhile, each topic's messages arrive in their order, none twice", () => {
  const step = fc.record({ topic: fc.integer({ min: 0, max: 250 }), retain: fc.boolean(), turn: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { clock, publish, replays } = place(250);
      const reader = new Reader();
      replays.start(reader.asClient, every);
      const order = new Map<string, string[]>();
      for (let i = 0; i < 250; i++) order.set(`a/${i}`, ["old"]);
      for (const [number, { topic, retain, turn }] of steps.entries()) {
        const live = publish(`a/${topic}`, String(number), retain);
        order.set(live.topic, [...(order.get(live.topic) ?? []), String(number)]);
        replays.precede(reader.asClient, live, clock.now());
        reader.deliver(live);
        if (turn) clock.turns.shift()?.();
      }
      for (let turn = clock.turns.shift(); turn !== undefined; turn = clock.turns.shift()) turn();
      for (const [topic, published] of order) {
        const got = reader.got
          .filter((each) => each.startsWith(`${topic}=`))
          .map((each) => each.split("=")[1] as string);
        expect(new Set(got).size).toBe(got.length);
        expect(published.filter((each) => got.includes(each))).toEqual(got);
        expect(got.slice(-1)).toEqual(published.slice(-1)); // the last one always arrives
      }
    }),
  );
});

test("a session that loses its connection meanwhile has the rest in its queue", async () => {
  const bench = new Bench();
  const peer = await bench.connect("from");
  for (let i = 0; i < 300; i++) peer.send(message(`a/${i}`, "x", { retain: true, qos: 1, packetIdentifier: i + 1 }));
  for (let i = 0; i < 300; i++) await peer.expect("puback");
  const first = await bench.connect("to", { ...kept, properties: { receiveMaximum: 1, sessionExpiryInterval: 1_000 } });
  await subscribe(first, "a/#");
  const received = new Set<string>();
  for (let i = 0; i < 5; i++) received.add(await receive(first));
  first.cut();
  await bench.clock.tick();
  const again = await bench.connect("to", kept);
  for (let i = 0; i < 295; i++) received.add(await receive(again));
  await again.expectNothing();
  expect(received.size).toBe(300);
});

test("filters that match nothing are searched for in slices, whatever their number", () => {
  const { clock, publish, replays } = place(2_000);
  for (let i = 0; i < 2_000; i++) publish(`t/${i}`, "x");
  const client = new Reader().asClient;
  for (let i = 0; i < 50; i++)
    replays.start(client, { topicFilter: `+/+/${i}`, qos: 0, subscriptionIdentifier: undefined });
  let turns = 0;
  for (; clock.turns.length > 0; turns++) clock.turns.shift()?.();
  expect(turns).toBeGreaterThan(50);
  expect(replays.isIdle).toBe(true);
});

test("thousands of subscriptions of a client that does not read take no memory of retained messages", async () => {
  const bench = new Bench();
  const publisher = await bench.connect("publisher");
  for (let i = 0; i < 2_000; i++) publisher.send(message(`t/${i}`, "x", { retain: true, qos: 1, packetIdentifier: 1 }));
  await bench.clock.settle();
  const slow = await bench.connect("slow", { properties: { receiveMaximum: 1 } });
  const before = bench.hub.statistics.memory;
  for (let i = 0; i < 1_000; i++) {
    for (const topicFilter of ["t/+", "+/#"])
      slow.send({ type: "subscribe", packetIdentifier: 1, subscriptions: [{ topicFilter, qos: 1 }] });
  }
  await bench.clock.settle();
  const { memory, subscriptions } = bench.hub.statistics;
  expect(subscriptions).toBe(2);
  expect(memory - before).toBeLessThan(5_000);
  slow.send({ type: "disconnect", reasonCode: 0 });
  await bench.clock.settle();
  expect(bench.hub.statistics.memory).toBeLessThanOrEqual(before);
});

test("while one client receives retained messages, others receive live ones in order with their own", async () => {
  const bench = new Bench();
  const publisher = await bench.connect("publisher");
  for (let i = 0; i < 200; i++) publisher.send(message(`t/${i}`, "old", { retain: true }));
  const stuck = await bench.connect("stuck", { properties: { receiveMaximum: 1 } });
  await subscribe(stuck, "t/#");
  const other = await bench.connect("other");
  await subscribe(other, "live");
  publisher.send(message("live", "1"));
  expect(await receive(other)).toBe("live=1 q0");
});
