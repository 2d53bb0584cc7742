// The configuration of polls and commands: what is read, and what is wrong with it.

import { problemText } from "@aiko/mqtt-configuration";
import { describe, expect, test } from "vitest";
import { readConfiguration } from "../../src/configuration/read-configuration.ts";

const LINES = 'kind = "tcp"\nconnect = "host:1"';
const read = (text: string, source = text.includes("modbus") ? `${LINES}\nframe = "modbus-rtu"` : LINES) =>
  readConfiguration(
    `[gateway]\nid = "g"\n[uplink]\nurl = "mqtt://h"\n[spool]\nmode = "memory"\n[[source]]\nid = "s"\n${source}\ntopic = "t"\n${text.replaceAll("; ", "\n")}`,
    { file: "g.toml", environment: {}, readFile: () => "" },
  );

const SERVER = 'kind = "tcp-server"\nlisten = ":1"';

const problems = (text: string, source?: string): string[] =>
  (read(text, source).problems ?? []).map((each) => problemText(each).replace(/^g\.toml:\d+: /, ""));

test("a poll has defaults, and what it sends", () => {
  const [source] = read('[[source.poll]]; every = "10s"; send = "READ?"').configuration?.sources ?? [];
  expect(source?.polls).toEqual([
    {
      every: 10_000,
      jitter: 0.1,
      question: { kind: "text", text: "READ?" },
      framed: true,
      answer: { match: undefined, refused: undefined, encoding: "utf8", timeout: 1_000, retries: 2 },
      decode: undefined,
      topic: undefined,
    },
  ]);
});

test("a Modbus poll reads as many registers as its fields need, or as many as count says", () => {
  const modbus = (more: string) =>
    read(`[[source.poll]]; every = "1s"; modbus = { unit = 1, function = 4${more} }; fields = ["a:u16", "b:u32"]`)
      .configuration?.sources[0]?.polls[0]?.decode;
  expect(modbus("")).toMatchObject({ format: "modbus", count: 3 });
  expect(modbus(", count = 8")).toMatchObject({ format: "modbus", count: 8 });
});

test("a command has defaults, and a Modbus command an answer", () => {
  const command = (text: string) =>
    read(`[[source.command]]; topic = "c/{node}"; ${text}`).configuration?.sources[0]?.commands[0];
  expect(command('encode = "raw"')).toMatchObject({
    decode: "raw",
    values: {},
    answer: undefined,
    queue: 32,
    expiry: 30_000,
    hold: false,
    retained: false,
    result: "{topic}/result",
  });
  expect(command('encode = { format = "modbus", unit = 1, function = 6, fields = ["value:u16"] }')?.answer).toEqual({
    match: undefined,
    refused: undefined,
    encoding: "utf8",
    timeout: 1_000,
    retries: 0,
  });
  expect(command('result = ""')?.result).toBeUndefined();
  expect(command('answer = "led ok"')?.answer).toMatchObject({ match: "led ok", timeout: 1_000, retries: 0 });
});

test("a JSON command may have any placeholders in its answer, and a source with JSON any fields", () => {
  const answer = 'answer = { match = { relay = "{relay}" } }';
  expect(problems(`[[source.command]]; topic = "c/{node}"; decode = "json"; encode = "json"; ${answer}`)).toEqual([]);
});

test.each([
  `${LINES}`,
  'kind = "unix"\npath = "/run/x"\nlisten = false',
  `${SERVER}\ndevice_name = "{gateway}-{source}"`,
  `${SERVER}\ndevice_name = "meter"`,
])("a command needs no level for the device if there is one device or one wire: %s", (source) => {
  expect(problems('[[source.command]]; topic = "c/set"', source)).toEqual([]);
});

