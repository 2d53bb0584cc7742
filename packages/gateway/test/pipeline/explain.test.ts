import { expect, test } from "vitest";
import type { HttpSettings, SourceSettings, StdinSettings } from "../../src/configuration/configuration.ts";
import { explain } from "../../src/pipeline/explain.ts";
import { bytesOf, csv, field, gateway, json, pipelineOf, sourceWith } from "../settings.ts";

const wallTime = () => 1_790_000_000_123;

function explained(source: Partial<StdinSettings> | SourceSettings, input: string | Uint8Array): string[] {
  const bytes = typeof input === "string" ? bytesOf(input) : input;
  return explain(sourceWith(source as Partial<StdinSettings>), gateway, bytes, { wallTime }).split("\n");
}

const loss =
  "             accepted when synced; this source sends no acknowledgement: what was read and not yet synced at a crash is lost";

test("shows frames, fields with units and types, records, and what was skipped", () => {
  const decode = csv(field("node"), field("temp", "f32", { unit: "°C" }));
  expect(explained({ decode, topic: "house/{node}", retain: true, expiry: 60 }, "pebble;21.5\r\n\n")).toEqual([
    "bytes 0–10   frame  line, 11 bytes",
    '             fields node="pebble" (text)  temp=21.5 °C (f32)',
    '             record house/pebble  qos 1  retain  expires after 60 s  29 bytes  {"node":"pebble","temp":21.5}',
    "bytes 11–13  skipped: 3 bytes",
    loss,
    "",
  ]);
});

test("shows the units that a device sends, if the configuration has none", () => {
  const fields = [field("hum", "u8", { unit: "%" })];
  const decode = { format: "sexpr", envelope: undefined, template: undefined, fields } as const;
  expect(explained({ decode }, "(temp 21.5 \u0001)(hum 40 p)(t 5 C)\n")[1]).toBe(
    "             fields temp=21.5 \\u0001  hum=40 % (u8)  t=5 C",
  );
});

test("shows why a frame is dropped, its answer and its dead letter", () => {
  const settings = { decode: json(), refuse: "no {reason}\n", acknowledge: "ok {a}\n", deadletter: "dead" } as const;
  expect(explained(settings, '{"a":[1]}\nx\r\n')).toEqual([
    "bytes 0–8    frame  line, 9 bytes",
    "             fields a=[1]",
    '             record attic/meter  qos 1  9 bytes  {"a":[1]}',
    "             answer ok [1]\\u000a",
    "byte 9       skipped: LF",
    "byte 10      frame  line, 1 byte",
    '             dropped "decode": JSON, at character 1, "x": the frame must be a JSON object',
    "             answer no decode\\u000a",
    '             dead letter dead  {"source":"meter","reason":"decode","hex":"78"}',
    "bytes 11–12  skipped: CR LF",
    "             accepted when synced; the acknowledgement is sent after that: a crash loses nothing that was acknowledged",
    "",
  ]);
});

test("shows that what is filtered is acknowledged", () => {
  const when = [{ field: "a", op: "exists", value: undefined }] as const;
  expect(explained({ decode: json(), when, refuse: "no\n", acknowledge: "ok\n" }, "{}\n").slice(2, 4)).toEqual([
    '             dropped "filtered": field "a" is missing; the condition is "exists"',
    "             answer ok\\u000a",
  ]);
});

test("shows each message of a record, and payloads that are not text", () => {
  const fields = explained({ decode: json(), payload: { kind: "fields" } }, '{"a":1,"b":"x"}\n');
  expect(fields.slice(2, 4)).toEqual([
    "             record attic/meter/a  qos 1  1 byte  1",
    "             record attic/meter/b  qos 1  1 byte  x",
  ]);
  expect(explained({ encoding: "latin1", payload: { kind: "raw" } }, Uint8Array.of(0xff, 0x0a))[2]).toBe(
    "             record attic/meter  qos 1  1 byte  (not text)",
  );
});

