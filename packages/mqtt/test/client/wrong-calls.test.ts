// What a person writes who has no compiler to tell: each is a typed error that says what is expected.
import { connect, createClient, MemoryStore } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { Bench, subscribed } from "./bench.ts";

const wrong = (value: unknown): never => value as never;

test.each([
  ["no URL", () => createClient(wrong(undefined)), "URL_INVALID", "url undefined: must be a string or a URL, a list"],
  ["null for options", () => createClient("mqtt://h", wrong(null)), "OPTION_INVALID", "options"],
  [
    "a function for options",
    () =>
      createClient(
        "mqtt://h",
        wrong(() => 0),
      ),
    "OPTION_INVALID",
    "options function: must be an object",
  ],
  [
    "a class for a store",
    () => createClient("mqtt://h", { clientId: "c", store: wrong(MemoryStore) }),
    "OPTION_INVALID",
    "store class MemoryStore: must be an object; make one with new",
  ],
  [
    "an AbortController for its signal",
    () => createClient("mqtt://h", { signal: wrong(new AbortController()) }),
    "OPTION_INVALID",
    "signal AbortController {…}: must be an AbortSignal; give controller.signal",
  ],
  [
    "a callback behind the options",
    () => (createClient as (...values: unknown[]) => unknown)("mqtt://h", {}, function connected() {}),
    "OPTION_INVALID",
    "callback function connected: there are no callbacks; await the promise",
  ],
  [
    "null for the delays",
    () => createClient("mqtt://h", { reconnect: wrong(null) }),
    "OPTION_INVALID",
    "reconnect null: must be an object",
  ],
  [
    "several URLs in one",
    () => createClient("mqtt://a,mqtt://b"),
    "URL_INVALID",
    'url "mqtt://a,mqtt://b": names several servers; give a list',
  ],
  [
    "several servers in one URL",
    () => createClient("mqtt://a:1,mqtt://b:2"),
    "URL_INVALID",
    'url "mqtt://a:1,mqtt://b:2": names several servers; give a list, as in ["mqtt://a", "mqtt://b"]',
  ],
  [
    "reconnect true",
    () => createClient("mqtt://h", { reconnect: wrong(true) }),
    "OPTION_INVALID",
    "reconnect true: must be false",
  ],
  [
    "reconnect in milliseconds",
    () => createClient("mqtt://h", { reconnect: wrong(5000) }),
    "OPTION_INVALID",
    "reconnect 5000",
  ],
  [
    "a number for a user",
    () => createClient("mqtt://h", { username: wrong(5) }),
    "OPTION_INVALID",
    "username 5: must be a string",
  ],
  [
    "an event that does not exist",
    () => createClient("mqtt://h").on(wrong("message"), () => 0),
    "OPTION_UNKNOWN",
    'event "message": there is no such event; messages go to subscribe(filter, { onMessage })',
  ],
  [
    "an event by another client's name",
    () => createClient("mqtt://h").on(wrong("connect"), () => 0),
    "OPTION_UNKNOWN",
    'unstable, packet; did you mean "connected"?',
  ],
  [
    "the end by another client's name",
    () => createClient("mqtt://h").on(wrong("end"), () => 0),
    "OPTION_UNKNOWN",
    'unstable, packet; did you mean "closed"?',
  ],
  [
    "an event like no other",
    () => createClient("mqtt://h").on(wrong("zzz"), () => 0),
    "OPTION_UNKNOWN",
    'event "zzz": there is no such event among connected, disconnected, reconnecting',
  ],
  [
    "an event that does not exist, to be taken off",
    () => createClient("mqtt://h").off(wrong("message"), () => 0),
    "OPTION_UNKNOWN",
    'event "message"',
  ],
  [
    "no listener",
    () => createClient("mqtt://h").on("connected", wrong(undefined)),
    "OPTION_INVALID",
    "listener undefined: must be a function",
  ],
  [
    "a name for a listener",
    () => createClient("mqtt://h").on("connected", wrong("foo")),
    "OPTION_INVALID",
    'listener "foo": must be a function',
  ],
  [
    "no listener to be taken off",
    () => createClient("mqtt://h").off("connected", wrong(undefined)),
    "OPTION_INVALID",
    "listener undefined: must be a function",
  ],
])("%s", (_, call, code, words) => {
  expect(call).toThrow(expect.objectContaining({ code, message: expect.stringContaining(words) }));
});

