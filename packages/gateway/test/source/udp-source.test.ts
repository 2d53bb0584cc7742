// The source "udp": each datagram alone, in order; senders are bounded, and what cannot be accepted is counted.
import { spawnSync } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { type BenchOptions, GatewayBench, numbered, scrape } from "../gateway-bench.ts";

const source = (more = ""): string => `
[[source]]
id = "device"
kind = "udp"
listen = "127.0.0.1:0"
decode = { format = "csv", fields = ["n:u32", "v"] }
topic = "t/{n}"
payload = "raw"
acknowledge = "ok {n}"
refuse = "no {reason}"
${more}
`;

class Sender {
  readonly received: string[] = [];

  private constructor(
    readonly socket: Socket,
    private readonly port: number,
  ) {
    socket.on("message", (bytes) => this.received.push(bytes.toString("latin1")));
  }

  static async to(bench: GatewayBench, address = "127.0.0.1"): Promise<Sender> {
    const socket = createSocket("udp4");
    onTestFinished(() => void socket.close());
    socket.bind(0, address);
    await once(socket, "listening");
    return new Sender(socket, Number(new URL(bench.url("device").replace("udp", "http")).port));
  }

  send(text: string | Uint8Array): Promise<void> {
    return new Promise((resolve, reject) =>
      this.socket.send(text, this.port, "127.0.0.1", (error) => (error ? reject(error) : resolve())),
    );
  }
}

async function start(more = "", options: BenchOptions = {}): Promise<GatewayBench> {
  return GatewayBench.start({ sources: source(more), ...options });
}

test.runIf(process.platform === "linux")(
  "datagrams that the kernel drops are counted and shown in the metrics",
  async () => {
    const bench = await start();
    const sender = await Sender.to(bench);
    expect(bench.source("device").kernelDrops).toBe(0);
    // Nothing is read while this process is busy: the socket's buffer overflows.
    const port = new URL(bench.url("device").replace("udp", "http")).port;
    const flood = `const s = require("node:dgram").createSocket("udp4"); let n = 0;
    const next = () => n++ < 8000 ? s.send(Buffer.alloc(4000), ${port}, "127.0.0.1", next) : s.close(); next();`;
    spawnSync(process.execPath, ["-e", flood]);
    const drops = bench.source("device").kernelDrops ?? 0;
    expect(drops).toBeGreaterThan(0);
    await bench.until(() => bench.counts("device").in > 0); // the buffer has room again
    await sender.send("1,x");
    await bench.until(() => sender.received.length === 1);
    expect(bench.source("device").kernelDrops).toBe(drops);
    const samples = await scrape(bench.gateway.status.metrics ?? "");
    expect(samples.find(({ name }) => name === "aiko_gateway_source_kernel_drops_total")?.value).toBe(drops);
  },
);

test("each datagram is a frame, and its sender gets the answer", async () => {
  const bench = await start();
  const [one, other] = [await Sender.to(bench), await Sender.to(bench)];
  await one.send("1,x");
  await other.send("bad");
  await bench.until(() => one.received.length + other.received.length === 2);
  expect([one.received, other.received]).toEqual([["ok 1"], ["no decode"]]);
  await one.send(Buffer.from([0x31, 0x2c, 0xc3]));
  await one.send("");
  await bench.until(() => one.received.length === 3);
  expect(one.received.slice(1)).toEqual(["no encoding", "no decode"]);
  expect(bench.source("device")).toMatchObject({ state: "up", connections: 2 });
});

test("with lines, a datagram has several frames, and none continues in the next datagram", async () => {
  const bench = await start('frame = "line"');
  const sender = await Sender.to(bench);
  await sender.send("1,x\n2,x\n3,");
  await sender.send("4,x\n");
  await bench.until(() => bench.messages.length === 4);
  expect(bench.messages.map(({ payload }) => payload)).toEqual(["1,x", "2,x", "3,", "4,x"]);
});

test.each([
  ["ports", () => "127.0.0.1"],
  ["addresses", (n: number) => `127.1.${n >> 8}.${n & 255}`],
] as const)("a sender behind 2,000 %s costs no more than max_senders", async (_, address) => {
  const bench = await start("max_senders = 50");
  const first = await Sender.to(bench);
  for (const n of numbered(1, 2_000)) {
    const socket = createSocket("udp4");
    const port = Number(new URL(bench.url("device").replace("udp", "http")).port);
    await new Promise<void>((resolve) => socket.bind(0, address(n), resolve));
    await new Promise((resolve) => socket.send(`${n},x`, port, "127.0.0.1", resolve));
    socket.close();
    if (n % 100 === 0) await bench.until(() => bench.counts("device").in === n);
  }
  await first.send("2001,x");
  await bench.until(() => first.received.length === 1);
  expect(bench.source("device").connections).toBe(50);
  await bench.until(() => bench.messages.length === 2_001);
  expect(bench.counts("device")).toEqual({ in: 2_001, out: 2_001, spooled: 0, dropped: {} });
});

test("while the spool is full, datagrams are dropped as full, and their senders are told", async () => {
  const bench = await start("", { spool: 'mode = "memory"\nmax_records = 20', online: false });
  const sender = await Sender.to(bench);
  for (const n of numbered(1, 30)) await sender.send(`${n},x`);
  await bench.until(() => sender.received.length === 30);
  expect(sender.received.slice(18)).toEqual(["ok 19", "ok 20", ...numbered(21, 30).map(() => "no full")]);
  expect(bench.counts("device")).toEqual({ in: 30, out: 0, spooled: 20, dropped: { full: 10 } });
});

test("a sender whose address is not allowed is not heard", async () => {
  const bench = await start('allow = ["127.0.0.2"]');
  const [stranger, known] = [await Sender.to(bench), await Sender.to(bench, "127.0.0.2")];
  await stranger.send("1,x");
  await known.send("2,x");
  await bench.until(() => bench.messages.length === 1);
  expect(bench.topics).toEqual(["t/2"]);
  expect(bench.counts("device").in).toBe(1);
});

test("a port that another program has is opened when it is free", async () => {
  const other = createSocket("udp4").bind(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address();
  const bench = await GatewayBench.start({ sources: source().replace(":0", `:${port}`) });
  expect(bench.source("device")).toMatchObject({ state: "down", lastError: expect.stringContaining("EADDRINUSE") });
  other.close();
  await bench.until(() => bench.source("device").state === "up");
});

test("a flood leaves the memory bounded, and every datagram that arrived is counted", async () => {
  const bench = await start("", { spool: 'mode = "memory"\nmax_records = 1000', online: false });
  const sender = await Sender.to(bench);
  const big = `1,${"x".repeat(8_000)}`;
  for (let n = 0; n < 3_000; n++) {
    await sender.send(big);
    if (n % 10 === 9) await new Promise((resolve) => setImmediate(resolve));
  }
  let last = -1;
  await bench.until(() => {
    const { in: came } = bench.counts("device");
    const isSame = came === last;
    last = came;
    return came > 1_000 && isSame;
  });
  const { in: came, spooled, dropped } = bench.counts("device");
  expect(spooled + (dropped["full"] ?? 0)).toBe(came);
});
