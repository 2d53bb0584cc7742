// The records of the broker: each reads back as it was written, and nothing else is accepted without an error.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BrokerRecord } from "../../src/persistence/broker-record.ts";
import { RecordDecoder } from "../../src/persistence/record-reading.ts";
import { writeRecord } from "../../src/persistence/record-writing.ts";

const key = fc.integer({ min: 1, max: 2 ** 52 - 1 });
const identifier = fc.integer({ min: 1, max: 65_535 });
const word = fc.stringMatching(/^[a-zé€😀0-9 ]{1,20}$/u);
const topic = fc.array(word, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/"));
const payload = fc.uint8Array({ maxLength: 300 });
const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);
const properties = fc.option(
  fc.record(
    {
      contentType: word,
      responseTopic: topic,
      correlationData: fc.uint8Array({ minLength: 1, maxLength: 20 }),
      messageExpiryInterval: fc.integer({ min: 0, max: 0xffff_ffff }),
      userProperties: fc.array(fc.tuple(word, word), { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: ["contentType"] },
  ),
  { nil: undefined },
);
const time = fc.oneof(fc.double({ noNaN: true, min: 0, max: 1e15 }), fc.constant(Infinity));
const optional = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined });

const publisher = fc.record({ publisher: fc.oneof(word, fc.constant("")), publisherIdentity: optional(word) });
const message = fc
  .record({
    kind: fc.constant("message" as const),
    topic,
    payload,
    qos,
    retain: fc.boolean(),
    properties,
    expiresAt: time,
    by: fc.oneof(fc.constant({ publisher: undefined, publisherIdentity: undefined }), publisher),
  })
  .map(({ by, ...fields }) => ({ ...fields, ...by }));
const will = fc
  .record({ topic, payload, qos, retain: fc.boolean(), properties, delay: fc.integer({ min: 0, max: 0xffff_ffff }) })
  .map(({ delay, properties, ...fields }) => ({
    ...fields,
    properties: delay === 0 ? properties : { ...properties, willDelayInterval: delay },
  }));
const session = fc.record({
  kind: fc.constant("session" as const),
  clientId: word,
  version: fc.constantFrom(3 as const, 4 as const, 5 as const),
  identity: optional(word),
  username: optional(fc.oneof(word, fc.constant(""))),
  expiry: fc.integer({ min: 0, max: 0xffff_ffff }),
  endedAt: time,
  will: optional(will),
});
const subscription = fc.record({
  kind: fc.constant("subscription" as const),
  session: key,
  topicFilter: topic.map((name) => `${name}/#`),
  qos,
  noLocal: fc.boolean(),
  retainAsPublished: fc.boolean(),
  subscriptionIdentifier: optional(fc.integer({ min: 1, max: 268_435_455 })),
});
const delivery = fc
  .record({
    session: key,
    message: key,
    step: fc.oneof(
      fc.constant({ state: "queued" as const, packetIdentifier: 0, qos: 1 as const }),
      identifier.map((packetIdentifier) => ({ state: "sent" as const, packetIdentifier, qos: 1 as const })),
      identifier.map((packetIdentifier) => ({ state: "released" as const, packetIdentifier, qos: 2 as const })),
    ),
    retain: fc.boolean(),
    subscriptionIdentifiers: fc.array(fc.integer({ min: 1, max: 268_435_455 }), { maxLength: 4 }),
    sharedFilters: fc.array(
      topic.map((name) => `$share/g/${name}`),
      { maxLength: 3 },
    ),
  })
  .map(({ step, ...fields }) => ({ kind: "delivery" as const, ...fields, ...step }));
const packetIdentifier = fc.record({
  kind: fc.constantFrom("received" as const, "reserved" as const),
  session: key,
  packetIdentifier: identifier,
});
const retained = fc.record({ kind: fc.constant("retained" as const), message: key });
const record: fc.Arbitrary<BrokerRecord> = fc.oneof(
  message,
  session,
  subscription,
  delivery,
  packetIdentifier,
  retained,
);

test("a record reads back as it was written", () => {
  const decoder = new RecordDecoder();
  fc.assert(
    fc.property(record, (each) => {
      expect(decoder.read(writeRecord(each))).toEqual(each);
    }),
    { numRuns: 500 },
  );
});

describe("what is not a record", () => {
  test("is rejected with an Error, or is the record that it reads as", () => {
    const decoder = new RecordDecoder();
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.tuple(record, fc.nat(), fc.nat(255)).map(([each, at, byte]) => {
        const changed = writeRecord(each);
        changed[at % changed.length] = byte;
        return changed;
      }),
      fc.tuple(record, fc.nat()).map(([each, at]) => {
        const whole = writeRecord(each);
        return whole.subarray(0, at % whole.length);
      }),
      fc.tuple(record, fc.uint8Array({ minLength: 1, maxLength: 3 })).map(([each, more]) => {
        return Uint8Array.from([...writeRecord(each), ...more]);
      }),
    );
    fc.assert(
      fc.property(bytes, (each) => {
        let read: BrokerRecord;
        try {
          read = decoder.read(each);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
          return;
        }
        expect(decoder.read(writeRecord(read))).toEqual(read);
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ["nothing", []],
    ["zeros", [0, 0, 0]],
    ["an unknown kind", [8, 0]],
    ["a key that is not an integer", [6, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0]],
    ["packet identifier 0", [5, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0, 0]],
  ])("%s is rejected", (_, bytes) => {
    expect(() => new RecordDecoder().read(Uint8Array.from(bytes))).toThrow();
  });
});
