import { describe, expect, test } from "vitest";
import type { StdinSettings } from "../../src/configuration/configuration.ts";
import { decodeOf } from "../codec/codecs.ts";
import { bytesOf, csv, field, json, peer, pipelineOf, seen, textOf, wireOf } from "../settings.ts";

/** What becomes of a text, all of which has been received. */
function run(settings: Partial<StdinSettings>, input: string | Uint8Array): string[] {
  const wire = wireOf(settings);
  const bytes = typeof input === "string" ? bytesOf(input) : input;
  return [...wire.push(bytes, 0), ...wire.end(0)].map(seen);
}

describe("payload", () => {
  const decode = csv(field("node"), field("t", "f32"));

  test("json has all fields", () => {
    expect(run({ decode, topic: "h/{node}" }, "p;21.5\n")).toEqual(['h/p {"node":"p","t":21.5}']);
  });

  test("json has the time of acceptance if that is set", () => {
    const timed = (timestamps: "ms" | "iso", input: string) =>
      pipelineOf({ decode: json() }, timestamps).open(peer).push(bytesOf(input), 0).map(seen);
    expect(timed("ms", '{"t":1}\n')).toEqual(['attic/meter {"t":1,"time":1790000000123}']);
    expect(timed("iso", "{}\n")).toEqual(['attic/meter {"time":"2026-09-21T14:13:20.123Z"}']);
    expect(timed("ms", '{"time":5}\n')).toEqual(['attic/meter {"time":5}']);
  });

  test("raw is the frame's bytes", () => {
    expect(run({ decode, payload: { kind: "raw" } }, "p;21.50\r\n")).toEqual(["attic/meter p;21.50"]);
  });

  test("fields is a message for each field", () => {
    expect(
      run({ decode: json(), payload: { kind: "fields" } }, '{"a/b":"x","n":1.5,"o":{"p":null},"z":null}\n'),
    ).toEqual(['attic/meter/a%2Fb x | attic/meter/n 1.5 | attic/meter/o {"p":null} | attic/meter/z null']);
    expect(run({ decode: json(), payload: { kind: "fields" } }, "{}\n")).toEqual(["decode: the frame has no fields"]);
    expect(run({ decode: json(), payload: { kind: "fields" } }, '{"":1}\n')).toEqual([
      "topic: the topic's {field} is empty",
    ]);
  });

  test("template is text with placeholders", () => {
    const payload = { kind: "template", template: "{node}={t} via {peer}" } as const;
    expect(run({ decode, payload }, "p;21.5\n")).toEqual(["attic/meter p=21.5 via 192.0.2.1"]);
    expect(run({ decode: json(), payload }, "{}\n")).toEqual(["decode: the payload's {node} has no value"]);
    expect(run({ decode: json(), payload }, '{"node":"\\ud800","t":1}\n')).toEqual([
      'encoding: the payload "\\ud800=1 via 192.0.2.1" has a lone surrogate, which UTF-8 cannot encode',
    ]);
  });

  test("a record has the source's QoS, retain and expiry", () => {
    const wire = wireOf({ qos: 2, retain: true, expiry: 60 });
    expect(wire.push(bytesOf("a\n"), 0)[0]?.records[0]).toMatchObject({ qos: 2, retain: true, expiry: 60 });
    expect(wireOf().push(bytesOf("a\n"), 0)[0]?.records[0]).toMatchObject({ qos: 1, retain: false, expiry: undefined });
  });
});

describe("encoding", () => {
  const bytes = Uint8Array.of(0x61, 0xe9, 0x0a, 0x62, 0x0a);

  test("utf8 drops what is ill-formed, and goes on", () => {
    expect(run({}, bytes)).toEqual(["encoding: byte 1 of the frame, 0xe9, is not UTF-8", 'attic/meter {"value":"b"}']);
  });

  test("latin1 accepts every byte, and answers in it", () => {
    const settings = { encoding: "latin1", acknowledge: "ok {value}\n" } as const;
    const pipeline = pipelineOf(settings);
    const [outcome] = pipeline.open(peer).push(bytes, 0);
    if (outcome === undefined) throw new Error("there is no outcome");
    expect(seen(outcome)).toBe('attic/meter {"value":"aé"}');
    expect(pipeline.acknowledgement(peer, outcome)).toEqual(new Uint8Array(Buffer.from("ok aé\n", "latin1")));
  });

  test("hex gives the digits of the bytes", () => {
    expect(run({ encoding: "hex" }, bytes)).toEqual(['attic/meter {"value":"61e9"}', 'attic/meter {"value":"62"}']);
  });
});

