// Stopping, reloading and failing: what a gateway keeps, and how long it takes.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve as resolvePath } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { FakeClock } from "@aiko/mqtt/testing";
import { MemoryFileSystem, Spool } from "@aiko/mqtt-store";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { CrashingDisk } from "../../../store/test/crashing-disk.ts";
import { expectBalanced } from "../../../store/test/spool/spool-checks.ts";
import { Gateway } from "../../src/supervise/gateway.ts";
import { configurationOf, Device, expectLaw, GatewayBench, LINES, numbered } from "../gateway-bench.ts";

const topics = (from: number, to: number): string[] => numbered(from, to).map((n) => `t/${n}`);
const MiB = 2 ** 20;
const second = LINES.replace('"lines"', '"other"');

afterEach(() => {
  vi.restoreAllMocks();
});

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** For tests of times: the machine may stop during one attempt. */
const timed = { retry: 3 } as const;

describe("a stop", () => {
  test("takes no longer than configured while a reload opens a source whose server is silent", timed, async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => void sockets.push(socket.on("error", () => {})));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const { port } = server.address() as { port: number };
    const silent = `[[source]]
id = "silent"
kind = "mqtt"
url = "mqtt://127.0.0.1:${port}"
subscribe = [{ filter = "a" }]
decode = "raw"
topic = "t"`;
    const gateway = 'shutdown = "1s"';
    const before = configurationOf({ gateway });
    const { uplinks } = before;
    const running = await Gateway.start(before, { log: () => {} });
    const reloaded = running.reload({ ...configurationOf({ gateway, sources: LINES + silent }), uplinks });
    await expect.poll(() => sockets.length).toBeGreaterThan(0);
    const began = performance.now();
    await running.stop();
    expect(performance.now() - began).toBeLessThan(3_000);
    await reloaded;
  });

  test.each([1, 0])("takes no longer than configured with a server that hangs, at QoS %i", timed, async (qos) => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket.on("error", () => {}));
      // CONNACK, and nothing ever after.
      socket.once("data", () => {
        socket.write(new Uint8Array([0x20, 3, 0, 0, 0]));
        socket.pause();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const gateway = await Gateway.start(
      {
        ...configurationOf({ gateway: 'shutdown = "1s"', lines: `qos = ${qos}` }),
        uplinks: configurationOf({ uplink: "version = 5" }).uplinks.map((each) => ({
          ...each,
          url: `mqtt://127.0.0.1:${port}`,
        })),
      },
      { log: () => {} },
    );
    const device = await Device.connect(Number(new URL(gateway.status.sources["lines"]?.url ?? "").port));
    if (qos === 1) {
      device.sendLines(1, 1_000);
      await expect.poll(() => gateway.status.uplink.inflight).toBe(100);
    } else {
      // Until nothing moves any more.
      const block = Buffer.from(`1,${"x".repeat(4_000)}\n`.repeat(100));
      let last = -1;
      await expect
        .poll(() => {
          const { in: came } = gateway.status.spool.sources["lines"] ?? { in: 0 };
          const isStill = came === last && device.socket.writableLength > 0;
          last = came;
          if (device.socket.writableLength === 0) device.socket.write(block);
          return isStill;
        })
        .toBe(true);
    }
    const began = performance.now();
    await gateway.stop();
    expect(performance.now() - began).toBeLessThan(1_900);
    expectBalanced({ statistics: gateway.status.spool });
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  test("takes no longer than configured with a device that does not read its answers", timed, async () => {
    const bench = await GatewayBench.start({ online: false });
    const device = await bench.connect();
    device.socket.pause();
    let sent = 0;
    await bench.until(() => {
      if (device.socket.writableLength === 0 && sent < 60) {
        sent++;
        device.send("x\n".repeat(10_000));
      }
      return bench.counts().in >= 600_000 || bench.source("lines").connections === 0;
    });
    const began = performance.now();
    await bench.stop();
    expect(performance.now() - began).toBeLessThan(4_000);
  });

  test("accepts what was received, and closes the connections", async () => {
    const bench = await GatewayBench.start();
    const device = await bench.connect();
    device.sendLines(1, 2_000);
    await bench.until(() => bench.counts().in > 0);
    await bench.stop();
    const { in: came, dropped } = bench.counts();
    expect(dropped).toEqual({});
    await bench.until(() => device.isEnded);
    expect(device.answers).toHaveLength(came);
    expect(bench.source("lines")).toMatchObject({ state: "down", connections: 0, url: undefined });
  });

  test("twice is the same stop", async () => {
    const bench = await GatewayBench.start();
    const first = bench.gateway.stop();
    expect(bench.gateway.stop()).toBe(first);
    await first;
    expect(await bench.gateway.ended).toBeUndefined();
  });
});

