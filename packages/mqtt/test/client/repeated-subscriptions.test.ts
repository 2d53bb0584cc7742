// How the full client reacts to a program that makes the same subscription again.
import { expect, test } from "vitest";
import { Bench, errorCodes, subscribed, watch } from "./bench.ts";

test.each([
  { option: "qos", options: { qos: 0 } },
  { option: "concurrency", options: { concurrency: 2 } },
  { option: "handlerTimeout", options: { handlerTimeout: 1_000 } },
  { option: "noLocal", options: { noLocal: true } },
  { option: "properties", options: { properties: { userProperties: [["a", "b"]] } } },
] as const)(
  "the same handler with another $option is rejected: the existing subscription must be ended first",
  async (given) => {
    const { bench, client, peer } = await new Bench().online();
    const onMessage = () => undefined;
    await subscribed(bench, client, peer, "a", { onMessage });
    await expect(client.subscribe("a", { qos: 2, onMessage, ...given.options })).rejects.toMatchObject({
      code: "OPTION_INVALID",
      option: given.option,
      message: expect.stringContaining("unsubscribe it first"),
    });
  },
);

test("a signal ends only the second call", async () => {
  const { bench, client, peer } = await new Bench().online();
  const onMessage = () => undefined;
  const controller = new AbortController();
  const first = watch(client.subscribe("a", { onMessage }));
  const second = watch(client.subscribe("a", { onMessage, signal: controller.signal }));
  await bench.clock.tick();
  controller.abort();
  await bench.clock.tick();
  expect(second.error).toMatchObject({ code: "ABORTED" });
  await bench.answer(peer, "subscribe", 0);
  expect(first.value).toMatchObject({ closed: false });
});

test.each([
  { listener: "returns", pause: false },
  { listener: "awaits something first", pause: true },
])("a new handler at each connection is reported once where the listener $listener", async ({ pause }) => {
  const bench = new Bench();
  const client = bench.create();
  const errors: unknown[] = [];
  client.on("error", (error) => errors.push(error));
  client.on("connected", async () => {
    if (pause) await undefined;
    await client.subscribe("a", { onMessage: () => undefined });
  });
  let peer = await bench.connected(client);
  await bench.answer(peer, "subscribe", 0);
  expect(errors).toEqual([]);
  for (let cut = 0; cut < 3; cut++) {
    peer = await bench.reconnected(peer);
    for (let asked = 0; asked < cut + 2; asked++) await bench.answer(peer, "subscribe", 0);
  }
  expect(errors).toHaveLength(1);
  expect(errors[0]).toMatchObject({ code: "SUBSCRIPTION_REPEATED", topicFilter: "a", name: "UsageError" });
  expect((errors[0] as Error).message).toMatch(/after connect\(\)/);
});

test("several handlers for one filter are allowed, in one listener and elsewhere", async () => {
  const bench = new Bench();
  const client = bench.create();
  const codes = errorCodes(client);
  client.once("connected", () => {
    watch(client.subscribe("a", { onMessage: () => undefined }));
    watch(client.subscribe("a", { onMessage: () => undefined }));
  });
  const peer = await bench.connected(client);
  for (let i = 0; i < 2; i++) await bench.answer(peer, "subscribe", 0);
  await subscribed(bench, client, peer, "a", { onMessage: () => undefined });
  await bench.reconnected(peer);
  expect(codes).toEqual([]);
});
