// Each example device: its configuration is valid, its recording is replayed as the file beside it shows, and what it decodes is encoded again.
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { parse } from "smol-toml";
import { describe, expect, test } from "vitest";
import { createCodec } from "../../src/codec/codec.ts";
import { jsonSchema } from "../../src/configuration/schema.ts";
import { Failure } from "../../src/failure.ts";
import { frameEncoder } from "../../src/frame/frame-encoder.ts";
import { explain } from "../../src/pipeline/explain.ts";
import type { Fields, FieldValue } from "../../src/pipeline/outcome.ts";
import { createPipeline } from "../../src/pipeline/pipeline.ts";
import { replay } from "../../src/recording/replay.ts";
import { there } from "../codec/codecs.ts";
import { examples, fieldsOf, piecesOf } from "./examples.ts";

const isValid = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(jsonSchema());

test("there are eight example devices", () => {
  expect(examples.map(({ source }) => source.kind).sort()).toEqual(
    ["exec", "serial", "serial", "serial", "serial", "stdin", "tcp", "udp"].sort(),
  );
});

/** Another value that the device could send instead. */
function like(value: FieldValue): fc.Arbitrary<FieldValue> {
  if (typeof value === "string") return fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,12}$/);
  if (typeof value !== "number") return fc.constant(value);
  return fc.oneof(
    fc.integer({ min: 0, max: 1 }),
    fc.integer({ min: -30_000, max: 30_000 }).map((n) => n / 100),
  );
}

function records(samples: readonly Fields[]): fc.Arbitrary<Fields> {
  return fc
    .constantFrom(...samples)
    .chain((sample) =>
      fc
        .tuple(
          ...[...sample].map(([name, value]) =>
            (name === "talker" || name === "sentence" ? fc.constant(value) : like(value)).map(
              (each) => [name, each] as const,
            ),
          ),
        )
        .map((entries) => new Map(entries)),
    );
}

describe.each(examples)("$name", (example) => {
  const { text, configuration, source, recording, folder } = example;

  test("the configuration fits the JSON Schema", () => {
    expect(isValid(parse(text)) ? [] : isValid.errors).toEqual([]);
  });

  test("the recording is replayed as replay.txt shows", async () => {
    const shown = [...replay(recording, configuration)].join("");
    await expect(shown).toMatchFileSnapshot(join(folder, "replay.txt"));
  });

  test.runIf(source.kind !== "udp")("explain shows the same frames", () => {
    const shown = explain(source, configuration.gateway, Buffer.concat(piecesOf(example)), {
      wallTime: () => recording.startedAt,
    });
    expect(shown.split("\n").slice(0, -2)).toEqual(example.golden.split("\n").slice(1, -2));
  });

  test("what was decoded is encoded, and decoded to the same fields", () => {
    const codec = createCodec(source.decode, source.encoding);
    const samples = fieldsOf(example);
    expect(samples.length).toBeGreaterThan(1);
    for (const fields of samples) expect(there(codec, fields)).toEqual(fields);
    let encoded = 0;
    fc.assert(
      fc.property(records(samples), (given) => {
        const frame = codec.encode(given); // a value may be out of the range of its type
        if (frame instanceof Failure) return;
        encoded++;
        const fields = codec.decode(frame);
        if (fields instanceof Failure) throw new Error(fields.detail);
        expect(there(codec, fields)).toEqual(fields); // rounded once to what the device can say
        expect([...fields.keys()]).toEqual(expect.arrayContaining([...given.keys()]));
      }),
    );
    expect(encoded).toBeGreaterThan(5);
  });

  test("a frame that was encoded for the wire is a frame of the pipeline, with the same fields", () => {
    const codec = createCodec(source.decode, source.encoding);
    const encodeFrame = frameEncoder(source);
    for (const fields of fieldsOf(example)) {
      const body = codec.encode(fields);
      const frame = body instanceof Failure ? body : encodeFrame(body);
      if (frame instanceof Failure) return expect.fail(frame.detail);
      const wire = createPipeline(source, configuration.gateway, { wallTime: () => 0 }).open({ peer: "", port: 0 });
      const found = [...wire.push(frame, 0), ...(source.frame.kind === "datagram" ? wire.end(0) : [])];
      expect(found.map((outcome) => outcome.fields)).toEqual([fields]);
    }
  });
});
