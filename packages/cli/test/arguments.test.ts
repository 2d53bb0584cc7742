import { expect, test } from "vitest";
import { ArgumentError, type Arguments, describeOptions, type OptionTable, parseArguments } from "../src/arguments.ts";

const table = {
  debug: { letters: "d", help: "a switch" },
  retain: { letters: "r", help: "another" },
  host: { letters: "hH", value: "HOST", help: "two letters" },
  port: { letters: "p", value: "PORT", help: "a number" },
  topic: { letters: "t", value: "TOPIC", help: "a word", repeats: true },
  message: { letters: "m", value: "MESSAGE", help: "any text", literal: true, mayBeEmpty: true },
  password: { letters: "P", value: "PASSWORD", help: "a secret", mayBeEmpty: true, secret: true },
  will_topic: { letters: "w", value: "TOPIC", help: "underscore and all" },
} satisfies OptionTable;

function parse(argv: readonly string[], operands = 0): Arguments<keyof typeof table> {
  const parsed = parseArguments(table, argv, operands);
  if (parsed.asks !== "run") throw new Error(`asks for ${parsed.asks}`);
  return parsed.args;
}

test.each([
  [["-t", "a"], { topic: "a" }],
  [["-ta"], { topic: "a" }],
  [["--topic", "a"], { topic: "a" }],
  [["--topic=a"], { topic: "a" }],
  [["--topic=a=b"], { topic: "a=b" }],
  [["--message="], { message: "" }],
  [["-m", ""], { message: "" }],
  [["-p1884"], { port: "1884" }],
  [["-dr"], { debug: "", retain: "" }],
  [["-drp1884"], { debug: "", retain: "", port: "1884" }],
  [["-dt", "a"], { debug: "", topic: "a" }],
  [["-m", "-5"], { message: "-5" }],
  [["-m", "-d"], { message: "-d" }],
  [["-m", "--help"], { message: "--help" }],
  [["-m", "-h"], { message: "-h" }],
  [["-m", "--"], { message: "--" }],
  [["--message=-t", "-t", "-5"], { message: "-t", topic: "-5" }],
  [["-h", "a"], { host: "a" }],
  [["-H", "a"], { host: "a" }],
  [["-ha"], { host: "a" }],
  [["-Ha"], { host: "a" }],
  [["--host", "a"], { host: "a" }],
  [["-dH", "a"], { debug: "", host: "a" }],
  [["-d", "-rd", "--debug"], { debug: "", retain: "" }],
  [["-w", "x"], { will_topic: "x" }],
  [["--will_topic", "x"], { will_topic: "x" }],
  [["--will_topic=x"], { will_topic: "x" }],
  [[], {}],
] as const)("%j", (argv, values) => {
  const args = parse(argv);
  const names = Object.keys(table) as (keyof typeof table)[];
  expect(Object.fromEntries(names.filter((name) => args.has(name)).map((name) => [name, args.text(name)]))).toEqual(
    values,
  );
});

test.each([
  [["--bogus"], "unknown option --bogus"],
  [["--bogus=secret"], "unknown option --bogus"],
  [["-x"], "unknown option -x"],
  [["-dx"], "unknown option -x"],
  [["-d5"], "unknown option -5"],
  [["--__proto__"], "unknown option --__proto__"],
  [["--constructor=1"], "unknown option --constructor"],
  [["--H", "a"], "unknown option --H; did you mean -H?"],
  [["--no-debug"], "unknown option --no-debug; did you mean --debug?"],
  [["--top", "a"], "unknown option --top; did you mean --topic?"],
  [["--tpoic=secret"], "unknown option --tpoic; did you mean --topic?"],
  [["--prt", "1"], "unknown option --prt; did you mean --port?"],
  [["--will-topic", "a"], "unknown option --will-topic; did you mean --will_topic?"],
  [["--verson"], "unknown option --verson; did you mean --version?"],
  [["--hel"], "unknown option --hel; did you mean --help?"],
  [["--h=x"], "unknown option --h; did you mean -h?"],
  [["-t"], "option -t requires a value: -t TOPIC"],
  [["--topic"], "option --topic requires a value: --topic TOPIC"],
  [["-t", "-m", "a"], "option -t requires a value: -t TOPIC"],
  [["-t", "--message", "a"], "option -t requires a value: -t TOPIC"],
  [["-H"], "option -H requires a value: -H HOST"],
  [["--host"], "option --host requires a value: --host HOST"],
  [["--debug=yes"], "option --debug does not take a value"],
  [["--help=me"], "option --help does not take a value"],
  [["-t", ""], "option -t: must not be empty"],
  [["--topic="], "option --topic: must not be empty"],
  [["-p", "1", "-p", "2"], 'option --port (-p) was specified twice, as "1" and "2"; specify it once'],
  [["--port=1", "--port=1"], 'option --port was specified twice, as "1" and "1"; specify it once'],
  [["-h", "a", "-H", "b"], 'option --host (-H) was specified twice, as "a" and "b"; specify it once'],
  [
    ["-m", "", "-m", "x".repeat(41)],
    `option --message (-m) was specified twice, as "" and "${"x".repeat(40)}…"; specify it once`,
  ],
  [["-Psecret", "--password=secret2"], "option --password was specified twice; specify it once"],
  [["left"], 'unexpected argument "left"'],
  [["-d", "left"], 'unexpected argument "left"'],
] as const)("%j is refused: %s", (argv, message) => {
  expect(() => parse(argv)).toThrow(new ArgumentError(message));
});

