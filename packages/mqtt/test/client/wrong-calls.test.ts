// What a person writes who has no compiler to tell: each is a typed error that says what is expected.
import { connect, createClient } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { Bench, subscribed } from "./bench.ts";

const wrong = (value: unknown): never => value as never;

test.each([
  ["no URL", () => createClient(wrong(undefined)), "URL_INVALID", "url undefined: must be a string, a list of strings"],
  ["null for options", () => createClient("mqtt://h", wrong(null)), "OPTION_INVALID", "options"],
  [
    "a function for options",
    () =>
      createClient(
        "mqtt://h",
        wrong(() => 0),
      ),
    "OPTION_INVALID",
    "options",
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
    'event "message"',
  ],
])("%s", (_, call, code, words) => {
  expect(call).toThrow(expect.objectContaining({ code, message: expect.stringContaining(words) }));
});

describe("of a connected client", () => {
  test.each([
    ["publish without a topic", (client: never) => call(client, "publish", undefined, "x"), "TOPIC_NAME_INVALID"],
    ["publish with a callback", (client: never) => call(client, "publish", "a", "x", () => 0), "OPTION_INVALID"],
    ["publish with a number for options", (client: never) => call(client, "publish", "a", "x", 1), "OPTION_INVALID"],
    ["subscribe without a filter", (client: never) => call(client, "subscribe", undefined), "TOPIC_FILTER_INVALID"],
    ["subscribe with a callback", (client: never) => call(client, "subscribe", "a", () => 0), "OPTION_INVALID"],
  ])("%s", async (_, wronglyCalled, code) => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    await expect(wronglyCalled(wrong(client))).rejects.toMatchObject({ code });
    await peer.expectNothing();
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

function call(client: never, method: "publish" | "subscribe", ...values: unknown[]): Promise<unknown> {
  return (client as Record<string, (...values: unknown[]) => Promise<unknown>>)[method]?.(
    ...values,
  ) as Promise<unknown>;
}