describe("a reload", () => {
  test("of the same configuration keeps everything: 100 times under load, nothing lost", async () => {
    const bench = await GatewayBench.start();
    const device = await bench.connect();
    let sent = 0;
    for (let i = 0; i < 100; i++) {
      device.sendLines(sent + 1, sent + 50);
      sent += 50;
      await bench.gateway.reload(bench.configuration);
    }
    await bench.until(() => bench.messages.length === sent);
    expect(bench.topics).toEqual(topics(1, sent));
    expect([device.isEnded, device.answers.length]).toEqual([false, sent]);
    expect(bench.log.filter((line) => line.includes("source=lines") && line.includes("up"))).toHaveLength(1);
  });

  test("leaves unchanged sources alone, reopens changed ones and removes others, 100 times under load", async () => {
    const bench = await GatewayBench.start({ more: second });
    const device = await bench.connect();
    const address = bench.url();
    let sent = 0;
    let reopened = await bench.connect("other");
    for (let i = 0; i < 100; i++) {
      device.sendLines(sent + 1, sent + 20);
      sent += 20;
      const more = i % 3 === 2 ? "" : `${second}idle = "${60 + i}s"`;
      await bench.gateway.reload(bench.configurationWith({ more }));
      expect(bench.url()).toBe(address);
      await bench.until(() => reopened.isEnded);
      if (more !== "") {
        reopened = await bench.connect("other");
        reopened.sendLines(1_000_000 + i, 1_000_000 + i);
      }
    }
    await bench.until(() => device.answers.length === sent);
    expect(device.isEnded).toBe(false);
    await bench.until(() => bench.counts().out === sent);
    await bench.until(() => bench.messages.length >= sent);
    expect(bench.topics.filter((topic) => topic.length < 8)).toEqual(topics(1, sent));
  });

  test("that removes a source delivers its records", async () => {
    const bench = await GatewayBench.start({ more: second, online: false });
    const device = await bench.connect("other");
    device.sendLines(1, 10);
    await bench.until(() => device.answers.length === 10);
    await bench.gateway.reload(bench.configurationWith({ more: "" }));
    expect(bench.gateway.status.sources["other"]).toBeUndefined();
    bench.online();
    await bench.until(() => bench.messages.length === 10);
    expect(bench.counts("other")).toEqual({ in: 10, out: 10, spooled: 0, dropped: {} });
  });

  test.each([
    ["spool", { spool: 'mode = "memory"\nmax_records = 5' }],
    ["metrics", { metrics: 'path = "/x"' }],
    ["adminSocket", { more: '[admin]\nsocket = "/tmp/x"' }],
  ])("that changes %s is refused, and changes nothing", async (name, changes) => {
    const bench = await GatewayBench.start();
    const device = await bench.connect();
    await expect(
      bench.gateway.reload(bench.configurationWith({ ...changes, lines: 'idle = "1m"', uplink: "inflight = 1" })),
    ).rejects.toThrow(`${name} has changed; restart the gateway to use the new value`);
    device.sendLines(1, 3);
    await bench.until(() => bench.messages.length === 3);
    expect(device.isEnded).toBe(false);
  });

  test("that changes the uplink publishes again what was in flight, in order, without touching the sources", async () => {
    const bench = await GatewayBench.start({ uplink: "inflight = 10" });
    await bench.until(() => bench.gateway.status.uplink.connected);
    const device = await bench.connect();
    bench.link.vanish(); // nothing arrives any more, and nothing is acknowledged
    device.sendLines(1, 50);
    await bench.until(() => bench.gateway.status.uplink.inflight === 10);
    await bench.gateway.reload(bench.configurationWith({ uplink: "inflight = 20" }));
    await bench.until(() => bench.messages.length === 50);
    expect(bench.topics).toEqual(topics(1, 50));
    await bench.until(() => bench.counts().out === 50);
    expect(device.isEnded).toBe(false);
  });

  test("that changes the uplink under load loses nothing, 20 times", async () => {
    const bench = await GatewayBench.start();
    const device = await bench.connect();
    let sent = 0;
    for (let i = 1; i <= 20; i++) {
      device.sendLines(sent + 1, sent + 200);
      sent += 200;
      await bench.gateway.reload(bench.configurationWith({ uplink: `inflight = ${i}` }));
    }
    await bench.until(() => bench.counts().out === sent);
    const first = new Set(bench.topics);
    expect([...first]).toEqual(topics(1, sent));
  });

  test("that changes the level of the log applies it, and reopens nothing", async () => {
    const bench = await GatewayBench.start({ gateway: 'log = "error"' });
    const device = await bench.connect();
    const address = bench.url();
    expect(bench.log).toEqual([]);
    await bench.gateway.reload(bench.configurationWith({ gateway: 'log = "info"\nlog_format = "json"' }));
    expect(bench.url()).toBe(address);
    expect(bench.log.map((line) => JSON.parse(line).message)).toEqual(["the configuration was reloaded"]);
    device.sendLines(1, 1);
    await bench.until(() => device.answers.length === 1);
  });

  test("during or after a stop is refused", async () => {
    const bench = await GatewayBench.start();
    const stopped = bench.gateway.stop();
    await expect(bench.gateway.reload(bench.configurationWith({ more: second }))).rejects.toThrow("stopping");
    await stopped;
    await expect(bench.gateway.reload(bench.configuration)).rejects.toThrow("stopping");
    expect(bench.gateway.status.sources["other"]).toBeUndefined();
  });

  test("that was not valid is counted", async () => {
    const bench = await GatewayBench.start();
    bench.gateway.reloadFailed();
    expect(bench.gateway.status.failedReloads).toBe(1);
  });
});