describe("what is wrong is said", () => {
  const poll = (text: string) => `[[source.poll]]; every = "10s"; ${text}`;
  const command = (text: string) => `[[source.command]]; topic = "c/{node}"; ${text}`;
  const http = 'kind = "http"';
  test.each<[string, string, string?]>([
    [poll(""), "source[0].poll[0]: must have one of send, hex and modbus"],
    [
      poll('send = "a"; hex = "00"'),
      "source[0].poll[0]: must have only one of send, hex and modbus; remove the others",
    ],
    [
      poll('modbus = { unit = 1 }; fields = ["a:u16"]'),
      'source[0].poll[0].modbus: requires frame = "modbus-rtu"',
      LINES,
    ],
    [
      command('encode = { format = "modbus", unit = 1, function = 6, fields = ["value:u16"] }'),
      'source[0].command[0].encode: requires frame = "modbus-rtu"',
      LINES,
    ],
    [
      '[[source.command]]; topic = "t"',
      'source[0].command[0].topic: "t" matches what this source publishes (topic = "t"), so a record would be a command',
    ],
    [
      '[[source.command]]; topic = "c/{a}"; [[source.command]]; topic = "c/{b}"',
      'source[0].command[1].topic: "c/{b}" is the topic of command[0] too; a message would be carried out twice',
    ],
    ['command = { topic = "x" }', "source[0].command: must be a list, not a table; write [[source.command]]"],
    [poll('hex = "0"'), "source[0].poll[0].hex: must be 1 to 1024 bytes as pairs of hexadecimal digits"],
    [poll('send = "a"; jitter = 0.6'), "source[0].poll[0].jitter: must be from 0 to 0.5"],
    [
      poll('send = "A\\nB"'),
      "source[0].poll[0].send: cannot be sent: byte 1 ends a line, so it cannot be in one; correct it, or write framed = false",
    ],
    [
      poll('hex = "41034203"'),
      "source[0].poll[0].hex: cannot be sent: 0x03 ends a frame, so it cannot be in one (byte 1)",
      `${LINES}\nframe = { kind = "delimiter", end = "03" }`,
    ],
    [
      poll('send = "€"'),
      "source[0].poll[0].send: cannot be sent: a character that Latin-1 does not have",
      `${LINES}\nencoding = "latin1"`,
    ],
    [poll('send = "{node}"'), 'source[0].poll[0].send: "{node}" is not defined'],
    [poll('send = "a"; fields = ["x"]'), "source[0].poll[0].fields: requires decode"],
    [
      poll('modbus = { unit = 0 }; fields = ["a:u16"]'),
      "source[0].poll[0].modbus.unit: must be an integer from 1 to 247",
    ],
    [poll("modbus = { unit = 1 }"), "source[0].poll[0].fields: is required if the format is modbus"],
    [
      poll('modbus = { unit = 1, count = 1 }; fields = ["a:u32"]'),
      "source[0].poll[0].modbus.count: must be at least 2, which the fields need",
    ],
    [poll('modbus = { unit = 1 }; decode = "csv"'), "source[0].poll[0].decode: cannot be combined with modbus"],
    [poll('modbus = { unit = 1 }; expect = "x"; fields = ["a:u16"]'), "source[0].poll[0].expect: cannot be combined"],
    ['[[source.poll]]; send = "a"', "source[0].poll[0].every: is required and missing"],
    [poll('send = "a"'), "source[0].poll: is not possible for http", http],
    [command(""), "source[0].command: is not possible for http", http],
    [poll('send = "a"'), "source[0].poll: is not possible for udp", 'kind = "udp"\nlisten = ":1"'],
    [command('topc = "x"'), 'source[0].command[0].topc: unknown key "topc"; did you mean "topic"?'],
    [
      '[[source.command]]; topic = "c/x{node}"',
      'source[0].command[0].topic: "c/x{node}" must have {node} as a whole level',
    ],
    ['[[source.command]]; topic = "{a}/{a}"', 'source[0].command[0].topic: "{a}/{a}" must not have {a} twice'],
    ['[[source.command]]; topic = "c/#"', 'source[0].command[0].topic: "c/#"'],
    [command('result = "other"'), 'source[0].command[0].result: must begin with "{topic}/"'],
    [
      command('encode = { format = "text", template = "{other}" }'),
      'source[0].command[0].encode: needs the field "other", but a command has "node", "value"',
    ],
    [
      command('encode = { format = "modbus", unit = 1, function = 4, fields = ["value:u16"] }'),
      "source[0].command[0].encode: must be a function that writes: 5, 6, 15 or 16",
    ],
    [command('template = "(x {value})"'), 'source[0].command[0].template: requires encode = "sexpr"'],
    [command('field = "relay"'), 'source[0].command[0].field: "relay" must be one of the fields of the source'],
    [
      '[[source.command]]; topic = "c/set"',
      'source[0].command[0].topic: "c/set" does not say which device the command is for: device_name has {node}; write a level {node}',
      SERVER,
    ],
    [
      command('encode = "raw"'),
      'source[0].command[0].topic: "c/{node}" does not say which device the command is for: device_name has {peer}; write another device_name',
      `${SERVER}\ndevice_name = "{peer}"`,
    ],
    [
      '[[source.command]]; topic = "c/set"',
      "source[0].command[0].topic: ",
      'kind = "udp"\nlisten = ":1"\ndecode = "json"',
    ],
    ['[[source.command]]; topic = "c/set"', "source[0].command[0].topic: ", 'kind = "unix"\npath = "/run/x"'],
    [
      poll('send = "a"; expect = "OK {value}"'),
      'source[0].poll[0].expect: "{value}" is not defined; no placeholders are possible here',
    ],
    [
      poll('send = "a"; refused = { relay = "x" }'),
      'source[0].poll[0].refused.relay: the answer has no field "relay"; it has value',
      `${LINES}\ndecode = "raw"`,
    ],
    [
      poll('send = "a"; decode = { format = "csv", fields = ["relay"] }; expect = { rela = "x" }'),
      'source[0].poll[0].expect.rela: the answer has no field "rela"; did you mean "relay"?',
    ],
    [
      command('answer = "OK {vlaue}"'),
      'source[0].command[0].answer.match: "{vlaue}" is not defined; did you mean {value}?',
    ],
    [
      command('answer = { refused = { relay = "{nod}" } }'),
      'source[0].command[0].answer.refused.relay: "{nod}" is not defined; did you mean {node}?',
    ],
    [
      command('answer = { match = { vale = "x" } }'),
      'source[0].command[0].answer.match.vale: the answer has no field "vale"; did you mean "value"?',
      `${LINES}\ndecode = "raw"`,
    ],
    [command("queue = 0"), "source[0].command[0].queue: must be an integer from 1 to 10000"],
  ])("%s", (text, expected, source) => {
    const found = problems(text, source);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(expected);
  });
});
