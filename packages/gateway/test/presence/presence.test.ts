// What the gateway publishes of its sources and devices, across cuts, restarts and reloads, with an embedded broker and a clock that stands still.
import { FakeClock } from "@aiko/mqtt/testing";
import { MemoryFileSystem } from "@aiko/mqtt-store";
import { describe, expect, test } from "vitest";
import { type BenchOptions, GatewayBench, StubbornDisk } from "../gateway-bench.ts";

const DEVICES = `
[[source]]
id = "nodes"
kind = "tcp-server"
listen = "127.0.0.1:0"
first = "keep"
decode = { format = "csv", fields = ["node", { name = "t", type = "f32", unit = "°C" }, { name = "on", type = "bool" }] }
topic = "house/{node}"
`;
const SILENT = `${DEVICES}silence = "10s"\n`;
const HOME = '[homeassistant]\nenabled = true\nprefix = "ha"\nstatus_topic = "ha/status"\n';

const config = (node: string): string => `ha/device/bench_${node}/config`;

function open(options: BenchOptions): Promise<GatewayBench> {
  return GatewayBench.start({ clock: new FakeClock(), sources: SILENT, ...options });
}

const clockOf = ({ clock }: GatewayBench): FakeClock => clock as FakeClock;

/** The messages to a device's availability, in order. */
function availability(bench: GatewayBench, node = "a"): string[] {
  return bench.messages.filter(({ topic }) => topic === `house/${node}/availability`).map(({ payload }) => payload);
}

async function send(bench: GatewayBench, ...nodes: string[]): Promise<void> {
  const device = await bench.connect("nodes");
  const before = bench.counts("nodes").in;
  device.send(nodes.map((node) => `${node},21.5,1\n`).join(""));
  await bench.until(() => bench.counts("nodes").in === before + nodes.length);
}

async function untilRetained(bench: GatewayBench, expected: Record<string, string | undefined>): Promise<void> {
  let found: Record<string, string> = {};
  await bench.until(
    async () => {
      found = await bench.retained();
      return Object.entries(expected).every(([topic, payload]) => found[topic] === payload);
    },
    `retained ${JSON.stringify(expected)}`,
  );
}

describe("a source", () => {
  test("is up, down and in error: one message a change", async () => {
    const bench = await open({
      sources: `${SILENT}[[source]]\nid = "gone"\nkind = "tcp"\nconnect = "127.0.0.1:1"\ntopic = "x"\n`,
    });
    await bench.until(() => bench.own.includes("aiko/bench/source/gone error"));
    await bench.until(() => bench.own.includes("aiko/bench/source/nodes up"));
    for (let i = 0; i < 10; i++) await clockOf(bench).advance(5_000);
    await bench.until(() => bench.source("gone").reopens === 0);
    expect(bench.own.filter((each) => each.startsWith("aiko/bench/source/gone error"))).toHaveLength(1);
    await untilRetained(bench, { "aiko/bench/source/gone": "error", "aiko/bench/source/nodes": "up" });
  });

  test("that is not enabled is down; the state of one that was removed is removed", async () => {
    const bench = await open({});
    await untilRetained(bench, { "aiko/bench/source/nodes": "up" });
    await bench.reload({ sources: `${SILENT}enabled = false\n` });
    await untilRetained(bench, { "aiko/bench/source/nodes": "down" });
    await bench.reload({ sources: SILENT.replace('"nodes"', '"others"') });
    await untilRetained(bench, { "aiko/bench/source/nodes": undefined, "aiko/bench/source/others": "up" });
  });
});