test("a format of bytes reads the bytes, whatever text they would be", () => {
  const decode = decodeOf('{ format = "binary", fields = ["a:u16", "b:u8"] }');
  expect(run({ frame: { kind: "datagram" }, decode }, Uint8Array.of(0xff, 0xc3, 0x28))).toEqual([
    'attic/meter {"a":65475,"b":40}',
  ]);
});

describe("the first line after opening", () => {
  const settings = { first: "drop", decode: json() } as const;

  test("is incomplete if it cannot be decoded; a later line is not", () => {
    expect(run(settings, 'p":1}\n{"a":2}\nx\n')).toEqual([
      'incomplete: the first frame after opening may lack its beginning; JSON, at character 1, "p":1}": the frame must be a JSON object',
      'attic/meter {"a":2}',
      'decode: JSON, at character 1, "x": the frame must be a JSON object',
    ]);
  });

  test("counts if it can be decoded", () => {
    expect(run(settings, '{"a":1}\nx\n')).toEqual([
      'attic/meter {"a":1}',
      'decode: JSON, at character 1, "x": the frame must be a JSON object',
    ]);
  });

  test("is filtered if it is of another kind", () => {
    const decode = { format: "nmea", sentences: { RMC: [] }, fields: [] } as const;
    expect(run({ first: "drop", decode }, "$GPGSV,1\n$GPRMC,\n")).toEqual([
      'filtered: NMEA: the sentence "GSV" is not in decode.sentences',
      'attic/meter {"talker":"GP","sentence":"RMC"}',
    ]);
  });

  test("is not excused from the other rules", () => {
    expect(run({ ...settings, topic: "{node}" }, '{"a":1}\n')).toEqual(["topic: the topic's {node} has no value"]);
  });
});

test("the last line without an end is incomplete, or a frame if the first one is kept", () => {
  expect(run({ first: "drop" }, "a\nb")).toEqual([
    'attic/meter {"value":"a"}',
    "incomplete: the connection ended before the line did",
  ]);
  expect(run({ first: "keep" }, "a\nb")).toEqual(['attic/meter {"value":"a"}', 'attic/meter {"value":"b"}']);
});

test("a datagram is complete with its end", () => {
  const wire = wireOf({ frame: { kind: "datagram" }, first: "drop", decode: json() });
  expect(wire.push(bytesOf("x"), 0)).toEqual([]);
  expect(wire.end(0).map(seen)).toEqual(['decode: JSON, at character 1, "x": the frame must be a JSON object']);
  expect([...wire.push(bytesOf("{}"), 0), ...wire.end(0)].map(seen)).toEqual(["attic/meter {}"]);
});

test("a frame that is too long is dropped without its bytes, one that is too old with them", () => {
  const wire = wireOf({ maxFrame: 4 });
  const [long] = wire.push(bytesOf("12345"), 0);
  expect(long).toMatchObject({ dropped: "too-long", detail: "the line has more than 4 bytes", bytes: undefined });
  wire.push(bytesOf("\nab"), 10);
  expect(wire.deadline()).toBe(1010);
  expect(wire.advance(1009)).toEqual([]);
  const [old] = wire.advance(1010);
  expect(old).toMatchObject({ dropped: "incomplete", detail: "the line began 1000 ms ago and has not ended" });
  expect(textOf(old?.bytes)).toBe("ab");
});