test("a second gateway cannot use the spool of the first", async () => {
  const bench = await GatewayBench.start({ disk: true });
  await expect(Gateway.start(bench.configuration, { log: () => {} })).rejects.toMatchObject({ code: "STORE_LOCKED" });
  const device = await bench.connect();
  device.sendLines(1, 1);
  await bench.until(() => bench.messages.length === 1);
});

test("records survive a restart, and so do the counts", async () => {
  const bench = await GatewayBench.start({ disk: true, online: false });
  const device = await bench.connect();
  device.sendLines(1, 100);
  device.send("wrong\n");
  await bench.until(() => device.answers.length === 101);
  await bench.stop();
  bench.online();
  const next = await Gateway.start(bench.configuration, { log: () => {}, platform: bench.link.platform });
  await bench.until(() => bench.messages.length === 100);
  await expect
    .poll(() => next.status.spool.sources["lines"])
    .toEqual({ in: 101, out: 100, spooled: 0, dropped: { decode: 1 } });
  await expectLaw(next);
  await next.stop();
  expect(bench.topics).toEqual(topics(1, 100));
});

describe("a disk", () => {
  const spool = { spool: 'dir = "/spool"' };

  test("whose sync fails ends the gateway with the error, and what was not synced is not acknowledged", async () => {
    const disk = new CrashingDisk();
    const bench = await GatewayBench.start({ ...spool, fileSystem: disk.fileSystem, online: false });
    const device = await bench.connect();
    device.sendLines(1, 3);
    await bench.until(() => device.answers.length === 3);
    disk.fault = (_, what) => (what.startsWith("sync ") && what.includes(".spool") ? { fail: "EIO" } : undefined);
    device.sendLines(4, 6);
    expect(await bench.gateway.ended).toMatchObject({ code: "STORE_FAILED" });
    await bench.until(() => device.isEnded);
    expect(device.answers).toEqual(["ok 1", "ok 2", "ok 3"]);
    expect(bench.log.filter((line) => line.startsWith("error"))).toHaveLength(1);
  });

  test("that fails at every operation ends the gateway all the same", async () => {
    const disk = new CrashingDisk();
    const bench = await GatewayBench.start({ ...spool, fileSystem: disk.fileSystem, online: false });
    const device = await bench.connect();
    device.sendLines(1, 3);
    await bench.until(() => device.answers.length === 3);
    disk.crashed = true;
    device.sendLines(4, 6);
    expect(await bench.gateway.ended).toMatchObject({ code: "STORE_FAILED" });
    await bench.until(() => device.isEnded);
  });

  test("that is full at any write: nothing is accepted meanwhile, and it resumes by itself", async () => {
    for (let fail = 0; fail < 12; fail++) {
      const disk = new CrashingDisk();
      const clock = new FakeClock();
      const bench = await GatewayBench.start({ ...spool, fileSystem: disk.fileSystem, clock, online: false });
      const device = await bench.connect();
      let writes = 0;
      let isFull = false;
      disk.fault = (_, what) => {
        if (!what.startsWith("write ") || writes++ < fail) return undefined;
        isFull = true;
        return { fail: "ENOSPC", part: (fail % 3) / 2 };
      };
      for (let from = 1; from < 200 && !isFull; from += 10) {
        device.sendLines(from, from + 9);
        const count = from + 9;
        await bench.until(() => isFull || device.answers.length === count);
      }
      const accepted = bench.counts().in;
      device.sendLines(201, 210);
      for (let i = 0; i < 5; i++) await clock.advance(1_000);
      expect(bench.counts().in).toBe(accepted);
      disk.fault = () => undefined;
      await clock.advance(1_000);
      const all = () => Number(device.answers.at(-1)?.slice(3)) === 210;
      await bench.until(all);
      bench.online();
      await clock.advance(1_000);
      await bench.until(() => bench.messages.at(-1)?.topic === "t/210");
      expect(bench.topics).toEqual(device.answers.map((each) => `t/${each.slice(3)}`));
    }
  });

  test("of 2 MiB that runs full accepts nothing, and resumes by itself", async ({ skip }) => {
    const directory = mkdtempSync(join(tmpdir(), "aiko-full-"));
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", directory], { encoding: "utf8" });
    onTestFinished(() => {
      if (mounted.status === 0) spawnSync("umount", ["-l", directory]);
      rmSync(directory, { recursive: true });
    });
    skip(mounted.status !== 0, `mount is not permitted here: ${mounted.stderr}`);
    const bench = await GatewayBench.start({
      spool: `dir = "${join(directory, "spool")}"\nsegment = "256KiB"`,
      online: false,
    });
    const device = await bench.connect();
    const line = (n: number): string => `${n},${"x".repeat(1_000)}\n`;
    const count = 4_000;
    device.send(numbered(1, count).map(line).join(""));
    await bench.until(() => bench.log.some((each) => each.includes("the spool is full")));
    const { in: accepted } = bench.counts();
    expect(accepted).toBeLessThan((2 * MiB) / 1_000);
    expect(bench.log.find((each) => each.includes("the spool is full"))).toContain("ENOSPC");
    bench.online();
    await bench.until(() => bench.messages.length === count);
    expect(bench.topics).toEqual(topics(1, count));
    expect(bench.counts()).toEqual({ in: count, out: count, spooled: 0, dropped: {} });
  });
});

