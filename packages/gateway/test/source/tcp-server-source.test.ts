// What the source "tcp-server" accepts, answers, holds and refuses.
import { execFileSync } from "node:child_process";
import { createServer } from "node:net";
import { FakeClock } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import { Device, GatewayBench, numbered, StubbornDisk } from "../gateway-bench.ts";

const okays = (from: number, to: number): string[] => numbered(from, to).map((n) => `ok ${n}`);
const topics = (from: number, to: number): string[] => numbered(from, to).map((n) => `t/${n}`);

describe("answers", () => {
  test("acknowledge each record in order, after the sync and not before", async () => {
    const disk = new StubbornDisk();
    const bench = await GatewayBench.start({ fileSystem: disk });
    const device = await bench.connect();
    device.sendLines(1, 1);
    await bench.until(() => device.answers.length === 1);
    const release = disk.hold();
    const { syncs } = disk;
    device.sendLines(2, 100);
    await bench.until(() => disk.syncs > syncs);
    expect(device.answers).toEqual(["ok 1"]);
    expect(bench.counts().in).toBe(1);
    release();
    await bench.until(() => device.answers.length === 100);
    expect(device.answers).toEqual(okays(1, 100));
    await bench.until(() => bench.messages.length === 100);
    expect(bench.topics).toEqual(topics(1, 100));
  });

  test("refuse what is dropped with its reason, in the order of the frames", async () => {
    const bench = await GatewayBench.start({
      lines: 'max_frame = "16B"; when = [{ field = "v", op = "!=", value = "y" }]'.replace("; ", "\n"),
    });
    const device = await bench.connect();
    device.send(`1,x\nbad\n2,y\n3,${"x".repeat(20)}\n4,\xff\n5,x\n`);
    await bench.until(() => device.answers.length === 6);
    expect(device.answers).toEqual(["ok 1", "no decode", "ok 2", "no too-long", "no encoding", "ok 5"]);
    await bench.until(() => bench.counts().out === 2);
    expect(bench.counts()).toEqual({
      in: 6,
      out: 2,
      spooled: 0,
      dropped: { decode: 1, filtered: 1, "too-long": 1, encoding: 1 },
    });
  });

  test("accept a character whose bytes come apart, and refuse one that never becomes whole", async () => {
    const bench = await GatewayBench.start();
    const device = await bench.connect();
    const line = Buffer.from("1,€\n");
    for (const byte of line) {
      device.send(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    device.send(Uint8Array.of(0x32, 0x2c, 0xe2, 0x82));
    device.socket.end();
    await bench.until(() => device.isClosed);
    expect(device.answers).toEqual(["ok 1", "no encoding"]);
    await bench.until(() => bench.messages.length === 1);
    expect(bench.messages[0]?.payload).toBe(line.subarray(0, -1).toString("latin1"));
  });

  test("reach a device that has ended its side, such as echo … | nc", async () => {
    const bench = await GatewayBench.start();
    const device = await bench.connect();
    device.socket.end("1,x\n2,x");
    await bench.until(() => device.isClosed);
    expect(device.answers).toEqual(okays(1, 2));
    await bench.until(() => bench.counts().out === 2);
  });

  test("that a device never reads end its connection, and what it sent is kept", async () => {
    const bench = await GatewayBench.start({ online: false });
    const device = await bench.connect();
    const other = await bench.connect();
    device.socket.pause();
    let sent = 0;
    let isOver = false;
    device.socket.on("close", () => {
      isOver = true;
    });
    device.socket.removeAllListeners("data");
    await bench.until(() => {
      if (device.socket.writableLength < 2 ** 16) {
        device.send("x\n".repeat(30_000));
        sent += 30_000;
      }
      return isOver || bench.source("lines").connections === 1;
    });
    expect(bench.log.filter((line) => line.includes("does not read its answers"))).toHaveLength(1);
    other.sendLines(1, 1);
    await bench.until(() => other.answers.length === 1);
    expect(bench.counts().in).toBeLessThanOrEqual(sent + 1);
  });
});

describe("while the spool is full", () => {
  const small = 'mode = "memory"\nmax_records = 20';

  test('with "reject", the wire is held, and nothing is accepted before what it holds', async () => {
    const bench = await GatewayBench.start({ spool: small, online: false });
    const device = await bench.connect();
    device.sendLines(1, 50);
    await bench.until(() => bench.log.some((line) => line.includes("the spool is full")));
    device.sendLines(51, 60);
    await bench.until(() => device.answers.length === 20);
    expect(device.answers).toEqual(okays(1, 20));
    expect(bench.counts().spooled).toBe(20);
    bench.online();
    await bench.until(() => bench.messages.length === 60);
    expect(bench.topics).toEqual(topics(1, 60));
    await bench.until(() => device.answers.length === 60);
    expect(device.answers).toEqual(okays(1, 60));
    expect(bench.counts()).toEqual({ in: 60, out: 60, spooled: 0, dropped: {} });
  });

  test('with "reject", the device is not read any more, and the memory is bounded', async () => {
    const bench = await GatewayBench.start({ spool: small, online: false });
    const device = await bench.connect();
    let sent = 0;
    const block = "1,x\n".repeat(4_096);
    let stalled = 0;
    await bench.until(() => {
      if (device.socket.writableLength > 0) return ++stalled > 300;
      stalled = 0;
      device.send(block);
      sent += block.length;
      return false;
    });
    // The kernel's buffers at both ends, and no more than 384 KiB in the gateway.
    expect(bench.source("lines").connections).toBe(1);
    expect(sent).toBeLessThan(16 * 2 ** 20);
    expect(bench.counts().spooled).toBe(20);
  });

  test("short lines take no more memory than long ones", async () => {
    const bench = await GatewayBench.start({ spool: small, online: false, lines: "max_connections = 64" });
    const devices = await Promise.all(numbered(1, 32).map(() => bench.connect()));
    globalThis.gc?.();
    const before = process.memoryUsage().rss;
    for (const device of devices) device.send("1,\n".repeat(200_000));
    let last = -1;
    let same = 0;
    await bench.until(() => {
      const read = devices.reduce((sum, { socket }) => sum + socket.bytesWritten - socket.writableLength, 0);
      same = read === last ? same + 1 : 0;
      last = read;
      return same > 200;
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 2 ** 20);
  });

  test("a disk that has room again is found without any record leaving", async () => {
    const disk = new StubbornDisk();
    const clock = new FakeClock();
    const bench = await GatewayBench.start({ fileSystem: disk, clock, online: false });
    const device = await bench.connect();
    device.sendLines(1, 1);
    await bench.until(() => device.answers.length === 1);
    disk.isFull = true;
    device.sendLines(2, 30);
    await bench.until(() => bench.log.some((line) => line.includes("the spool is full")));
    for (let i = 0; i < 30; i++) await clock.advance(1_000);
    expect(device.answers).toEqual(["ok 1"]);
    expect(bench.log.filter((line) => line.includes("the spool is full"))).toHaveLength(1);
    disk.isFull = false;
    await clock.advance(1_000);
    await bench.until(() => device.answers.length === 30);
    expect(device.answers).toEqual(okays(1, 30));
    expect(bench.counts()).toEqual({ in: 30, out: 0, spooled: 30, dropped: {} });
  });

  test('with "drop-newest", what has no room is refused and counted, and the wire is read', async () => {
    const bench = await GatewayBench.start({ spool: `${small}\nfull = "drop-newest"`, online: false });
    const device = await bench.connect();
    device.sendLines(1, 30);
    await bench.until(() => device.answers.length === 30);
    expect(device.answers).toEqual([...okays(1, 20), ...Array.from({ length: 10 }, () => "no full")]);
    expect(bench.counts()).toEqual({ in: 30, out: 0, spooled: 20, dropped: { full: 10 } });
    bench.online();
    await bench.until(() => bench.messages.length === 20);
    expect(bench.topics).toEqual(topics(1, 20));
  });

  test('with "drop-oldest", the newest are kept, in order', async () => {
    const bench = await GatewayBench.start({ spool: `${small}\nfull = "drop-oldest"`, online: false });
    const device = await bench.connect();
    device.sendLines(1, 100);
    await bench.until(() => device.answers.length === 100);
    const { spooled, dropped } = bench.counts();
    expect(spooled).toBeGreaterThan(0);
    expect(dropped).toEqual({ full: 100 - spooled });
    bench.online();
    await bench.until(() => bench.messages.length === spooled);
    expect(bench.topics).toEqual(topics(101 - spooled, 100));
  });

  test("more lines at once than the spool can ever hold are accepted one after the other", async () => {
    const bench = await GatewayBench.start({ spool: 'mode = "memory"\nmax_records = 5' });
    const device = await bench.connect();
    device.sendLines(1, 5_000);
    await bench.until(() => bench.messages.length === 5_000);
    expect(bench.topics).toEqual(topics(1, 5_000));
  });

  test("more bytes at once than the spool can ever hold are accepted one after the other", async () => {
    const bench = await GatewayBench.start({ spool: 'mode = "memory"\nmax_bytes = "256KiB"\nsegment = "64KiB"' });
    const device = await bench.connect();
    device.sendLines(1, 50_000);
    await bench.until(() => bench.messages.length === 50_000);
    expect(bench.topics).toEqual(topics(1, 50_000));
  });

  test("a record that no spool of this size holds is dropped, and does not block those behind it", async () => {
    const bench = await GatewayBench.start({
      spool: 'mode = "memory"\nmax_bytes = "256KiB"\nsegment = "64KiB"',
      sources: `
[[source]]
id = "lines"
kind = "tcp-server"
listen = "127.0.0.1:0"
max_frame = "16KiB"
first = "keep"
decode = "raw"
encoding = "latin1"
topic = "t"
refuse = "no {reason}\\n"
acknowledge = "ok\\n"
`,
    });
    const device = await bench.connect();
    device.send(`a\n${"\x01".repeat(16_000)}\nb\n`);
    await bench.until(() => device.answers.length === 3);
    expect(device.answers).toEqual(["ok", "no too-long", "ok"]);
    expect(bench.counts()).toMatchObject({ in: 3, dropped: { "too-long": 1 } });
  });

  test("records of a connection that closes are kept, and count as a connection", async () => {
    const bench = await GatewayBench.start({ spool: small, online: false, lines: "max_connections = 1" });
    const device = await bench.connect();
    device.sendLines(1, 30);
    await bench.until(() => bench.log.some((line) => line.includes("the spool is full")));
    device.socket.resetAndDestroy();
    await bench.until(() => bench.source("lines").connections === 0);
    const refused = await bench.connect();
    await bench.until(() => refused.isEnded);
    bench.online();
    await bench.until(() => bench.messages.length === 30);
    expect(bench.topics).toEqual(topics(1, 30));
    const next = await bench.connect();
    next.sendLines(31, 31);
    await bench.until(() => next.answers.length === 1);
  });

  test("a line whose rest waits in the kernel is not incomplete", async () => {
    const clock = new FakeClock();
    const bench = await GatewayBench.start({ spool: small, online: false, clock, lines: 'frame_timeout = "1s"' });
    const device = await bench.connect();
    const count = 200_000;
    device.sendLines(1, count);
    await bench.until(() => bench.log.some((line) => line.includes("the spool is full")));
    await bench.until(() => device.socket.bytesWritten > 0);
    for (let i = 0; i < 20; i++) await clock.advance(1_000);
    bench.online();
    await bench.until(async () => {
      await clock.advance(10); // in small steps, so that the socket is read meanwhile
      return bench.counts().out > 2_000;
    });
    expect(bench.counts().dropped).toEqual({});
    expect(bench.topics.slice(0, 2_000)).toEqual(topics(1, 2_000));
  });

  test("a connection is not idle", async () => {
    const bench = await GatewayBench.start({ spool: small, online: false, lines: 'idle = "1s"' });
    const quiet = await bench.connect();
    const device = await bench.connect();
    device.sendLines(1, 30);
    await bench.until(() => quiet.isEnded);
    const later = await bench.connect();
    await bench.until(() => later.isEnded);
    expect(device.isEnded).toBe(false);
    bench.online();
    await bench.until(() => device.answers.length === 30);
  });
});

describe("QoS 0", () => {
  test("is passed on while the server is connected, and dropped as offline otherwise", async () => {
    const bench = await GatewayBench.start({ lines: "qos = 0" });
    await bench.until(() => bench.gateway.status.uplink.connected);
    const device = await bench.connect();
    device.sendLines(1, 2);
    await bench.until(() => bench.messages.length === 2);
    bench.offline();
    await bench.until(() => !bench.gateway.status.uplink.connected);
    device.sendLines(3, 3);
    await bench.until(() => device.answers.length === 3);
    expect(device.answers).toEqual(["ok 1", "ok 2", "no offline"]);
    expect(bench.counts()).toEqual({ in: 3, out: 2, spooled: 0, dropped: { offline: 1 } });
  });

  test("counts as delivered only what was sent, also if much comes at once", async () => {
    const bench = await GatewayBench.start({ lines: "qos = 0" });
    await bench.until(() => bench.gateway.status.uplink.connected);
    const device = await bench.connect();
    device.sendLines(1, 20_000);
    await bench.until(() => device.answers.length === 20_000);
    const accepted = device.answers.filter((answer) => answer.startsWith("ok")).length;
    await bench.until(() => bench.messages.length === accepted);
    expect(bench.counts()).toMatchObject({ in: 20_000, out: accepted });
    expect(accepted).toBe(20_000);
  });

  test("is spooled on request", async () => {
    const bench = await GatewayBench.start({
      lines: "qos = 0",
      spool: 'mode = "memory"\nqos0 = "spool"',
      online: false,
    });
    const device = await bench.connect();
    device.sendLines(1, 3);
    await bench.until(() => device.answers.length === 3);
    bench.online();
    await bench.until(() => bench.messages.length === 3);
    expect(bench.counts()).toEqual({ in: 3, out: 3, spooled: 0, dropped: {} });
  });
});

test("publishes a dead letter of a record that the server refuses", async () => {
  const bench = await GatewayBench.start({
    lines: 'deadletter = "dead/{source}"',
    maximumPacketSize: 1_000,
  });
  await bench.until(() => bench.gateway.status.uplink.connected);
  const device = await bench.connect();
  const large = `2,${"y".repeat(1_200)}`;
  device.send(`1,x\n${large}\n`);
  await bench.until(() => bench.messages.length === 2);
  expect(bench.counts()).toEqual({ in: 2, out: 1, spooled: 0, dropped: { "refused:0x95": 1 } });
  expect(device.answers).toEqual(["ok 1", "ok 2"]);
  const letter = bench.messages.find(({ topic }) => topic === "dead/lines");
  expect(JSON.parse(letter?.payload ?? "")).toEqual({
    source: "lines",
    reason: "refused:0x95",
    topic: "t/2",
    bytes: large.length,
    hex: Buffer.from(large.slice(0, 256)).toString("hex"),
  });
});

test("publishes a dead letter at most once a second", async () => {
  const clock = new FakeClock();
  const bench = await GatewayBench.start({ clock, lines: 'deadletter = "dead/{source}"' });
  await bench.until(() => bench.gateway.status.uplink.connected);
  const device = await bench.connect();
  for (let i = 1; i <= 3; i++) {
    device.send("wrong\n".repeat(50));
    await bench.until(() => device.answers.length === 50 * i);
    await bench.until(() => bench.messages.length === i);
    await clock.advance(1_000);
  }
  expect(bench.messages).toHaveLength(3);
  expect(bench.messages[0]).toMatchObject({ topic: "dead/lines" });
  expect(JSON.parse(bench.messages[0]?.payload ?? "")).toEqual({
    source: "lines",
    reason: "decode",
    hex: "77726f6e67",
  });
  expect(bench.counts()).toEqual({ in: 150, out: 0, spooled: 0, dropped: { decode: 150 } });
  expect(bench.log.filter((line) => line.includes("dropped"))).toHaveLength(1);
});

describe("connections", () => {
  test("beyond max_connections are closed", async () => {
    const bench = await GatewayBench.start({ lines: "max_connections = 2" });
    const [first] = [await bench.connect(), await bench.connect()];
    const third = await bench.connect();
    await bench.until(() => third.isEnded);
    first?.socket.destroy();
    await bench.until(() => bench.source("lines").connections === 1);
    const next = await bench.connect();
    next.sendLines(1, 1);
    await bench.until(() => next.answers.length === 1);
  });

  test("that are idle are closed", async () => {
    const bench = await GatewayBench.start({ lines: 'idle = "1s"' });
    const device = await bench.connect();
    await bench.until(() => device.isEnded);
    device.socket.end();
    await bench.until(() => bench.source("lines").connections === 0);
  });

  test.each([
    ["127.0.0.1", "0.0.0.0", "127.0.0.1", true],
    ["127.0.0.0/8", "::", "127.0.0.1", true],
    ["10.0.0.0/8", "0.0.0.0", "127.0.0.1", false],
    ["10.0.0.0/8", "::", "127.0.0.1", false],
    ["::1", "::", "::1", true],
    ["::/64", "::", "::1", true],
    ["fd00::/8", "::", "::1", false],
    ["127.0.0.1", "::", "::1", false],
  ])("allow = [%j] on %s: from %s, %s", async (allow, host, from, isAllowed) => {
    const listen = host.includes(":") ? `[${host}]:0` : `${host}:0`;
    const bench = await GatewayBench.start({
      sources: `
[[source]]
id = "lines"
kind = "tcp-server"
listen = "${listen}"
allow = ["${allow}"]
decode = "raw"
topic = "t"
acknowledge = "ok\\n"
`,
    });
    const device = await Device.connect(Number(new URL(bench.url()).port), from);
    device.send("x\n");
    await bench.until(() => (isAllowed ? device.answers.length === 1 : device.isEnded));
    expect(device.answers).toEqual(isAllowed ? ["ok"] : []);
  });

  test("that are reset before they are accepted do no harm", async () => {
    const bench = await GatewayBench.start({ lines: 'allow = ["127.0.0.1"]' });
    const { port } = new URL(bench.url());
    // The gateway cannot accept while this runs.
    execFileSync("python3", [
      "-c",
      `import socket,struct
for i in range(50):
    s=socket.create_connection(("127.0.0.1",${port}))
    s.setsockopt(socket.SOL_SOCKET,socket.SO_LINGER,struct.pack("ii",1,0))
    s.close()`,
    ]);
    const device = await bench.connect();
    device.sendLines(1, 1);
    await bench.until(() => device.answers.length === 1);
  });

  test("drop a frame that stays incomplete, and go on with the next line", async () => {
    const clock = new FakeClock();
    const bench = await GatewayBench.start({ clock, lines: 'frame_timeout = "1s"' });
    const device = await bench.connect();
    device.send("1,x\n2,");
    await bench.until(() => device.answers.length === 1);
    await clock.advance(1_010);
    await bench.until(() => device.answers.length === 2);
    device.send("x\n3,x\n");
    await bench.until(() => device.answers.length === 3);
    expect(device.answers).toEqual(["ok 1", "no incomplete", "ok 3"]);
  });

  test("may cut their bytes anywhere", async () => {
    const bench = await GatewayBench.start();
    const device = await bench.connect();
    device.socket.setNoDelay(true);
    for (const byte of "1,x\r\n2,x\r3,x\n") {
      device.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await bench.until(() => device.answers.length === 3);
    expect(device.answers).toEqual(okays(1, 3));
  });
});

test("tries a port in use again until it is free, and logs it once", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as { port: number };
  const clock = new FakeClock();
  const bench = await GatewayBench.start({
    clock,
    sources: `
[[source]]
id = "lines"
kind = "tcp-server"
listen = "127.0.0.1:${port}"
decode = "raw"
topic = "t"
acknowledge = "ok\\n"
`,
  });
  const status = () => bench.source("lines");
  expect(status()).toMatchObject({ state: "down", lastError: expect.stringContaining("EADDRINUSE") });
  for (let i = 0; i < 5; i++) {
    await clock.advance(30_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(bench.log.filter((line) => line.includes("EADDRINUSE"))).toHaveLength(1);
  await new Promise((resolve) => other.close(resolve));
  await bench.until(async () => {
    await clock.advance(30_000);
    return status()?.state === "up";
  });
  expect(status()).toMatchObject({ state: "up", lastError: undefined });
});
