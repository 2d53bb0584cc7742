// The results and errors of `message.json`, with and without a schema.
import { type Message, PayloadError, type PayloadIssue, type StandardSchema } from "@aiko/mqtt";
import { describe, expect, expectTypeOf, test } from "vitest";
import { Message as ReceivedMessage } from "../../src/client/receiving/message.ts";
import { Bench, message as packet, subscribed } from "./bench.ts";

interface Reading {
  readonly celsius: number;
}

const received = (payload: string, topic = "sensors/attic"): Message => new ReceivedMessage(packet(topic, payload));

const refusing = (issues: readonly PayloadIssue[]): StandardSchema<Reading> => ({
  "~standard": { validate: () => ({ issues }) },
});
const reading: StandardSchema<Reading> = {
  "~standard": { validate: (value) => ({ value: { celsius: Number((value as Reading).celsius) } }) },
};

test("without a schema, the type of the value is unknown", () => {
  expectTypeOf(received("21.5").json()).toEqualTypeOf<unknown>();
  expect(received('{"a":[1]}').json()).toEqual({ a: [1] });
  expect(received("null").json(undefined)).toBe(null);
});

test("a schema returns the transformed value with its type", () => {
  const value = received('{"celsius":"21.5","other":1}').json(reading);
  expectTypeOf(value).toEqualTypeOf<Reading>();
  expect(value).toEqual({ celsius: 21.5 });
});

test("a schema that is also a function is used as a schema", () => {
  const callable = Object.assign((_value: unknown): string => "called", reading);
  const value = received('{"celsius":1}').json(callable);
  expectTypeOf(value).toEqualTypeOf<Reading>();
  expect(value).toEqual({ celsius: 1 });
});

test("a function returns the value, and its errors are passed on", () => {
  const value = received("21.5").json((value) => `${value} °C`);
  expectTypeOf(value).toEqualTypeOf<string>();
  expect(value).toBe("21.5 °C");
  const error = new RangeError("too cold");
  const strict = (): never => {
    throw error;
  };
  expect(() => received("-300").json(strict)).toThrow(error);
});

describe("a payload that the application does not expect is a PayloadError:", () => {
  const thrown = (call: () => unknown): PayloadError => {
    try {
      call();
    } catch (error) {
      if (error instanceof PayloadError) return error;
      throw error;
    }
    throw new Error("nothing was thrown");
  };

  test("for invalid JSON. The message does not show the payload; the cause has the position", () => {
    const error = thrown(() => received("secret").json());
    expect(error).toMatchObject({ code: "PAYLOAD_NOT_JSON", topic: "sensors/attic", issues: [] });
    expect(error.message).toBe('payload of "sensors/attic" is not valid JSON');
    expect(error.cause).toBeInstanceOf(SyntaxError);
  });

  test("if the schema rejects it, with the issues and their paths", () => {
    const issues = [{ message: "Expected number", path: ["list", { key: 0 }, "celsius"] }, { message: "Too long" }];
    const error = thrown(() => received("{}").json(refusing(issues)));
    expect(error).toMatchObject({ code: "PAYLOAD_REFUSED", topic: "sensors/attic", issues });
    expect(error.message).toBe('payload of "sensors/attic": list.0.celsius: Expected number; Too long');
  });

  test("with a message of limited length, however many and long the issues are", () => {
    const issues = Array.from({ length: 1_000 }, () => ({ message: "x".repeat(10_000), path: ["y".repeat(10_000)] }));
    const error = thrown(() => received("{}", "t".repeat(60_000)).json(refusing(issues)));
    expect(error.message).toMatch(/; and 997 more$/);
    expect(error.message.length).toBeLessThan(1_000);
    expect(error.issues).toHaveLength(1_000);
  });

  test("and an error event if a handler throws it", async () => {
    const { bench, client, peer } = await new Bench().online();
    const errors: unknown[] = [];
    client.on("error", (error) => errors.push(error));
    await subscribed(bench, client, peer, "a", { qos: 1, onMessage: (each: Message) => each.json() });
    await bench.deliver(peer, packet("a", "{", 1, 1));
    expect(errors).toEqual([expect.objectContaining({ name: "PayloadError", topic: "a" })]);
  });
});

describe("a wrong schema is a UsageError:", () => {
  test.each([null, 5, {}, "string", { validate: () => true }])("%o", (schema) => {
    expect(() => received("1").json(schema as never)).toThrow(
      expect.objectContaining({ name: "UsageError", code: "OPTION_INVALID", option: "schema" }),
    );
  });

  test("an asynchronous schema, with advice on what to use instead", async () => {
    const slow: StandardSchema<Reading> = { "~standard": { validate: () => Promise.reject(new Error("no")) } };
    expect(() => received("1").json(slow)).toThrow(
      'schema: must be synchronous; instead, write await schema["~standard"].validate(message.json())',
    );
  });
});
