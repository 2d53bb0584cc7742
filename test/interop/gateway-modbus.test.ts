// Modbus RTU over a line of the kernel, against programs that are not ours: pymodbus as the device, mbpoll as another master.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { GatewayBench } from "../../packages/gateway/test/gateway-bench.ts";

/** Starts a program that ends with the test. Resolves when it has printed a text. */
async function start(program: string, args: readonly string[], ready: string): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let printed = "";
  const isReady = new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        printed += text;
        if (printed.includes(ready)) resolve();
      });
    }
    child.on("error", (error) => reject(new Error(`this test needs ${program}: ${error.message}`)));
    child.on("exit", (code) => reject(new Error(`${program} ended with ${code}: ${printed}`)));
  });
  await isReady;
  return child;
}

/** A line with two ends. */
async function line(): Promise<readonly [string, string]> {
  const directory = await mkdtemp(join(tmpdir(), "aiko-modbus-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const ends = [join(directory, "a"), join(directory, "b")] as const;
  const pty = (path: string): string => `pty,raw,echo=0,link=${path}`;
  await start("socat", ["-d", "-d", pty(ends[0]), pty(ends[1])], "starting data transfer loop");
  return ends;
}

const SOURCE = (device: string): string => `
[[source]]
id = "bus"
kind = "serial"
device = "${device}"
frame = "modbus-rtu"
topic = "bus"
`;

// Debian's Python, which has Debian's pymodbus.
const PYTHON = "/usr/bin/python3";
const SLAVE = new URL("../fixtures/modbus-slave.py", import.meta.url).pathname;

test("registers and coils of pymodbus become records, and commands write them", async () => {
  const [device, master] = await line();
  await start(PYTHON, [SLAVE, device], "ready");
  const poll = (text: string): string => `[[source.poll]]\nevery = "200ms"\nretries = 10\n${text}\n`;
  const sources = [
    SOURCE(master),
    poll(`modbus = { unit = 1, function = 4, address = 0 }
topic = "input"
fields = [{ name = "volt", type = "u16", scale = 0.1 }, { name = "kwh", type = "u32", at = 2 }]`),
    poll(`modbus = { unit = 1, function = 3, address = 1 }\ntopic = "holding"\nfields = ["level:u16", "mode:i16"]`),
    poll(`modbus = { unit = 1, function = 1, address = 0 }\ntopic = "coils"\nfields = ["pump:bool", "valve:bool"]`),
    poll(`modbus = { unit = 1, function = 4, address = 400 }\ntopic = "nothing"\nfields = ["x:u16"]`),
    `[[source.command]]
topic = "set/level"
encode = { format = "modbus", unit = 1, function = 6, address = 1, fields = ["value:u16"] }
[[source.command]]
topic = "set/pump"
encode = { format = "modbus", unit = 1, function = 5, address = 0, fields = [{ name = "value", type = "bool" }] }
[[source.command]]
topic = "set/both"
decode = "json"
encode = { format = "modbus", unit = 1, function = 16, address = 1, fields = ["level:u16", "mode:i16"] }
`,
  ].join("");
  const bench = await GatewayBench.start({ sources });
  const last = (topic: string): unknown => {
    const found = bench.messages.filter((each) => each.topic === topic).at(-1);
    return found && JSON.parse(found.payload);
  };
  await bench.until(() => ["input", "holding", "coils"].every((topic) => last(topic) !== undefined));
  expect(last("input")).toEqual({ volt: 230.1, kwh: 65_536 });
  expect(last("holding")).toEqual({ level: 230, mode: 5 });
  expect(last("coils")).toEqual({ pump: false, valve: true });
  // Beyond its registers, the device answers with an exception.
  await bench.until(() => (bench.counts("bus").dropped["decode"] ?? 0) > 0);
  expect(last("nothing")).toBeUndefined();

  const command = async (name: string, payload: string): Promise<void> => {
    await bench.observer.publish(`set/${name}`, payload, { qos: 1 });
    await bench.until(() => last(`set/${name}/result`) !== undefined);
    expect(last(`set/${name}/result`)).toMatchObject({ ok: true });
  };
  await command("level", "777");
  await command("pump", "on");
  await bench.until(() => JSON.stringify(last("holding")) === '{"level":777,"mode":5}');
  await bench.until(() => JSON.stringify(last("coils")) === '{"pump":true,"valve":true}');
  await command("both", '{"level": 12, "mode": -3}');
  await bench.until(() => JSON.stringify(last("holding")) === '{"level":12,"mode":-3}');
});

test("what mbpoll writes is understood by a gateway that listens to the line", async () => {
  const [bus, other] = await line();
  const sources = `${SOURCE(bus)}decode = { format = "modbus", unit = 1, function = 16, address = 4, fields = ["a:u16", "b:u16"] }\n`;
  const bench = await GatewayBench.start({ sources });
  await bench.until(() => bench.source("bus").state === "up");
  const args = [
    "-m",
    "rtu",
    "-a",
    "1",
    "-b",
    "9600",
    "-P",
    "none",
    "-t",
    "4",
    "-r",
    "5",
    "-o",
    "0.5",
    "-1",
    other,
    "258",
    "772",
  ];
  const failed = await promisify(execFile)("mbpoll", args).catch((error: unknown) => error);
  expect(String((failed as { stderr?: string }).stderr)).toContain("timed out"); // nobody answers
  await bench.until(() => bench.messages.length > 0);
  expect(JSON.parse(bench.messages[0]?.payload ?? "")).toEqual({ a: 258, b: 772 });
});

test("a device of the gateway's own frames is one to mbpoll", async () => {
  const [device, other] = await line();
  const { createCodec } = await import("../../packages/gateway/src/codec/codec.ts");
  const { frameEncoder } = await import("../../packages/gateway/src/frame/frame-encoder.ts");
  const sources = `${SOURCE(device)}decode = { format = "modbus", unit = 1, function = 4, address = 0, fields = ["a:u16", "b:i16"] }\n`;
  const bench = await GatewayBench.start({ sources: sources.replace(device, "/dev/null"), online: false });
  const settings = bench.configuration.sources[0];
  if (settings === undefined) throw new Error("there is no source");
  const answer = createCodec(settings.decode, settings.encoding).encode(new Map(Object.entries({ a: 1234, b: -5 })));
  if (!(answer instanceof Uint8Array)) throw new Error(answer.detail);
  const frame = frameEncoder(settings)(answer);
  if (!(frame instanceof Uint8Array)) throw new Error(frame.detail);
  const port = spawn("socat", ["-", `${device},raw,echo=0`], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void port.kill("SIGKILL"));
  port.stdout.once("data", () => port.stdin.write(frame));
  const mbpoll = spawn("mbpoll", [
    "-m",
    "rtu",
    "-a",
    "1",
    "-b",
    "9600",
    "-P",
    "none",
    "-t",
    "3",
    "-r",
    "1",
    "-c",
    "2",
    "-o",
    "10", // seconds that it waits for the answer
    "-1",
    other,
  ]);
  let printed = "";
  mbpoll.stdout.setEncoding("utf8").on("data", (text) => {
    printed += text;
  });
  await once(mbpoll, "exit");
  expect(printed).toMatch(/\[1\]:\s+1234\n\[2\]:\s+65531/);
});