test.each([
  [["--help"], "help"],
  [["-h"], "help"],
  [["-dh"], "help"],
  [["-h", "-d"], "help"],
  [["-h", "--topic", "a"], "help"],
  [["-t", "a", "-h"], "help"],
  [["--help", "--bogus"], "help"],
  [["--version"], "version"],
  [["-t", "a", "--version"], "version"],
] as const)("%j asks for %s", (argv, asks) => {
  expect(parseArguments(table, argv)).toEqual({ asks });
});

test("if host is not an option of the command, -h is still the help", () => {
  expect(parseArguments({ debug: table.debug }, ["-h"])).toEqual({ asks: "help" });
  expect(() => parseArguments({ debug: table.debug }, ["-H"])).toThrow("unknown option -H");
});

test("operands may have any position, up to their number", () => {
  expect(parse(["a", "-d"], 1).operands).toEqual(["a"]);
  expect(parse(["-d", "a"], 1).operands).toEqual(["a"]);
  expect(parse(["-d", "--", "-a"], 1).operands).toEqual(["-a"]);
  expect(() => parse(["a", "b"], 1)).toThrow('unexpected argument "b"');
});

test("a repeatable option may be given several times", () => {
  const args = parse(["-t", "a", "--topic=b"]);
  expect(args.all("topic")).toEqual(["a", "b"]);
  expect(args.text("topic")).toBe("b");
  expect(args.all("host")).toEqual([]);
});

test.each(["0", "65536", "99999", "-1", "1.5", "1e3", "0x1", " 1", "1 ", "ten"])("port %j is refused", (port) => {
  const rule = `--port ${port}: must be an integer from 1 to 65535`;
  expect(() => parse([`--port=${port}`]).integer("port", 1883, 1, 65_535)).toThrow(new ArgumentError(rule));
});

test("a number has limits and a default", () => {
  for (const port of [1, 65_535]) expect(parse(["-p", String(port)]).integer("port", 1883, 1, 65_535)).toBe(port);
  expect(parse([]).integer("port", 1883, 1, 65_535)).toBe(1883);
});

test("a choice lists the allowed values", () => {
  const choices = { "0": "no", "1": "yes" };
  expect(parse(["-t", "1"]).choice("topic", choices, "never")).toBe("yes");
  expect(parse([]).choice("topic", choices, "never")).toBe("never");
  for (const wrong of ["2", "yes", "constructor"]) {
    const refused = () => parse(["-t", wrong]).choice("topic", choices, "never");
    expect(refused).toThrow(new ArgumentError(`--topic ${wrong}: must be 0 or 1`));
  }
});

test("a missing required argument is named", () => {
  expect(() => parse([]).required("topic")).toThrow(new ArgumentError("missing required option --topic"));
  expect(parse(["-m", ""]).required("message")).toBe("");
});

test("the help has a line for each option, by group", () => {
  const lines = describeOptions(table).trimEnd().split("\n");
  expect(lines[0]).toBe("Options:");
  expect(lines.slice(-4)).toEqual([
    "",
    "Other options:",
    expect.stringContaining("--help"),
    expect.stringContaining("--version"),
  ]);
  expect(lines).toHaveLength(Object.keys(table).length + 5);
  expect(lines).toContainEqual(expect.stringMatching(/^ {2}-h, -H, --host HOST +two letters$/));
  expect(lines).toContainEqual(expect.stringMatching(/^ {2}-t, --topic TOPIC +a word; may be repeated$/));
});

test("the help has at most 80 columns", () => {
  const help = "word ".repeat(40).trim();
  const long = { "an-option-with-a-long-name": { value: "AND-A-LONG-VALUE", help }, short: { help } };
  const lines = describeOptions(long).trimEnd().split("\n");
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
  expect(lines.join(" ").match(/word/g)).toHaveLength(80);
});