test("shows what comes before the first frame and after the last", () => {
  expect(explained({ maxFrame: 4 }, "\n123456789")).toEqual([
    "byte 0       skipped: LF",
    "bytes 1–5    frame  line, 5 bytes",
    '             dropped "too-long": the line has more than 4 bytes',
    "bytes 6–9    skipped: 4 bytes",
    loss,
    "",
  ]);
  expect(explained({}, "\n\n").slice(0, 1)).toEqual(["no frame was found"]);
});

test("says what an HTTP source promises", () => {
  const http: HttpSettings = {
    ...sourceWith({ frame: { kind: "datagram" } }),
    kind: "http",
    listen: { host: "127.0.0.1", port: 8080 },
    path: "/ingest/{node}",
    token: undefined,
    maxBody: 65_536,
    maxRequests: 32,
  };
  const text = explain({ ...http, topic: "h/{node}" }, gateway, bytesOf("a\n"), {
    wallTime,
    peer: { peer: "192.0.2.1", port: 8080, fields: { node: "p" } },
  });
  expect(text).toContain("record h/p  qos 1");
  expect(text).toContain("a request is answered with 202 after that");
});

test("shows the records that the pipeline makes", () => {
  const settings = { decode: json(), first: "drop", topic: "h/{node}" } as const;
  const input = bytesOf('de":1}\n{"node":"a/b"}\n{"node":"c"}\n{');
  const wire = pipelineOf(settings).open({ peer: "meter", port: 0 });
  const topics = [...wire.push(input, 0), ...wire.end(0)].flatMap(({ records }) => records.map(({ topic }) => topic));
  const lines = explained(settings, input).filter((line) => line.includes(" record "));
  expect(lines.map((line) => line.trim().split(/ +/)[1])).toEqual(topics);
});

test("shows the kind of the frame and of its check", () => {
  const check = { kind: "xor8", at: "end", from: 0, as: "hex", endian: "big" } as const;
  const frame = { kind: "delimiter", end: bytesOf(";"), start: bytesOf("<"), keep: false } as const;
  expect(explained({ frame, check, deadletter: "dead" }, "boot <a61;<a62;").slice(0, 8)).toEqual([
    "bytes 0–5    skipped: 6 bytes",
    "bytes 6–8    frame  delimiter, 3 bytes, check xor8",
    '             fields value="a"',
    '             record attic/meter  qos 1  13 bytes  {"value":"a"}',
    "bytes 9–10   skipped: 2 bytes",
    "bytes 11–13  frame  delimiter, 3 bytes, check xor8",
    '             dropped "checksum": xor8 is 0x62, but the bytes give 0x61',
    '             dead letter dead  {"source":"meter","reason":"checksum","hex":"613632"}',
  ]);
});

test("shows each device once, with its availability and its announcement to Home Assistant", () => {
  const decode = csv(field("node"), field("temp", "f32", { unit: "°C" }), field("relay", "bool"));
  const homeAssistant = { prefix: "homeassistant", statusTopic: "homeassistant/status" };
  const lines = (settings: Partial<StdinSettings>, options: { homeAssistant?: typeof homeAssistant }) =>
    explain(
      sourceWith({ decode, topic: "house/{node}", ...settings }),
      gateway,
      bytesOf("pebble_1;21.5;on\npebble_1;22;on\n"),
      {
        wallTime,
        ...options,
      },
    )
      .split("\n")
      .filter((line) => line.includes(" device "))
      .map((line) => line.trim());
  expect(lines({}, {})).toEqual([]);
  expect(lines({ silence: 300_000 }, {})).toEqual([
    "device pebble_1: online at house/pebble_1/availability, offline after 300 s of silence",
  ]);
  expect(lines({ availability: "" }, { homeAssistant })).toEqual([
    "device pebble_1: would announce homeassistant/device/attic_pebble_1/config (2 components)",
  ]);
  expect(lines({ payload: { kind: "raw" }, availability: "" }, { homeAssistant })).toEqual([
    "device pebble_1: is not announced to Home Assistant: see docs/gateway/presence.md",
  ]);
  expect(lines({ silence: 1_000, availability: "" }, {})).toEqual(["device pebble_1: known"]);
});