describe("the availability of a device", () => {
  test("is online after the first frame, offline after the silence, and online again", async () => {
    const bench = await open({});
    await send(bench, "a", "a", "b");
    await bench.until(() => availability(bench).length === 1 && availability(bench, "b").length === 1);
    await clockOf(bench).advance(9_000);
    await send(bench, "b");
    await clockOf(bench).advance(1_000);
    await bench.until(() => availability(bench).length === 2);
    await send(bench, "a");
    await bench.until(() => availability(bench).length === 3);
    expect(availability(bench)).toEqual(["online", "offline", "online"]);
    expect(availability(bench, "b")).toEqual(["online"]);
    await untilRetained(bench, { "house/a/availability": "online", "house/b/availability": "online" });
  });

  test("is published again on each connection, before any record", async () => {
    const bench = await open({});
    await send(bench, "a", "b");
    await bench.until(() => availability(bench, "b").length === 1);
    bench.offline();
    await bench.until(() => !bench.gateway.status.uplink.connected);
    await send(bench, "b");
    await clockOf(bench).advance(10_000);
    await send(bench, "c", "c");
    bench.messages.length = 0;
    bench.online();
    await clockOf(bench).advance(100);
    await bench.until(() => bench.messages.length === 6);
    expect(bench.messages.map(({ topic, payload }) => (topic.endsWith("availability") ? payload : "record"))).toEqual([
      "online", // c
      "offline",
      "offline",
      "record",
      "record",
      "record",
    ]);
  });

  test("is not published without silence, nor if it has no topic", async () => {
    for (const sources of [DEVICES, `${SILENT}availability = ""\n`]) {
      const bench = await open({ sources });
      await send(bench, "a");
      await bench.until(() => bench.messages.length === 1);
      await clockOf(bench).advance(20_000);
      expect(bench.topics).toEqual(["house/a"]);
    }
  });

  test("of a frame that a condition drops is not published, but that of an unchanged one is", async () => {
    const when = 'when = [{ field = "node", op = "!=", value = "stranger" }, { field = "t", op = "changed" }]\n';
    const bench = await open({ sources: `${SILENT}${when}` });
    await send(bench, "a", "stranger");
    await clockOf(bench).advance(9_000);
    await send(bench, "a"); // unchanged
    await clockOf(bench).advance(9_000);
    expect(availability(bench)).toEqual(["online"]);
    expect(availability(bench, "stranger")).toEqual([]);
  });

  test("becomes offline after a restart, until the device returns", async () => {
    const bench = await open({ fileSystem: new MemoryFileSystem(), disk: true });
    await send(bench, "a", "b");
    await bench.until(() => availability(bench, "b").length === 1);
    await bench.restart();
    await untilRetained(bench, { "house/a/availability": "offline", "house/b/availability": "offline" });
    await send(bench, "b");
    await untilRetained(bench, { "house/a/availability": "offline", "house/b/availability": "online" });
  });

  test("of a source that was removed while the gateway was not running is removed", async () => {
    const bench = await open({ fileSystem: new MemoryFileSystem(), disk: true });
    await send(bench, "a");
    await bench.until(() => availability(bench).length === 1);
    await bench.restart({ sources: SILENT.replace('"nodes"', '"others"') });
    await untilRetained(bench, { "house/a/availability": undefined, "aiko/bench/source/nodes": undefined });
  });

  test("moves with its topic", async () => {
    const bench = await open({});
    await send(bench, "a");
    await untilRetained(bench, { "house/a/availability": "online" });
    await bench.reload({ sources: `${SILENT}availability = "is/{node}"\n` });
    await untilRetained(bench, { "house/a/availability": undefined });
    await send(bench, "a");
    await untilRetained(bench, { "is/a": "online" });
    await bench.reload({ sources: SILENT });
    await send(bench, "a");
    await untilRetained(bench, { "house/a/availability": "online", "is/a": undefined });
  });

  test("outlives a reload, and so does the time since the device was seen", async () => {
    const bench = await open({});
    await send(bench, "a");
    await bench.until(() => availability(bench).length === 1);
    await clockOf(bench).advance(9_000);
    await bench.reload({ sources: SILENT.replace('"10s"', '"60s"') });
    await clockOf(bench).advance(40_000);
    expect(availability(bench)).toEqual(["online"]);
    await clockOf(bench).advance(12_000); // 61 s since it was seen, 52 s since the reload
    await bench.until(() => availability(bench).length === 2);
  });

  test("is published even if the list of devices cannot be saved, which is logged once", async () => {
    const disk = new StubbornDisk();
    const bench = await open({ fileSystem: disk, disk: true, spool: 'mode = "memory"\nqos0 = "pass"' });
    const device = await bench.connect("nodes");
    disk.isFull = true;
    device.send("a,1,1\n");
    await bench.until(() => availability(bench).length === 1);
    device.send("b,1,1\n");
    await bench.until(() => availability(bench, "b").length === 1);
    expect(bench.log.filter((line) => line.includes("the list of devices could not be saved"))).toHaveLength(1);
    disk.isFull = false;
  });

  test("has a bounded number of devices for each source", async () => {
    const bench = await open({});
    await send(bench, ...Array.from({ length: 1_010 }, (_, i) => `n${i}`));
    await bench.until(() => bench.topics.filter((topic) => topic.endsWith("/availability")).length === 1_000);
    expect(bench.log.filter((line) => line.includes("too many devices"))).toHaveLength(1);
  });
});

describe("Home Assistant", () => {
  test("is told of each device, before its availability, and again when it starts", async () => {
    const bench = await open({ more: HOME });
    await send(bench, "a");
    await bench.until(() => availability(bench).length === 1);
    expect(bench.topics.indexOf(config("a"))).toBeLessThan(bench.topics.indexOf("house/a/availability"));
    const found = JSON.parse((await bench.retained())[config("a")] ?? "");
    expect(found).toMatchObject({ state_topic: "house/a", cmps: { bench_a_t: {}, bench_a_on: {} } });
    bench.messages.length = 0;
    await bench.publish("ha/status", "offline");
    await clockOf(bench).advance(5_000);
    expect(bench.topics).not.toContain(config("a"));
    await bench.publish("ha/status", "online");
    await bench.publish("ha/status", "online");
    await clockOf(bench).advance(5_000);
    await bench.until(() => bench.topics.includes(config("a")));
    expect(bench.topics.filter((topic) => topic === config("a"))).toHaveLength(1);
  });

  test("forgets the devices of a source that was removed, also if the server cannot be reached then", async () => {
    const bench = await open({ more: HOME, fileSystem: new MemoryFileSystem(), disk: true });
    await send(bench, "a");
    await bench.until(() => availability(bench).length === 1);
    bench.offline();
    await bench.until(() => !bench.gateway.status.uplink.connected);
    const others = { sources: SILENT.replace('"nodes"', '"others"') };
    await bench.reload(others);
    await bench.restart(others);
    expect((await bench.retained())[config("a")]).toBeDefined();
    bench.online();
    await untilRetained(bench, { [config("a")]: undefined, "house/a/availability": undefined });
  });

  test("forgets all devices when it is disabled", async () => {
    const bench = await open({ more: HOME });
    await send(bench, "a");
    await bench.until(() => availability(bench).length === 1);
    await bench.reload({ more: "" });
    await untilRetained(bench, { [config("a")]: undefined });
  });

  test("is told of a device by one source only", async () => {
    const bench = await open({
      more: HOME,
      sources: SILENT + DEVICES.replace('"nodes"', '"others"').replace("house/", "other/"),
    });
    await send(bench, "a");
    await bench.until(() => bench.topics.includes(config("a")));
    const device = await bench.connect("others");
    device.send("a,1,1\n");
    await bench.until(() => bench.topics.includes("other/a/availability"));
    expect(bench.topics.filter((topic) => topic === config("a"))).toHaveLength(1);
  });
});
