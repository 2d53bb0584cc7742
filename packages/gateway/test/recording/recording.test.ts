// The format of recordings: what is written is read again, and what is not a recording gives one error with its line.
import fc from "fast-check";
import { expect, test } from "vitest";
import { eventLine, headLine, type RecordedEvent, readRecording } from "../../src/recording/recording.ts";

const peer = fc.record(
  {
    peer: fc.string(),
    port: fc.nat(65_535),
    fields: fc.dictionary(fc.string(), fc.string()),
    topic: fc.string(),
  },
  { requiredKeys: ["peer", "port"] },
);

/** Events of one connection, at times that do not go back. */
const events = fc
  .tuple(
    fc.string(),
    peer,
    fc.array(fc.oneof(fc.uint8Array(), fc.constant("end" as const), fc.constant("timeout" as const))),
  )
  .map(([source, known, parts]): RecordedEvent[] => [
    { kind: "open", at: 0, connection: 1, source, peer: known },
    ...parts.map((part, i): RecordedEvent => {
      const at = i + 0.125;
      return typeof part === "string"
        ? { kind: part, at, connection: 1 }
        : { kind: "data", at, connection: 1, bytes: part };
    }),
  ]);

test("reads what was written", () => {
  fc.assert(
    fc.property(fc.nat(), events, (startedAt, written) => {
      const text = headLine(startedAt) + written.map(eventLine).join("");
      expect(readRecording(text)).toEqual({ recording: { startedAt, events: written } });
    }),
  );
});

test("writes bytes as text if they are UTF-8, otherwise in hexadecimal digits", () => {
  const data = (bytes: number[]) =>
    eventLine({ kind: "data", at: 1.23456, connection: 2, bytes: Uint8Array.from(bytes) });
  expect(data([0xc2, 0xb0, 0x43, 0x0a])).toBe('{"ms":1.235,"data":2,"text":"°C\\n"}\n');
  expect(data([0xc2])).toBe('{"ms":1.235,"data":2,"hex":"c2"}\n');
});

const head = headLine(0);
const open = '{"ms":5,"open":1,"source":"a","peer":"a","port":0}\n';

test.each([
  ["", "line 1: the recording is empty"],
  ["hello\n", 'line 1: is not the head of a recording, {"aiko-gateway-recording":1,…}'],
  [open, 'line 1: is not the head of a recording, {"aiko-gateway-recording":1,…}'],
  [
    '{"aiko-gateway-recording":2,"started":0}\n',
    'line 1: the recording has the version "2"; this gateway reads version 1',
  ],
  ['{"aiko-gateway-recording":1,"started":"now"}\n', "line 1: started: must be milliseconds since 1970"],
  [
    `${head}${open}{"ms":6,"da`,
    'line 3: "{"ms":6,"da" is not a JSON object; the recording is cut off here, remove the line to replay the others',
  ],
  [`${head}[1]\n`, 'line 2: "[1]" is not a JSON object'],
  [`${head}{}\n`, "line 2: ms: must be a number of milliseconds, at least 0"],
  [`${head}{"ms":-1,"end":1}\n`, "line 2: ms: must be a number of milliseconds, at least 0"],
  [`${head}{"ms":1}\n`, "line 2: must have one of open, data, end and timeout"],
  [`${head}{"ms":1,"end":"x"}\n`, "line 2: end: must be the number of a connection"],
  [`${head}{"ms":1,"end":1}\n`, "line 2: end: the connection 1 was not opened"],
  [`${head}${open}${open}`, "line 3: open: the connection 1 is already open"],
  [`${head}${open}{"ms":4,"end":1}\n`, "line 3: ms: 4 is earlier than 5 of the line before"],
  [`${head}${open}{"ms":5,"data":1}\n`, "line 3: data: must have either text or hex"],
  [`${head}${open}{"ms":5,"data":1,"text":"a","hex":"61"}\n`, "line 3: data: must have either text or hex"],
  [`${head}${open}{"ms":5,"data":1,"hex":"6"}\n`, "line 3: hex: must be pairs of hexadecimal digits"],
  [
    `${head}${open}{"ms":5,"data":1,"text":"\\ud800"}\n`,
    "line 3: text: has half of a surrogate pair; write the bytes as hex",
  ],
  [`${head}{"ms":5,"open":1}\n`, "line 2: source: must be the id of a source"],
  [
    `${head}{"ms":5,"open":1,"source":"a"}\n`,
    "line 2: peer: must be the address of the device, or the id of the source",
  ],
  [`${head}{"ms":5,"open":1,"source":"a","peer":"a","port":-1}\n`, "line 2: port: must be a port, or 0"],
  [
    `${head}{"ms":5,"open":1,"source":"a","peer":"a","port":1,"fields":{"a":1}}\n`,
    "line 2: fields: must be an object of strings",
  ],
  [`${head}{"ms":5,"open":1,"source":"a","peer":"a","port":1,"topic":1}\n`, "line 2: topic: must be a string"],
])("reports what is wrong with %j", (text, problem) => {
  expect(readRecording(text)).toEqual({ problem });
});

test("any text is a recording or has a problem", () => {
  const line = fc.oneof(
    fc.string(),
    fc.json(),
    fc.constantFrom(head.trim(), open.trim(), '{"ms":9,"data":1,"hex":"00"}'),
  );
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const { recording, problem } = readRecording(lines.join("\n"));
      expect(recording === undefined).toBe(problem !== undefined);
    }),
  );
});
