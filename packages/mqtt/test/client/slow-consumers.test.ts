// Messages that wait for one subscription must not block the others or grow without limit; the client reports them with
// figures.
import type { Client, SlowConsumer } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { Bench, errorCodes, message, subscribed } from "./bench.ts";

const never = () => new Promise<never>(() => undefined);
const inbox = { maximumCount: 4 };

function recordSlow(client: Client): SlowConsumer[] {
  const told: SlowConsumer[] = [];
  client.on("slowConsumer", (slow) => told.push(slow));
  return told;
}

/** Two subscriptions: one whose messages nobody takes, and one whose messages are handled at once. */
async function unequal(options: { onMessage?: () => Promise<never>; handlerTimeout?: number } = {}, settings = {}) {
  const { bench, client, peer } = await new Bench().online({ inbox, ...settings });
  const slow = recordSlow(client);
  const got: string[] = [];
  const subscription = await subscribed(bench, client, peer, "stuck", options);
  await subscribed(bench, client, peer, "fine", { onMessage: (each) => got.push(each.text()) });
  const send = async (topic: string, count: number, qos: 0 | 1 = 0): Promise<void> => {
    for (let i = 1; i <= count; i++) await bench.deliver(peer, message(topic, String(i), qos, qos && i));
  };
  return { bench, client, peer, slow, got, subscription, send };
}

describe.each([
  ["a handler that never returns", { onMessage: never }],
  ["a subscription that is never iterated", {}],
] as const)("%s", (_name, options) => {
  test("blocks the others for a second at most", async () => {
    const { bench, got, send } = await unequal(options);
    await send("stuck", 5);
    await send("fine", 3);
    expect(got).toEqual([]);
    await bench.clock.advance(1_000);
    expect(got).toEqual(["1", "2", "3"]);
    await send("stuck", 100);
    await send("fine", 2);
    expect(got).toEqual(["1", "2", "3", "1", "2"]);
  });

  test("holds as many QoS 0 messages as the inbox allows; the others are dropped, counted and reported", async () => {
    const { bench, client, send } = await unequal(options);
    let dropped = 0;
    client.on("dropped", () => dropped++);
    await send("stuck", 5);
    await bench.clock.advance(1_000);
    await send("stuck", 10_000);
    expect(client.statistics).toMatchObject({ pendingMessages: 5, messagesDropped: 10_000 });
    expect(dropped).toBe(10_000);
  });

  test("is reported by one slowConsumer event with figures", async () => {
    const { bench, client, slow, send } = await unequal(options);
    await bench.clock.advance(7);
    await send("stuck", 4);
    expect(slow).toEqual([]);
    await bench.clock.advance(250);
    await send("stuck", 1);
    const figures = {
      topicFilters: ["stuck"],
      waiting: 5,
      waitingBytes: 5 * 6,
      oldest: 250,
      bound: { maximumCount: 4, maximumBytes: 4_194_304 },
    };
    expect(slow).toEqual([figures]);
    await bench.clock.advance(10_000);
    await send("stuck", 20);
    expect(slow).toHaveLength(1);
    expect(client.statistics.slowConsumers).toEqual([{ ...figures, oldest: 10_250 }]);
  });

  test("does not end the connection", async () => {
    const { bench, client, peer, send } = await unequal(options, { keepAlive: 10 });
    await send("stuck", 10);
    for (let i = 0; i < 6; i++) {
      await bench.clock.advance(10_000);
      await bench.answer(peer, "pingreq");
    }
    expect(client.connected).toBe(true);
    expect(bench.dialled).toHaveLength(1);
  });

  test("at QoS 1 keeps any number of messages from the server, but reading stops at three times the inbox", async () => {
    const { bench, client, got, send } = await unequal({ ...options, handlerTimeout: 60_000 });
    const errors = errorCodes(client);
    await send("stuck", 5, 1);
    await bench.clock.advance(1_000);
    await send("stuck", 20, 1);
    await send("fine", 1);
    expect(client.statistics.pendingMessages).toBe(13);
    expect(got).toEqual([]);
    await bench.clock.advance(60_000); // handlerTimeout: they fail, and reading resumes
    expect(client.statistics.pendingMessages).toBe(0);
    expect(got).toEqual(["1"]);
    expect(new Set(errors)).toEqual(new Set(["HANDLER_TIMEOUT"]));
  });
});

test("a subscription that recovers is reported again when it falls behind again", async () => {
  const { bench, client, slow, subscription, send } = await unequal();
  await send("stuck", 5);
  expect(slow).toHaveLength(1);
  const messages = subscription[Symbol.asyncIterator]();
  for (let i = 0; i < 3; i++) await messages.next(); // two of five are finished: three are more than half
  expect(client.statistics.slowConsumers).toHaveLength(1);
  await messages.next();
  await bench.clock.tick();
  expect(client.statistics.slowConsumers).toEqual([]);
  await send("stuck", 10);
  expect(slow).toHaveLength(2);
});

test("a recovered subscription slows the sender again, and loses nothing", async () => {
  const { bench, client, subscription, send } = await unequal();
  await send("stuck", 5);
  await bench.clock.advance(1_000);
  const messages = subscription[Symbol.asyncIterator]();
  for (let i = 0; i < 5; i++) await messages.next();
  await send("stuck", 20);
  const got: string[] = [];
  for (let i = 0; i < 20; i++) {
    got.push((await messages.next()).value?.text() ?? "");
    await bench.clock.tick();
  }
  expect(got).toEqual(Array.from({ length: 20 }, (_, i) => String(i + 1)));
  expect(client.statistics.messagesDropped).toBe(0);
});

test("a single subscription slows the sender for any time, since it blocks no other", async () => {
  const { bench, client, peer } = await new Bench().online({ inbox });
  const slow = recordSlow(client);
  const subscription = await subscribed(bench, client, peer, "a");
  for (let i = 0; i < 50; i++) await bench.deliver(peer, message("a", String(i)));
  await bench.clock.advance(100_000);
  expect(slow).toHaveLength(1);
  expect(client.statistics).toMatchObject({ messagesReceived: 5, messagesDropped: 0 });
  const got: string[] = [];
  const messages = subscription[Symbol.asyncIterator]();
  for (let i = 0; i < 50; i++) {
    got.push((await messages.next()).value?.text() ?? "");
    await bench.clock.tick();
  }
  expect(got).toEqual(Array.from({ length: 50 }, (_, i) => String(i)));
});

test("a subscription that keeps working is not set aside, however slow: the sender waits, and nothing is dropped", async () => {
  const { bench, client, got, subscription, send } = await unequal();
  await send("stuck", 30);
  const messages = subscription[Symbol.asyncIterator]();
  for (let i = 0; i < 30; i++) {
    await messages.next();
    await bench.clock.advance(900);
  }
  await send("fine", 1);
  expect(client.statistics.messagesDropped).toBe(0);
  expect(got).toEqual(["1"]);
});

test("a subscription that blocks acknowledgements for half its handlerTimeout is reported, however little it holds", async () => {
  const { bench, slow, send } = await unequal({ onMessage: never, handlerTimeout: 10_000 });
  await send("stuck", 1, 1);
  await bench.clock.advance(4_999);
  expect(slow).toEqual([]);
  await bench.clock.advance(1);
  expect(slow).toMatchObject([{ topicFilters: ["stuck"], waiting: 1, oldest: 5_000 }]);
});
