import { topicNameProblem } from "@aiko/mqtt/topic";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { StdinSettings } from "../../src/configuration/configuration.ts";
import type { Outcome } from "../../src/pipeline/outcome.ts";
import { utf8Length } from "../../src/text/utf8.ts";
import { peer, pipelineOf, sourceWith, textOf } from "../settings.ts";
import { anyBytes, anySettings } from "./any-pipeline.ts";

/** What an outcome is, in a form that can be compared: bytes as digits, fields as pairs. */
function plain({ range, fields, records, dropped, detail, bytes }: Outcome): unknown {
  const digits = (all: Uint8Array | undefined) => all && Buffer.from(all).toString("hex");
  return {
    range,
    dropped,
    detail,
    fields: fields && [...fields],
    bytes: digits(bytes),
    records: records.map((record) => ({ ...record, payload: digits(record.payload) })),
  };
}

function run(settings: Partial<StdinSettings>, pieces: readonly Uint8Array[]): Outcome[] {
  const wire = pipelineOf(settings).open(peer);
  return [...pieces.flatMap((piece) => wire.push(piece, 0)), ...wire.end(0)];
}

function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (const size of [...sizes, bytes.length]) {
    pieces.push(bytes.slice(at, at + size));
    at = Math.min(bytes.length, at + size);
  }
  return pieces;
}

/** Whether a frame has the bytes that stand at its range. */
function isKeptAsItIs({ frame, check }: Partial<StdinSettings>): boolean {
  return check?.kind === "none" && ["line", "datagram", "delimiter", "paren", "gap"].includes(frame?.kind ?? "");
}

test("the outcomes do not depend on how the bytes are cut", () => {
  fc.assert(
    fc.property(
      anySettings,
      anyBytes,
      fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 40 }),
      (settings, bytes, sizes) => {
        const whole = run(settings, [bytes]).map(plain);
        expect(run(settings, cut(bytes, sizes)).map(plain)).toEqual(whole);
        expect(run(settings, cut(bytes, new Array(bytes.length).fill(1))).map(plain)).toEqual(whole);
      },
    ),
    { numRuns: 1000 },
  );
});

test("every outcome is either records with valid topics, or a reason with a detail on one line", () => {
  fc.assert(
    fc.property(anySettings, anyBytes, (settings, bytes) => {
      const pipeline = pipelineOf(settings);
      let at = 0;
      for (const outcome of run(settings, [bytes])) {
        expect(outcome.range.from).toBeGreaterThanOrEqual(at);
        expect(outcome.range.to).toBeLessThanOrEqual(bytes.length);
        at = outcome.range.to;
        if (outcome.bytes !== undefined && isKeptAsItIs(settings))
          expect(outcome.bytes).toEqual(bytes.slice(outcome.range.from, at));
        expect(outcome.records.length > 0).toBe(outcome.dropped === undefined);
        if (outcome.dropped !== undefined) {
          expect(outcome.detail).toMatch(/^[^\p{Cc}\u2028\u2029]{3,600}$/u);
          expect(utf8Length(outcome.detail ?? "")).toBeGreaterThan(0);
        }
        const letter = pipeline.deadLetter(peer, outcome);
        for (const { topic } of [...outcome.records, ...(letter ? [letter] : [])]) {
          expect(topicNameProblem(topic)).toBeUndefined();
          const below = settings.payload?.kind === "fields" && topic !== letter?.topic ? 1 : 0;
          const template = topic === letter?.topic ? settings.deadletter : settings.topic;
          expect(topic.split("/").length).toBe((template ?? "").split("/").length + below);
          expect(topic.startsWith("$")).toBe(false);
        }
        const answers = [pipeline.acknowledgement(peer, outcome), pipeline.refusal(peer, outcome)];
        for (const answer of answers) {
          if (answer !== undefined) expect(Buffer.from(answer).toString("latin1")).toMatch(/^(ok|no) [^\n\r]*\n$/);
        }
      }
    }),
    { numRuns: 2000 },
  );
});

test("json payloads are JSON that says what the fields say", () => {
  fc.assert(
    fc.property(anySettings, anyBytes, (settings, bytes) => {
      for (const { fields, records } of run({ ...settings, payload: { kind: "json" } }, [bytes])) {
        if (records.length === 0 || fields === undefined) continue;
        const expected = JSON.stringify(Object.fromEntries(fields));
        expect(JSON.parse(textOf(records[0]?.payload) ?? "")).toEqual(JSON.parse(expected));
      }
    }),
    { numRuns: 500 },
  );
});

test("settings are not changed", () => {
  const source = sourceWith();
  const before = JSON.stringify(source);
  run(source as StdinSettings, [Buffer.from("a\nb\n")]);
  expect(JSON.stringify(source)).toBe(before);
});
