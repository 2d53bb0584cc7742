// Serial lines by the package `serialport`: a stub of it, with the interface that its documentation has, is installed where the gateway runs. The
// stub's device is a program at a Unix socket.
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { GatewayBench } from "../gateway-bench.ts";
import { deviceDirectory } from "./device-directory.ts";

/** What the stub was asked for, as [what, with]. */
const calls: [string, unknown][] = [];
Object.assign(globalThis, { serialportCalls: calls });

const STUB = `
const { Duplex } = require("node:stream");
const { connect } = require("node:net");
const calls = globalThis.serialportCalls;
exports.SerialPort = class SerialPort extends Duplex {
  constructor(options, opened) {
    super({ allowHalfOpen: true });
    calls.push(["open", options]);
    this.socket = connect(options.path);
    this.socket.once("connect", () => opened(null)).on("error", opened);
    this.socket.on("data", (bytes) => this.push(bytes));
    this.socket.on("close", () => this.destroy());
  }
  _read() {}
  _write(bytes, _, done) { this.socket.write(bytes, done); }
  _destroy(error, done) { calls.push(["close"]); this.socket.destroy(); done(error); }
  flush(done) { calls.push(["flush"]); setImmediate(done, null); }
  set(lines, done) { calls.push(["set", lines]); setImmediate(done, lines.rts === false ? new Error("no modem lines") : null); }
};
`;

afterEach(() => {
  vi.restoreAllMocks();
});

interface Program {
  readonly path: string;
  readonly sockets: Socket[];
}

/** A device at a path, next to the directory in which the package is installed. */
async function plug(): Promise<Program> {
  const directory = await deviceDirectory();
  const home = join(directory, "node_modules", "serialport");
  await mkdir(home, { recursive: true });
  await writeFile(join(home, "index.js"), STUB);
  vi.spyOn(process, "cwd").mockReturnValue(directory);
  const path = join(directory, "ttyA");
  calls.length = 0; // the line of the test before was closed after that test
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket.on("error", () => {})));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { path, sockets };
}

const source = (path: string, more = ""): string => `
[[source]]
id = "line"
kind = "serial"
device = "${path}"
driver = "serialport"
decode = { format = "csv", fields = ["n:u32", "v"] }
topic = "t/{n}"
payload = "raw"
acknowledge = "ok {n}\\n"
${more}
`;

function written(socket: Socket | undefined): () => string {
  let text = "";
  socket?.setEncoding("latin1").on("data", (part: string) => {
    text += part;
  });
  return () => text;
}

test("the line has the settings of the configuration, is flushed before it is read, and is answered", async () => {
  const { path, sockets } = await plug();
  const more = 'baud = 74880\ndata = 7\nparity = "even"\nstop = 2\nflow = "rtscts"\ndtr = false\nrts = true';
  const bench = await GatewayBench.start({ sources: source(path, more) });
  expect(calls).toEqual([
    [
      "open",
      {
        ...{ path, baudRate: 74_880, dataBits: 7, parity: "even", stopBits: 2 },
        ...{ rtscts: true, xon: false, xoff: false, hupcl: false, lock: true },
      },
    ],
    ["set", { dtr: false, rts: true }],
    ["flush"],
  ]);
  const answers = written(sockets[0]);
  sockets[0]?.write("1,x\n2,y\n");
  await bench.until(() => answers() === "ok 1\nok 2\n");
  await bench.until(() => bench.messages.length === 2);
  expect(bench.source("line")).toMatchObject({ state: "up", connections: 1, url: `serial:${path}` });
});

test("a line that is lost is opened again, and half a frame is dropped", async () => {
  const { path, sockets } = await plug();
  const bench = await GatewayBench.start({ sources: source(path) });
  sockets[0]?.write("1,x\n22");
  await bench.until(() => bench.messages.length === 1);
  sockets[0]?.destroy();
  await bench.until(() => sockets.length === 2);
  sockets[1]?.write("3,x\n");
  await bench.until(() => bench.messages.length === 2);
  expect(bench.topics).toEqual(["t/1", "t/3"]);
  expect(bench.counts("line").dropped).toEqual({ incomplete: 1 });
});

test("a line that cannot be set is closed, and reported", async () => {
  const { path } = await plug();
  const bench = await GatewayBench.start({ sources: source(path, "rts = false") });
  expect(bench.source("line")).toMatchObject({ state: "down", lastError: "no modem lines" });
  expect(calls.map(([what]) => what)).toEqual(["open", "set", "close"]);
});

test("a stop closes the line", async () => {
  const { path } = await plug();
  const bench = await GatewayBench.start({ sources: source(path) });
  await bench.stop();
  await bench.until(() => calls.some(([what]) => what === "close"));
});
