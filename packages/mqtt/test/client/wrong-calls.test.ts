// Wrong calls without a compiler: each causes a typed error that says what is expected.
import { connect, createClient, MemoryStore } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { Bench, subscribed } from "./bench.ts";

const wrong = (value: unknown): never => value as never;

/** A function without a name. */
const [nameless] = [() => 0];
const client = createClient("mqtt://h");

/** By the code of the error: a part of its message, and the call that throws it. */
const calls: Record<string, readonly (readonly [words: string, call: () => unknown])[]> = {
  URL_INVALID: [
    ["url undefined: must be a string, a URL, a list", () => createClient(wrong(undefined))],
    [
      'url "mqtt://a,mqtt://b": must name one server; for several, pass a list',
      () => createClient("mqtt://a,mqtt://b"),
    ],
    [
      'url "mqtt://a:1,mqtt://b:2": must name one server; for several, pass a list, as in ["mqtt://a", "mqtt://b"]',
      () => createClient("mqtt://a:1,mqtt://b:2"),
    ],
  ],
  OPTION_INVALID: [
    ["options", () => createClient("mqtt://h", wrong(null))],
    ["callback function: callbacks are not supported", () => createClient("mqtt://h", wrong(nameless))],
    [
      "store class MemoryStore: must be an object; pass an instance made with new",
      () => createClient("mqtt://h", { clientId: "c", store: wrong(MemoryStore) }),
    ],
    [
      "signal AbortController {…}: must be an AbortSignal; pass controller.signal",
      () => createClient("mqtt://h", { signal: wrong(new AbortController()) }),
    ],
    [
      "callback function connected: callbacks are not supported; await the returned promise instead",
      () => (createClient as (...values: unknown[]) => unknown)("mqtt://h", {}, function connected() {}),
    ],
    ["reconnect null: must be an object", () => createClient("mqtt://h", { reconnect: wrong(null) })],
    ["reconnect true: must be false", () => createClient("mqtt://h", { reconnect: wrong(true) })],
    ["reconnect 5000", () => createClient("mqtt://h", { reconnect: wrong(5000) })],
    ["username 5: must be a string", () => createClient("mqtt://h", { username: wrong(5) })],
    ["listener undefined: must be a function", () => client.on("connected", wrong(undefined))],
    ["listener: must be a function, not a string", () => client.on("connected", wrong("foo"))],
    ["listener undefined: must be a function", () => client.off("connected", wrong(undefined))],
  ],
  OPTION_UNKNOWN: [
    [
      'unknown event "message"; to receive messages, call subscribe(filter, { onMessage })',
      () => client.on(wrong("message"), () => 0),
    ],
    ['unknown event "connect"; did you mean "connected"?', () => client.on(wrong("connect"), () => 0)],
    ['; did you mean "closed"?', () => client.on(wrong("end"), () => 0)],
    [
      'unknown event "zzz"; the events are connected, disconnected, reconnecting',
      () => client.on(wrong("zzz"), () => 0),
    ],
    ['event "message"', () => client.off(wrong("message"), () => 0)],
  ],
};

describe.each(Object.entries(calls))("%s is thrown:", (code, each) => {
  test.each(each)("%s", (words, call) => {
    expect(call).toThrow(expect.objectContaining({ code, message: expect.stringContaining(words) }));
  });
});

