// A device that sends tens of thousands of frames a second that are not valid, on each kind of wire: all are counted, the memory stays as it is,
// and other wires are served.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createConnection, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createClient } from "@aiko/mqtt";
import { expect, onTestFinished, test } from "vitest";
import { GatewayBench, LINES } from "../gateway-bench.ts";
import { deviceDirectory } from "./device-directory.ts";
import { SerialLine } from "./serial-line.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Frames that are sent at once, and how often: before the memory is looked at, and until it is looked at again. */
const BATCH = 1_000;
const WARM = 10;
const ROUNDS = 30;
/** Milliseconds of processor time for a round. */
const ROUND = 300;
/** Milliseconds in which another wire is answered. The machine may stop during a few rounds. */
const SOON = 1_000;
const MOST_OF_THEM = 0.8;
/** Half a character, a byte that no character has, NUL, and text that is not a number. */
const GARBAGE = Buffer.from([0xc3, 0x0a, 0xff, 0x00, 0x31, 0x0a, 0x78, 0x2c, 0x79, 0x0a, 0xe2, 0x82, 0x0a]);
const FRAMES = 4;
const block = Buffer.concat(new Array(BATCH / FRAMES).fill(GARBAGE));

const source = (text: string): string => `
[[source]]
id = "babbler"
${text}
decode = { format = "csv", fields = ["n:u32", "v"] }
topic = "t/{n}"
payload = "raw"
`;

interface Babbler {
  readonly bench: GatewayBench;
  /** Sends a batch. */
  send(): Promise<unknown>;
}

async function bench(text: string, input?: PassThrough): Promise<GatewayBench> {
  return GatewayBench.start({ sources: LINES + source(text), ...(input === undefined ? {} : { input }) });
}

function write(socket: Socket | PassThrough): Promise<unknown> {
  return new Promise((resolve) => socket.write(block, resolve));
}

const babblers: Readonly<Record<string, () => Promise<Babbler>>> = {
  async "tcp-server"() {
    const started = await bench('kind = "tcp-server"\nlisten = "127.0.0.1:0"');
    const { socket } = await started.connect("babbler");
    return { bench: started, send: () => write(socket) };
  },
  async tcp() {
    const server = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const connected = once(server, "connection");
    const started = await bench(`kind = "tcp"\nconnect = "127.0.0.1:${(server.address() as { port: number }).port}"`);
    const [socket] = (await connected) as [Socket];
    return { bench: started, send: () => write(socket) };
  },
  async unix() {
    const path = join(await deviceDirectory(), "socket");
    const started = await bench(`kind = "unix"\npath = "${path}"`);
    const socket = createConnection(path);
    onTestFinished(() => void socket.destroy());
    return { bench: started, send: () => write(socket) };
  },
  async serial() {
    const device = join(await deviceDirectory(), "ttyA");
    const line = await SerialLine.plug(device);
    const started = await bench(`kind = "serial"\ndevice = "${device}"`);
    return { bench: started, send: async () => line.send(block) };
  },
  async stdin() {
    const input = new PassThrough();
    return { bench: await bench('kind = "stdin"', input), send: () => write(input) };
  },
  async udp() {
    const started = await bench('kind = "udp"\nlisten = "127.0.0.1:0"');
    const { port } = new URL(started.url("babbler").replace("udp", "http"));
    const socket = createSocket("udp4");
    onTestFinished(() => void socket.close());
    const one = (): Promise<unknown> => new Promise((done) => socket.send("x", Number(port), "127.0.0.1", done));
    const send = async (): Promise<void> => {
      for (let n = 0; n < BATCH; n += 50) {
        const { in: came } = started.counts("babbler");
        await Promise.all(Array.from({ length: 50 }, one));
        await started.until(() => started.counts("babbler").in === came + 50);
      }
    };
    return { bench: started, send };
  },
  async http() {
    const started = await bench('kind = "http"\nlisten = "127.0.0.1:0"\nframe = "line"');
    return { bench: started, send: () => fetch(`${started.url("babbler")}/ingest/a`, { method: "POST", body: block }) };
  },
  async mqtt() {
    const started = await bench('kind = "mqtt"\nurl = "mqtt://other"\nsubscribe = [{ filter = "in/#" }]');
    const client = createClient("mqtt://other", { platform: started.link.platform });
    await client.connect();
    onTestFinished(() => client.disconnect());
    const send = (): Promise<unknown> =>
      Promise.all(Array.from({ length: BATCH }, () => client.publish("in/a", "x", { qos: 1 })));
    return { bench: started, send };
  },
};

function expectSoon(waits: readonly number[]): void {
  const sorted = waits.toSorted((a, b) => a - b);
  expect(sorted[Math.floor(sorted.length * MOST_OF_THEM)]).toBeLessThan(SOON);
}

function memory(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test.each(Object.entries(babblers))("over %s", async (_, open) => {
  const { bench, send } = await open();
  await bench.until(() => bench.source("babbler").state === "up");
  const other = await bench.connect();
  let sent = 0;
  const round = async (): Promise<void> => {
    await send();
    sent += BATCH;
    await bench.until(() => bench.counts("babbler").in >= sent);
  };
  for (let n = 0; n < WARM; n++) await round();
  bench.messages.length = 0; // what mqtt publishes, the test sees too
  const before = memory();
  const waits: number[] = [];
  const work = process.cpuUsage();
  for (let n = 1; n <= ROUNDS; n++) {
    const began = performance.now();
    other.sendLines(n, n);
    const served = bench
      .until(() => other.answers.length === n)
      .then(() => {
        waits.push(performance.now() - began);
      });
    await round();
    await served;
  }
  const { user, system } = process.cpuUsage(work);
  bench.messages.length = 0;
  expect(memory() / before).toBeLessThan(1.1);
  expectSoon(waits);
  expect((user + system) / 1_000 / ROUNDS).toBeLessThan(ROUND);
  const { in: came, dropped } = bench.counts("babbler");
  expect(came).toBe(sent);
  expect(Object.values(dropped).reduce((sum, count) => sum + count, 0)).toBe(sent);
  expect(bench.topics.filter((topic) => topic.startsWith("t/"))).toEqual([]);
  expect(bench.log.length).toBeLessThan(50);
});

test("over exec, from a command that never pauses", async () => {
  const started = await bench('kind = "exec"\nrun = ["yes", "x,y"]');
  const other = await started.connect();
  await started.until(() => started.counts("babbler").in >= WARM * BATCH);
  const before = memory();
  const waits: number[] = [];
  for (let n = 1; n <= ROUNDS; n++) {
    const began = performance.now();
    other.sendLines(n, n);
    await started.until(() => other.answers.length === n);
    waits.push(performance.now() - began);
  }
  expectSoon(waits);
  await started.until(() => started.counts("babbler").in >= (WARM + ROUNDS) * BATCH);
  expect(memory() / before).toBeLessThan(1.1);
  const { in: came, dropped } = started.counts("babbler");
  expect(dropped).toEqual({ decode: came });
});