test("a spool that cannot be opened fails the start", async () => {
  await expect(
    Gateway.start(configurationOf({ spool: 'dir = "/dev/null/spool"' }), { log: () => {} }),
  ).rejects.toMatchObject({ code: "STORE_FAILED" });
});

test("a status socket that cannot be opened fails the start, and releases the spool", async () => {
  const fileSystem = new MemoryFileSystem();
  const configuration = configurationOf({ spool: 'dir = "/spool"', more: '[admin]\nsocket = "/proc/none"' });
  await expect(Gateway.start(configuration, { log: () => {}, fileSystem })).rejects.toThrow(/\/proc\/none/);
  const spool = await Spool.open(resolvePath("/spool"), { fileSystem });
  await spool.close();
});

describe("bounds", () => {
  test("10,000 garbage frames from 20 connections are counted by reason, and leave the memory flat", async () => {
    const bench = await GatewayBench.start({ lines: 'max_frame = "64B"\nmax_connections = 20', online: false });
    const devices = await Promise.all(numbered(1, 20).map(() => bench.connect()));
    const garbage = ["\xff\xfe\n", "abc\n", `${"y".repeat(100)}\n`, "99999999999,x\n", "1,x,y,z\n"].join("");
    const flood = async (rounds: number): Promise<number> => {
      const before = devices.map((device) => device.answers.length);
      for (const device of devices) device.send(garbage.repeat(rounds));
      await bench.until(() => devices.every((device, i) => device.answers.length === (before[i] ?? 0) + 5 * rounds));
      collect();
      return process.memoryUsage().heapUsed;
    };
    await flood(100);
    const before = await flood(100);
    for (let i = 0; i < 5; i++) await flood(100);
    const after = await flood(100);
    expect(after - before).toBeLessThan(64 * MiB);
    expect(bench.counts()).toEqual({
      in: 80_000,
      out: 0,
      spooled: 0,
      dropped: { encoding: 16_000, decode: 48_000, "too-long": 16_000 },
    });
    expect(bench.log.filter((line) => line.includes("dropped")).length).toBeLessThan(10);
  });

  test("an hour without a server at 1,000 records a second: bounded, in order, delivered when it comes", async () => {
    const clock = new FakeClock();
    const bench = await GatewayBench.start({
      clock,
      online: false,
      spool: 'mode = "memory"\nmax_bytes = "8MiB"\nsegment = "1MiB"\nfull = "drop-oldest"',
      sources: LINES.replace('acknowledge = "ok {n}\\n"\n', "").replace('"t/{n}"', '"t"'),
    });
    const device = await bench.connect();
    let sent = 0;
    let most = 0;
    // A minute at a time: what counts is the number of records.
    for (let minute = 0; minute < 60; minute++) {
      device.sendLines(sent + 1, sent + 60_000);
      sent += 60_000;
      await clock.advance(60_000);
      await bench.until(() => bench.counts().in === sent);
      most = Math.max(most, bench.gateway.status.spool.bytes);
    }
    expect(most).toBeLessThanOrEqual(9 * MiB);
    const { spooled, dropped } = bench.counts();
    expect(dropped).toEqual({ full: sent - spooled });
    bench.online();
    await bench.until(async () => {
      await clock.advance(20);
      return bench.messages.length === spooled;
    });
    const numbers = bench.messages.map(({ payload }) => Number(payload.split(",")[0]));
    expect(numbers[0]).toBe(sent - spooled + 1);
    expect(numbers.every((n, i) => n === (numbers[0] ?? 0) + i)).toBe(true);
  });

  test.each([
    ["a day forward", 86_400_000],
    ["a day back", -86_400_000],
  ])("a clock that jumps %s expires nothing and changes no order", async (_, jump) => {
    let offset = 0;
    const now = Date.now.bind(Date);
    vi.spyOn(Date, "now").mockImplementation(() => now() + offset);
    const bench = await GatewayBench.start({ online: false, spool: 'mode = "memory"\nmax_age = "1h"' });
    const device = await bench.connect();
    device.sendLines(1, 10);
    await bench.until(() => device.answers.length === 10);
    offset = jump;
    device.sendLines(11, 20);
    await bench.until(() => device.answers.length === 20);
    bench.online();
    await bench.until(() => bench.messages.length === 20);
    expect(bench.topics).toEqual(topics(1, 20));
    expect(bench.counts().dropped).toEqual({});
  });

  test("a clock that starts in 1970 and is set later expires nothing", async () => {
    const now = Date.now.bind(Date);
    let base = now();
    vi.spyOn(Date, "now").mockImplementation(() => now() - base);
    const bench = await GatewayBench.start({
      online: false,
      spool: 'mode = "memory"\nmax_age = "1h"',
      lines: 'expiry = "1h"',
    });
    const device = await bench.connect();
    device.sendLines(1, 10);
    await bench.until(() => device.answers.length === 10);
    base = 0;
    device.sendLines(11, 20);
    await bench.until(() => device.answers.length === 20);
    bench.online();
    await bench.until(() => bench.messages.length === 20);
    expect(bench.topics).toEqual(topics(1, 20));
    expect(bench.counts().dropped).toEqual({});
  });
});