describe("conditions", () => {
  const settings = { decode: json(), topic: "h/{node}" } as const;

  test("drop a record as filtered", () => {
    expect(run({ ...settings, when: [{ field: "t", op: ">", value: 0 }] }, '{"node":"p","t":-1}\n')).toEqual([
      'filtered: field "t" is "-1"; the condition is "> 0"',
    ]);
  });

  test("may name what is known of the connection", () => {
    const when = [{ field: "peer", op: "=", value: "192.0.2.1" }] as const;
    expect(run({ when }, "a\n")).toEqual(['attic/meter {"value":"a"}']);
  });

  test("compare with the last record also after the device connected again", () => {
    const pipeline = pipelineOf({ ...settings, when: [{ field: "t", op: "changed", value: undefined }] });
    const send = (text: string) =>
      pipeline
        .open(peer)
        .push(bytesOf(text), 0)
        .map(({ dropped }) => dropped);
    expect(send('{"node":"p","t":1}\n')).toEqual([undefined]);
    expect(send('{"node":"p","t":1}\n{"node":"q","t":1}\n{"node":"p","t":2}\n')).toEqual([
      "filtered",
      undefined,
      undefined,
    ]);
  });
});

test("a record that was not accepted does not make its repetition unchanged", () => {
  const pipeline = pipelineOf({ decode: json(), when: [{ field: "t", op: "changed", value: undefined }] });
  const wire = pipeline.open(peer);
  const send = () => wire.push(bytesOf('{"t":1}\n'), 0)[0];
  const first = send();
  if (first === undefined) throw new Error("there is no outcome");
  pipeline.notAccepted(peer, first);
  expect([send()?.dropped, send()?.dropped]).toEqual([undefined, "filtered"]);
});

describe("answers", () => {
  const settings = { decode: json(), acknowledge: "ok {n}\n", refuse: "no {reason} {n}\n" } as const;

  test("acknowledge with the fields, refuse with the reason", () => {
    const pipeline = pipelineOf(settings);
    const [good, bad] = pipeline.open(peer).push(bytesOf('{"n":"1\\nok 2"}\nx\n'), 0);
    if (good === undefined || bad === undefined) throw new Error("there are two frames");
    expect(textOf(pipeline.acknowledgement(peer, good))).toBe("ok 1\\u000aok 2\n");
    expect(pipeline.refusal(peer, good)).toBeUndefined();
    expect(textOf(pipeline.refusal(peer, good, "full"))).toBe("no full 1\\u000aok 2\n");
    expect(textOf(pipeline.refusal(peer, bad))).toBe("no decode \n");
  });

  test("are nothing if they are not configured", () => {
    const pipeline = pipelineOf();
    const [outcome] = pipeline.open(peer).push(bytesOf("a\n"), 0);
    if (outcome === undefined) throw new Error("there is no outcome");
    expect(pipeline.acknowledgement(peer, outcome)).toBeUndefined();
    expect(pipeline.refusal(peer, outcome, "full")).toBeUndefined();
    expect(pipeline.deadLetter(peer, outcome)).toBeUndefined();
  });
});

describe("a dead letter", () => {
  const settings = { decode: json(), deadletter: "{gateway}/dead/{source}", maxFrame: 20 } as const;

  function letters(input: string | Uint8Array, more: Partial<StdinSettings> = {}) {
    const pipeline = pipelineOf({ ...settings, ...more });
    const wire = pipeline.open(peer);
    const bytes = typeof input === "string" ? bytesOf(input) : input;
    return wire.push(bytes, 0).map((outcome) => {
      const letter = pipeline.deadLetter(peer, outcome);
      return letter && `${letter.topic} ${textOf(letter.payload)}`;
    });
  }

  test("has the source, the reason and the bytes of a frame that could not be decoded", () => {
    expect(letters("{x\n{}\n")).toEqual([
      'attic/dead/meter {"source":"meter","reason":"decode","hex":"7b78"}',
      undefined,
    ]);
    expect(letters(Uint8Array.of(0xff, 0x0a))).toEqual([
      'attic/dead/meter {"source":"meter","reason":"encoding","hex":"ff"}',
    ]);
  });

  test("is not sent for what was filtered, or was too long", () => {
    const when = [{ field: "a", op: "exists", value: undefined }] as const;
    expect(letters(`{}\n${"x".repeat(30)}\n`, { when })).toEqual([undefined, undefined]);
  });

  test("is not sent if its own topic has no value", () => {
    expect(letters("x\n", { deadletter: "dead/{node}" })).toEqual([undefined]);
  });
});

test("templates that cannot be used are refused before anything is received", () => {
  expect(() => pipelineOf({ topic: "a/#" })).toThrow('topic: "a/#" must not contain the wildcard');
  expect(() => pipelineOf({ deadletter: "{a" })).toThrow('deadletter: "{a" has a brace');
});
