import { describe, expect, test } from "vitest";
import { Bench, message, subscribed } from "./bench.ts";

/** A subscription whose handler returns when the test decides. */
async function handling(concurrency: number | undefined, options = {}) {
  const { bench, client, peer } = await new Bench().online(options);
  const started: string[] = [];
  const finish = new Map<string, () => void>();
  const fail = new Map<string, (error: Error) => void>();
  await subscribed(bench, client, peer, "#", {
    ...(concurrency !== undefined && { concurrency }),
    onMessage: (each) => {
      const text = each.text();
      started.push(text);
      return new Promise<void>((resolve, reject) => {
        finish.set(text, resolve);
        fail.set(text, reject);
      });
    },
  });
  const send = async (qos: 0 | 1 | 2, from: number, to: number): Promise<void> => {
    for (let i = from; i <= to; i++) peer.send(message("a", String(i), qos, qos && i));
    await bench.clock.tick();
  };
  const done = async (...texts: number[]): Promise<void> => {
    for (const text of texts) finish.get(String(text))?.();
    await bench.clock.tick();
  };
  return { bench, client, peer, started, send, done, fail };
}

describe("with concurrency 3", () => {
  test("three handlers run at once, started in the order of the messages; each that returns frees a place", async () => {
    const { send, done, started } = await handling(3);
    await send(0, 1, 6);
    expect(started).toEqual(["1", "2", "3"]);
    await done(2);
    expect(started).toEqual(["1", "2", "3", "4"]);
    await done(1, 3, 4);
    expect(started).toEqual(["1", "2", "3", "4", "5", "6"]);
  });

  test.each([
    [1, "puback"],
    [2, "pubrec"],
  ] as const)(
    "acknowledgements of QoS %i keep the order in which the messages arrived [MQTT-4.6.0-2, 4.6.0-3]",
    async (qos, type) => {
      const { peer, send, done } = await handling(3);
      await send(qos, 1, 3);
      await done(3);
      await done(2);
      await peer.expectNothing();
      await done(1);
      for (const packetIdentifier of [1, 2, 3]) expect(await peer.expect(type)).toMatchObject({ packetIdentifier });
    },
  );

  test("one that fails is reported and refused, and frees its place", async () => {
    const { bench, client, peer, send, done, fail, started } = await handling(3);
    const events = bench.recordEvents(client);
    await send(1, 1, 4);
    fail.get("2")?.(new Error("boom"));
    await bench.clock.tick();
    expect(started).toEqual(["1", "2", "3", "4"]);
    await done(1);
    expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 1, reasonCode: 0 });
    expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 2, reasonCode: 0x83 });
    expect(events).toMatchObject([{ name: "error", value: { message: "boom" } }]);
  });

  test("every received message counts as pending until it is finished", async () => {
    const { client, send, done } = await handling(3);
    await send(0, 1, 5);
    expect(client.statistics.pendingMessages).toBe(5);
    await done(1, 2, 3);
    await done(4, 5);
    expect(client.statistics.pendingMessages).toBe(0);
  });
});

test("the default is one at a time", async () => {
  const { send, done, started } = await handling(undefined);
  await send(0, 1, 3);
  expect(started).toEqual(["1"]);
  await done(1);
  expect(started).toEqual(["1", "2"]);
});

test("a handler that does not return a promise takes no place", async () => {
  const { bench, client, peer } = await new Bench().online();
  const got: string[] = [];
  await subscribed(bench, client, peer, "#", { concurrency: 2, onMessage: (each) => got.push(each.text()) });
  for (let i = 0; i < 5; i++) peer.send(message("a", String(i)));
  await bench.clock.tick();
  expect(got).toEqual(["0", "1", "2", "3", "4"]);
});

describe("a wrong option is rejected and nothing is sent:", () => {
  const onMessage = () => undefined;
  test.each([
    [{ onMessage, concurrency: 0 }, /concurrency 0: must be an integer from 1 to 65535/],
    [{ onMessage, concurrency: 1.5 }, /concurrency 1.5/],
    [{ onMessage, concurrency: 65_536 }, /concurrency 65536/],
    [{ concurrency: 2 } as never, /concurrency 2: needs onMessage/],
    [{ handlerTimeout: 0 }, /handlerTimeout 0: must be an integer from 1 to 2147483647/],
    [{ handlerTimeout: Infinity }, /handlerTimeout Infinity/],
    [{ onMessage: "log" as unknown as () => void }, /onMessage log: must be a function/],
  ])("%o", async (options, rule) => {
    const { client, peer } = await new Bench().online();
    await expect(client.subscribe("a", options)).rejects.toMatchObject({ code: "OPTION_INVALID", message: rule });
    await peer.expectNothing();
  });
});
