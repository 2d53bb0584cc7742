// A message as a line of JSON, and back.
import type { Message } from "@aiko/mqtt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readRecord, recordOf } from "../../src/shell/record.ts";

/** Whether the text has no lone surrogates. */
const isText = (each: string): boolean => Buffer.from(each).toString() === each;
const text = fc.string({ unit: "binary" }).filter((each) => isText(each));
const message = fc.record({
  topic: text,
  payload: fc.oneof(
    fc.uint8Array(),
    text.map((each) => new TextEncoder().encode(each)),
  ),
  qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
  retain: fc.boolean(),
  properties: fc.record(
    {
      payloadFormatIndicator: fc.constantFrom(0 as const, 1 as const),
      messageExpiryInterval: fc.nat(),
      contentType: text,
      responseTopic: text,
      correlationData: fc.uint8Array(),
      userProperties: fc.array(fc.tuple(text, text), { minLength: 1 }),
    },
    { requiredKeys: [] },
  ),
});

test("is the same message after a round trip, whatever its bytes", () => {
  fc.assert(
    fc.property(message, ({ topic, payload, qos, retain, properties }) => {
      const line = recordOf({ topic, payload, qos, retain, properties } as unknown as Message, 0);
      expect(line).not.toContain("\n");
      const read = readRecord(line);
      const bytes = typeof read.payload === "string" ? new TextEncoder().encode(read.payload) : read.payload;
      expect(read.topic).toBe(topic);
      expect([...bytes]).toEqual([...payload]);
      const { properties: given = {}, ...options } = read.options;
      expect(options).toEqual({ qos, retain });
      expect(given).toEqual(properties);
    }),
  );
});

describe("reading refuses", () => {
  test.each([
    ["", "it is not valid JSON"],
    ["[]", "it is not a JSON object"],
    ["{}", '"topic" must be text'],
    ['{"topic":1}', '"topic" must be text'],
    ['{"topic":"a","qos":3}', '"qos" must be 0, 1 or 2'],
    ['{"topic":"a","retain":1}', '"retain" must be true or false'],
    ['{"topic":"a","payload":1}', '"payload" must be text'],
    ['{"topic":"a","payload":"","base64":""}', "cannot be combined"],
    ['{"topic":"a","base64":"*"}', '"base64" is not valid'],
    ['{"topic":"a","more":1}', 'unknown key "more"; the keys are time, topic'],
    ['{"topic":"a","properties":[]}', '"properties" must be an object'],
    ['{"topic":"a","properties":{"x":1}}', 'unknown property "x"; the properties are payloadFormatIndicator'],
    ['{"topic":"a","properties":{"contentType":1}}', 'property "contentType" is not valid'],
    ['{"topic":"a","properties":{"userProperties":[["a"]]}}', 'property "userProperties" is not valid'],
  ])("%s", (line, why) => {
    expect(() => readRecord(line)).toThrow(why);
  });

  test("no line with anything but an Error", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (line) => {
        try {
          readRecord(line);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
    );
  });
});