describe("of a connected client", () => {
  const options = { signal: new AbortController() };
  test.each([
    ["publish without a topic", "publish", [undefined, "x"], "TOPIC_NAME_INVALID", "topicName: must be a string"],
    [
      "publish with a callback",
      "publish",
      ["a", "x", () => 0],
      "OPTION_INVALID",
      "options function: must be an object",
    ],
    ["publish with a callback last", "publish", ["a", "x", {}, () => 0], "OPTION_INVALID", "await the promise"],
    ["publish with a number for options", "publish", ["a", "x", 1], "OPTION_INVALID", "options 1: must be an object"],
    [
      "publish with a QoS in quotes",
      "publish",
      ["a", "x", { qos: "1" }],
      "OPTION_INVALID",
      'qos "1": must be the number 0, 1 or 2',
    ],
    [
      "publish with a flag in quotes",
      "publish",
      ["a", "x", { retain: "true" }],
      "OPTION_INVALID",
      'retain "true": must be the boolean true or false',
    ],
    ["publish with a big integer", "publish", ["a", "x", { qos: 1n }], "OPTION_INVALID", "qos 1n: must be the number"],
    ["publish with a controller", "publish", ["a", "x", options], "OPTION_INVALID", "give controller.signal"],
    [
      "publish with null for a signal",
      "publish",
      ["a", "x", { signal: null }],
      "OPTION_INVALID",
      "signal null: must be",
    ],
    [
      "publish of a number",
      "publish",
      ["a", 21.5],
      "PAYLOAD_INVALID",
      "payload 21.5: must be a string or a Uint8Array; give String(value)",
    ],
    [
      "publish of an object",
      "publish",
      ["a", { on: 1 }],
      "PAYLOAD_INVALID",
      "payload {…}: must be a string or a Uint8Array; give JSON.stringify(value)",
    ],
    [
      "publish of a list",
      "publish",
      ["a", [1]],
      "PAYLOAD_INVALID",
      "payload […]: must be a string or a Uint8Array; give JSON.stringify(value)",
    ],
    [
      "publish of a buffer",
      "publish",
      ["a", new ArrayBuffer(1)],
      "PAYLOAD_INVALID",
      "payload ArrayBuffer {…}: must be a string or a Uint8Array; give new Uint8Array(value)",
    ],
    [
      "publish of a view",
      "publish",
      ["a", new DataView(new ArrayBuffer(1))],
      "PAYLOAD_INVALID",
      "give new Uint8Array(value.buffer, value.byteOffset, value.byteLength)",
    ],
    [
      "publish of a date",
      "publish",
      ["a", new Date(0)],
      "PAYLOAD_INVALID",
      "payload Date {…}: must be a string or a Uint8Array",
    ],
    [
      "publish of a function",
      "publish",
      ["a", () => "x"],
      "PAYLOAD_INVALID",
      "payload function: must be a string or a Uint8Array",
    ],
    ["publish of a symbol for a topic", "publish", [Symbol("a"), "x"], "TOPIC_NAME_INVALID", "not Symbol(a)"],
    [
      "subscribe with nothing",
      "subscribe",
      [],
      "TOPIC_FILTER_INVALID",
      "topicFilters undefined: must be a string or a list of strings",
    ],
    [
      "subscribe with an object without a class",
      "subscribe",
      [Object.create(null)],
      "TOPIC_FILTER_INVALID",
      "topicFilters {…}: must be",
    ],
    ["subscribe with a callback", "subscribe", ["a", () => 0], "OPTION_INVALID", "as { onMessage }"],
    ["subscribe with a callback last", "subscribe", ["a", { qos: 1 }, () => 0], "OPTION_INVALID", "as { onMessage }"],
    [
      "subscribe with a QoS in quotes",
      "subscribe",
      ["a", { qos: "1" }],
      "OPTION_INVALID",
      'qos "1": must be the number 0, 1 or 2',
    ],
    [
      "subscribe with another rule in quotes",
      "subscribe",
      ["a", { retainHandling: "1" }],
      "OPTION_INVALID",
      'retainHandling "1": must be the number',
    ],
    ["subscribe with a controller", "subscribe", ["a", options], "OPTION_INVALID", "give controller.signal"],
    [
      "unsubscribe with nothing",
      "unsubscribe",
      [],
      "TOPIC_FILTER_INVALID",
      "topicFilters undefined: must be a string or a list of strings",
    ],
    ["unsubscribe with a number", "unsubscribe", [5], "TOPIC_FILTER_INVALID", "topicFilters 5: must be"],
    ["unsubscribe with an object", "unsubscribe", [{}], "TOPIC_FILTER_INVALID", "topicFilters {…}: must be"],
    [
      "unsubscribe with a callback",
      "unsubscribe",
      ["a", () => 0],
      "OPTION_INVALID",
      "options function: must be an object",
    ],
    ["respond with nothing", "respond", [], "TOPIC_FILTER_INVALID", "topicFilter: must be a string, not undefined"],
    ["respond without a handler", "respond", ["a"], "OPTION_INVALID", "handler undefined: must be a function"],
    ["request with nothing", "request", [], "TOPIC_NAME_INVALID", "topicName: must be a string, not undefined"],
    ["request of an object", "request", ["a", {}], "PAYLOAD_INVALID", "payload {…}"],
    ["request with null for options", "request", ["a", "?", null], "OPTION_INVALID", "options null: must be an object"],
    ["request with a controller", "request", ["a", "?", options], "OPTION_INVALID", "give controller.signal"],
    [
      "request with a timeout in quotes",
      "request",
      ["a", "?", { timeout: "5" }],
      "OPTION_INVALID",
      'timeout "5": must be',
    ],
    [
      "request with a QoS in quotes",
      "request",
      ["a", "?", { qos: "1" }],
      "OPTION_INVALID",
      'qos "1": must be the number',
    ],
    [
      "connect with a signal that is none",
      "connect",
      [{ signal: {} }],
      "OPTION_INVALID",
      "signal {…}: must be an AbortSignal",
    ],
    [
      "connect with a signal and no options",
      "connect",
      [new AbortController().signal],
      "OPTION_UNKNOWN",
      "no such option",
    ],
  ] as [string, string, unknown[], string, string][])("%s", async (_, method, values, code, words) => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const called = (client as unknown as Record<string, (...values: unknown[]) => Promise<unknown>>)[method];
    const error = expect.objectContaining({ name: "UsageError", code, message: expect.stringContaining(words) });
    await expect(called?.apply(client, values)).rejects.toEqual(error);
    await peer.expectNothing();
  });

  test("unsubscribe with a subscription", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const subscription = await subscribed(bench, client, peer, "a");
    await expect(client.unsubscribe(wrong(subscription))).rejects.toMatchObject({
      code: "TOPIC_FILTER_INVALID",
      message: "topicFilters Subscription: must be a string or a list of strings; use subscription.unsubscribe()",
    });
  });

  test("an iterator over a subscription that has onMessage", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const subscription = await subscribed(bench, client, peer, "a", { onMessage: () => undefined });
    expect(() => subscription[Symbol.asyncIterator]()).toThrow(
      "has onMessage: its messages go there, and not to an iterator",
    );
  });
});

test("connect rejects, and does not throw", async () => {
  await expect(connect(wrong(undefined))).rejects.toMatchObject({ code: "URL_INVALID" });
});

test("a URL object is as good as its text, alone and in a list", async () => {
  const bench = new Bench(() => ({ refused: true }));
  await expect(bench.create({}, new URL("mqtt://ann:secret@one:1884")).connect()).rejects.toThrow(/one:1884/);
  await expect(bench.create({}, [new URL("mqtt://two"), "mqtt://three"]).connect()).rejects.toThrow(/three/);
  expect(bench.dialled).toEqual(["one", "two", "three"]);
});

test("a value is shown shortly, whatever it is", () => {
  const long = "x".repeat(10_000);
  for (const value of [long, Symbol(long), 10n ** 5_000n, [long], new (class Long {})(), new Date(0)]) {
    expect(() => createClient("mqtt://h", { keepAlive: wrong(value) })).toThrow(/^keepAlive .{1,90}: must be a number/);
  }
  expect(() => createClient(`mqtt://${long}:99999`)).toThrow(/^url .{1,90}: port .{1,90}$/);
  expect(() => createClient("mqtt://h", { [long]: 1 })).toThrow(/^option .{1,90}: there is no such option$/);
});