describe("a connected client", () => {
  const options = { signal: new AbortController() };
  /** By the code of the error: the method, and a part of the message. */
  const calls: Record<string, readonly (readonly [method: string, values: unknown[], words: string])[]> = {
    TOPIC_NAME_INVALID: [
      ["publish", [undefined, "x"], "topicName: must be a string"],
      ["publish", [Symbol("a"), "x"], "not Symbol(a)"],
      ["request", [], "topicName: must be a string, not undefined"],
    ],
    OPTION_INVALID: [
      ["publish", ["a", "x", nameless], "callback function: callbacks are not supported"],
      ["publish", ["a", "x", {}, nameless], "await the returned promise"],
      ["publish", ["a", "x", 1], "options 1: must be an object"],
      ["publish", ["a", "x", { qos: "1" }], 'qos "1": must be the number 0, 1 or 2'],
      ["publish", ["a", "x", { retain: "true" }], 'retain "true": must be the boolean true or false'],
      ["publish", ["a", "x", { qos: 1n }], "qos 1n: must be the number"],
      ["publish", ["a", "x", options], "pass controller.signal"],
      ["publish", ["a", "x", { signal: null }], "signal null: must be"],
      ["subscribe", ["a", nameless], "as { onMessage }"],
      ["subscribe", ["a", { qos: 1 }, nameless], "as { onMessage }"],
      ["subscribe", ["a", { qos: "1" }], 'qos "1": must be the number 0, 1 or 2'],
      ["subscribe", ["a", { retainHandling: "1" }], 'retainHandling "1": must be the number'],
      ["subscribe", ["a", options], "pass controller.signal"],
      ["unsubscribe", ["a", nameless], "options function: must be an object"],
      ["respond", ["a"], "handler undefined: must be a function"],
      ["request", ["a", "?", null], "options null: must be an object"],
      ["request", ["a", "?", options], "pass controller.signal"],
      ["request", ["a", "?", { timeout: "5" }], 'timeout "5": must be'],
      ["request", ["a", "?", { qos: "1" }], 'qos "1": must be the number'],
      ["connect", [{ signal: {} }], "signal {…}: must be an AbortSignal"],
    ],
    PAYLOAD_INVALID: [
      ["publish", ["a", 21.5], "payload 21.5: must be a string or a Uint8Array; pass String(value)"],
      ["publish", ["a", { on: 1 }], "payload {…}: must be a string or a Uint8Array; pass JSON.stringify(value)"],
      ["publish", ["a", [1]], "payload […]: must be a string or a Uint8Array; pass JSON.stringify(value)"],
      [
        "publish",
        ["a", new ArrayBuffer(1)],
        "payload ArrayBuffer {…}: must be a string or a Uint8Array; pass new Uint8Array(value)",
      ],
      [
        "publish",
        ["a", new DataView(new ArrayBuffer(1))],
        "pass new Uint8Array(value.buffer, value.byteOffset, value.byteLength)",
      ],
      ["publish", ["a", new Date(0)], "payload Date {…}: must be a string or a Uint8Array"],
      ["publish", ["a", nameless], "payload function: must be a string or a Uint8Array"],
      ["request", ["a", {}], "payload {…}"],
    ],
    TOPIC_FILTER_INVALID: [
      ["subscribe", [], "topicFilters undefined: must be a string or a list of strings"],
      ["subscribe", [Object.create(null)], "topicFilters {…}: must be"],
      ["unsubscribe", [], "topicFilters undefined: must be a string or a list of strings"],
      ["unsubscribe", [5], "topicFilters 5: must be"],
      ["unsubscribe", [{}], "topicFilters {…}: must be"],
      ["respond", [], "topicFilter: must be a string, not undefined"],
    ],
    OPTION_UNKNOWN: [["connect", [new AbortController().signal], "unknown option"]],
  };

  describe.each(Object.entries(calls))("%s is the error code:", (code, each) => {
    test.each(each)("%s %o rejects with: %s", async (method, values, words) => {
      const { client, peer } = await new Bench().online();
      const called = (client as unknown as Record<string, (...values: unknown[]) => Promise<unknown>>)[method];
      const error = expect.objectContaining({ name: "UsageError", code, message: expect.stringContaining(words) });
      await expect(called?.apply(client, values)).rejects.toEqual(error);
      await peer.expectNothing();
    });
  });

  test("unsubscribe with a subscription", async () => {
    const { bench, client, peer } = await new Bench().online();
    const subscription = await subscribed(bench, client, peer, "a");
    await expect(client.unsubscribe(wrong(subscription))).rejects.toMatchObject({
      code: "TOPIC_FILTER_INVALID",
      message: "topicFilters Subscription: must be a string or a list of strings; use subscription.unsubscribe()",
    });
  });

  test("an iterator over a subscription that has onMessage", async () => {
    const { bench, client, peer } = await new Bench().online();
    const subscription = await subscribed(bench, client, peer, "a", { onMessage: () => undefined });
    expect(() => subscription[Symbol.asyncIterator]()).toThrow("has onMessage and cannot be iterated");
  });
});

test("connect rejects instead of throwing", async () => {
  await expect(connect(wrong(undefined))).rejects.toMatchObject({ code: "URL_INVALID" });
});

test("a URL object is equivalent to its text, alone and in a list", async () => {
  const bench = new Bench(() => ({ refused: true }));
  await expect(bench.create({}, new URL("mqtt://ann:secret@one:1884")).connect()).rejects.toThrow(/one:1884/);
  await expect(bench.create({}, [new URL("mqtt://two"), "mqtt://three"]).connect()).rejects.toThrow(/three/);
  expect(bench.dialled).toEqual(["one", "two", "three"]);
});

test("any value is shown in a short form", () => {
  const long = "x".repeat(10_000);
  for (const value of [long, Symbol(long), 10n ** 5_000n, [long], new (class Long {})(), new Date(0)]) {
    expect(() => createClient("mqtt://h", { keepAlive: wrong(value) })).toThrow(/^keepAlive .{1,90}: must be a number/);
  }
  expect(() => createClient(`mqtt://${long}:99999`)).toThrow(/^url .{1,90}: port .{1,90}$/);
  expect(() => createClient("mqtt://h", { [long]: 1 })).toThrow(/^unknown option .{1,90}$/);
});
