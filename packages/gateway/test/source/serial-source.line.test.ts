// The source "serial" at real pseudo-terminals: it comes back whenever the device does, and never publishes half a frame.
import { readlink, symlink } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type BenchOptions, GatewayBench, numbered } from "../gateway-bench.ts";
import { deviceDirectory } from "./device-directory.ts";
import { SerialLine } from "./serial-line.ts";

const source = (device: string, more = "", id = "line"): string => `
[[source]]
id = "${id}"
kind = "serial"
device = "${device}"
baud = 115200
decode = { format = "csv", fields = ["n:u32", "v"] }
topic = "t/{n}"
payload = "raw"
${more}
`;

async function start(device: string, more = "", options: BenchOptions = {}): Promise<GatewayBench> {
  return GatewayBench.start({ sources: source(device, more), ...options });
}

test("lines become messages, and the device is written to", async () => {
  const device = join(await deviceDirectory(), "ttyA");
  const line = await SerialLine.plug(device);
  const more = 'acknowledge = "ok {n}\\n"\nrefuse = "no {reason}\\n"\n[source.line_control]\ngreeting = "hello\\n"';
  const bench = await start(device, more);
  await bench.until(() => line.answers.length === 1);
  line.send("1,x\n2,y\r\nbad\n");
  await bench.until(() => line.answers.length === 4);
  expect(line.answers).toEqual(["hello", "ok 1", "ok 2", "no decode"]);
  await bench.until(() => bench.messages.length === 2);
  expect(bench.messages.map(({ payload }) => payload)).toEqual(["1,x", "2,y"]);
  expect(bench.source("line")).toMatchObject({
    state: "up",
    connections: 1,
    reopens: 0,
    url: expect.stringMatching(/^serial:\/dev\/pts\//),
  });
});

test("every byte arrives as it is: no character commands the terminal", async () => {
  const device = join(await deviceDirectory(), "ttyA");
  const line = await SerialLine.plug(device);
  const bench = await GatewayBench.start({
    sources: `
[[source]]
id = "line"
kind = "serial"
device = "${device}"
decode = "raw"
encoding = "latin1"
topic = "t"
payload = "raw"
acknowledge = "ok\\n"
`,
  });
  const bytes = Buffer.from(numbered(0, 255).filter((byte) => byte !== 10 && byte !== 13));
  line.send(Buffer.concat([bytes, Buffer.from("\n")]));
  await bench.until(() => bench.messages.length === 1);
  expect(Buffer.from(bench.messages[0]?.payload ?? "", "latin1")).toEqual(bytes);
  await bench.until(() => line.received === "ok\n");
});

test("garbage, as from a wrong rate, is dropped with a reason, also half a character, and what follows is read", async () => {
  const device = join(await deviceDirectory(), "ttyA");
  const line = await SerialLine.plug(device);
  const bench = await start(device, 'max_frame = "64B"');
  line.send("1,x\n");
  line.send(Buffer.from([0x80, 0xff, 0x00, 0xfe, 0x0a, 0x32, 0x2c, 0xc3, 0x0a]));
  line.send(`${"\x00".repeat(5_000)}\n3,x\n`);
  await bench.until(() => bench.messages.length === 2);
  expect(bench.topics).toEqual(["t/1", "t/3"]);
  expect(bench.counts("line")).toMatchObject({ in: 5, dropped: { encoding: 2, "too-long": 1 } });
});

test("a device that is not there yet is opened when it comes, with one line in the log", async () => {
  const device = join(await deviceDirectory(), "ttyA");
  const bench = await start(device);
  expect(bench.source("line")).toMatchObject({ state: "down", lastError: expect.stringContaining("ENOENT") });
  const line = await SerialLine.plug(device);
  await bench.until(() => bench.source("line").state === "up");
  line.send("1,x\n");
  await bench.until(() => bench.messages.length === 1);
  expect(bench.source("line")).toMatchObject({ reopens: 0, lastError: undefined });
  expect(bench.log.filter((each) => each.includes("source=line"))).toHaveLength(2);
});

test("a device that comes back under another name is found by its pattern, and half a frame is dropped", async () => {
  const directory = await deviceDirectory();
  const first = await SerialLine.plug(join(directory, "usb-FTDI-1"));
  const bench = await start(join(directory, "usb-*"), 'acknowledge = "ok {n}\\n"');
  first.send("1,x\n22");
  await bench.until(() => first.answers.length === 1);
  await first.unplug();
  await bench.until(() => bench.source("line").state === "down");
  const second = await SerialLine.plug(join(directory, "usb-FTDI-2"));
  await bench.until(() => bench.source("line").state === "up");
  second.send("3,x\n");
  await bench.until(() => bench.messages.length === 2);
  expect(bench.topics).toEqual(["t/1", "t/3"]);
  expect(bench.source("line").reopens).toBe(1);
  expect(bench.counts("line").dropped).toEqual({ incomplete: 1 });
});

test("a pattern that several devices match is an error that names them", async () => {
  const directory = await deviceDirectory();
  const [a, b] = [await SerialLine.plug(join(directory, "ttyA")), await SerialLine.plug(join(directory, "ttyB"))];
  const bench = await start(join(directory, "tty?"));
  expect(bench.source("line").lastError).toContain("2 devices match");
  expect(bench.source("line").lastError).toContain("ttyA, ttyB");
  await b.unplug();
  await bench.until(() => bench.source("line").state === "up");
  a.send("1,x\n");
  await bench.until(() => bench.messages.length === 1);
});

test("another source cannot use the device, under whatever name, until it is free", async () => {
  const directory = await deviceDirectory();
  const line = await SerialLine.plug(join(directory, "ttyA"));
  await symlink(await readlink(join(directory, "ttyA")), join(directory, "alias"));
  const sources = source(join(directory, "ttyA")) + source(join(directory, "alias"), "", "second");
  const bench = await GatewayBench.start({ sources });
  const states = (): string[] => ["line", "second"].map((id) => bench.source(id).state).sort();
  await bench.until(() => states().join() === "down,up");
  const isFirst = bench.source("line").state === "up";
  expect(bench.source(isFirst ? "second" : "line").lastError).toContain("is in use by another source or gateway");
  line.send("1,x\n");
  await bench.until(() => bench.messages.length === 1);
  await bench.gateway.reload(bench.configurationWith({ sources: source(join(directory, "alias"), "", "second") }));
});

test.each([
  ["discarded if the source acknowledges", 'acknowledge = "ok {n}\\n"', ["t/2"]],
  ["kept if it does not", "", ["t/1", "t/2"]],
])("what came before the opening is %s", async (_, more, kept) => {
  const device = join(await deviceDirectory(), "ttyA");
  const line = await SerialLine.plug(device);
  const bench = await start(device, `enabled = false\n${more}`);
  const release = await line.hold("1,x\n");
  await bench.gateway.reload(bench.configurationWith({ sources: source(device, more) }));
  release();
  line.send("2,x\n");
  await bench.until(() => bench.topics.includes("t/2"));
  expect(bench.topics).toEqual(kept);
});

test("a line that is settled is used after the delay of the opening only", async () => {
  const device = join(await deviceDirectory(), "ttyA");
  const line = await SerialLine.plug(device);
  const began = performance.now();
  const bench = await start(device, 'open_delay = "200ms"\nline_control = { greeting = "hi" }');
  expect(performance.now() - began).toBeGreaterThanOrEqual(199);
  await bench.until(() => line.received === "hi");
});

test("settings that the line cannot have are reported, with the words of stty", async () => {
  const directory = await deviceDirectory();
  const bench = await start("/dev/null");
  expect(bench.source("line").lastError).toContain("the line was not set: ");
  expect(directory).not.toBe("");
});

test("an RS-485 line is not written to before the device has been silent for 5 ms", async () => {
  const device = join(await deviceDirectory(), "ttyA");
  const line = await SerialLine.plug(device);
  const bench = await start(device, 'rs485 = true\nacknowledge = "ok {n}\\n"');
  line.send("1,x\n2,y\n");
  await bench.until(() => line.answers.length === 2);
  expect(line.answers).toEqual(["ok 1", "ok 2"]);
});

test("without the package serialport, the error says what to do", async () => {
  const device = join(await deviceDirectory(), "ttyA");
  await SerialLine.plug(device);
  const bench = await start(device, 'driver = "serialport"');
  expect(bench.source("line").lastError).toContain("require the package serialport; run: npm install serialport");
});

test("while the spool is full, the line is not read; nothing is lost, and the order is kept", async () => {
  const device = join(await deviceDirectory(), "ttyA");
  const line = await SerialLine.plug(device);
  const bench = await start(device, "", { spool: 'mode = "memory"\nmax_records = 50', online: false });
  line.send(
    numbered(1, 20_000)
      .map((n) => `${n},x\n`)
      .join(""),
  );
  await bench.until(() => bench.log.some((each) => each.includes("the spool is full")));
  bench.online();
  await bench.until(() => bench.messages.length === 20_000);
  expect(bench.topics).toEqual(numbered(1, 20_000).map((n) => `t/${n}`));
});

test("unplugged in the middle of a frame and plugged in again 100 times: open within a second, and no half frame", async () => {
  const device = join(await deviceDirectory(), "ttyA");
  const bench = await start(device);
  const expected: string[] = [];
  const waits: number[] = [];
  for (let n = 1; n <= 100; n++) {
    const line = await SerialLine.plug(device);
    const plugged = performance.now();
    await bench.until(() => bench.source("line").state === "up");
    waits.push(performance.now() - plugged);
    line.send(`${n},a\n${n + 1_000},b\n9999${n},half`);
    expected.push(`t/${n}`, `t/${n + 1_000}`);
    await bench.until(() => bench.messages.length === expected.length);
    await line.unplug();
    await bench.until(() => bench.source("line").state === "down");
  }
  expect(bench.topics).toEqual(expected);
  expect(waits.toSorted((a, b) => a - b)[90]).toBeLessThan(1_000); // the machine may stop during a few
  expect(bench.source("line").reopens).toBe(99);
  const { dropped } = bench.counts("line");
  expect(Object.keys(dropped)).toEqual(["incomplete"]);
  expect(dropped["incomplete"]).toBeLessThanOrEqual(100);
});
