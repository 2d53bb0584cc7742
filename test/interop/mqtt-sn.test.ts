// MQTT-SN against an implementation that is not ours: the messages of scapy. Debian and npm have no MQTT-SN client or
// gateway as a command.
import { execFile, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, onTestFinished, test } from "vitest";
import { GatewayBench } from "../../packages/gateway/test/gateway-bench.ts";
import { vectors } from "../../packages/gateway/test/sn/codec/vectors.ts";
import { SnDevice } from "../../packages/gateway/test/source/sn-device.ts";

// Debian's Python, which has Debian's scapy.
const PYTHON = "/usr/bin/python3";
const DEVICE = new URL("../fixtures/mqtt-sn-device.py", import.meta.url).pathname;

const STRANGERS = new URL("../fixtures/mqtt-sn-strangers.js", import.meta.url).pathname;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function memory(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Milliseconds until an honest client sends a message again: the kernel drops messages while the gateway's socket is full. */
const RETRY = 250;

/** Publishes a message until it is acknowledged. */
async function acknowledged(device: SnDevice, messageId: number): Promise<void> {
  const again = setInterval(() => device.publish({ qos: 1, messageId, dup: true }), RETRY);
  try {
    device.publish({ qos: 1, messageId });
    const wanted = `puback ${0x6162} #${messageId} 0`;
    while ((await device.next()) !== wanted); // the answer to a repetition of an earlier one
  } finally {
    clearInterval(again);
  }
}

/** Scapy's names of our types. */
const NAMES: Readonly<Record<string, string>> = {
  willtopicupd: "WILLTOPICUPD",
  willmsgupd: "WILLMSGUPD",
};

test("scapy reads the type of every message, and the fields that it knows", async () => {
  const known = vectors.map(([hex, packet]) => [hex.replaceAll(" ", ""), packet] as const);
  const { stdout } = await promisify(execFile)(PYTHON, [DEVICE, "decode", ...known.map(([hex]) => hex)]);
  const lines = stdout.trimEnd().split("\n");
  expect(lines.length).toBe(known.length);
  for (const [i, [hex, packet]] of known.entries()) {
    const line = lines[i] ?? "";
    expect(line.split(" ")[0], hex).toBe(NAMES[packet.type] ?? packet.type.toUpperCase());
    const field = (name: string): string => new RegExp(`\\b${name}=(\\S*)`).exec(line)?.[1] ?? "";
    expect(field("surplus"), hex).toBe("");
    if ("messageId" in packet) expect(field("mid"), hex).toBe(`${packet.messageId}`);
    if ("returnCode" in packet) expect(field("return_code"), hex).toBe(`${packet.returnCode}`);
    if (packet.type === "publish") {
      expect(field("data"), hex).toBe(Buffer.from(packet.data).toString("hex"));
      expect(field("qos"), hex).toBe(`${packet.qos === -1 ? 3 : packet.qos}`);
      expect([field("dup"), field("retain")], hex).toEqual(
        [packet.dup, packet.retain].map((flag) => `${Number(flag)}`),
      );
    }
    if (packet.type === "connect") {
      expect(field("client_id"), hex).toBe(Buffer.from(packet.clientId).toString("hex"));
      expect(field("duration"), hex).toBe(`${packet.duration}`);
    }
    if (packet.type === "register")
      expect(field("topic_name"), hex).toBe(Buffer.from(packet.topicName).toString("hex"));
  }
});

describe.each(["transparent", "aggregating"])("a gateway that is %s", (mode) => {
  test("serves a device of scapy: its will, every QoS, its subscription and its sleep", async () => {
    const bench = await GatewayBench.start({
      sources: `
[[source]]
id = "sn"
kind = "mqtt-sn"
listen = "127.0.0.1:0"
mode = "${mode}"
predefined = { 7 = "predefined/seven" }
`,
    });
    await bench.until(() => bench.gateway.status.uplink.connected);
    const received = (): string[] =>
      bench.messages
        .map(({ topic, payload }) => `${topic} ${payload}`)
        .filter((each) => /^(device|predefined|ab)\b/.test(each))
        .sort();
    const { port } = new URL(bench.url("sn").replace("udp:", "http:"));
    const child = spawn(PYTHON, [DEVICE, port], { stdio: ["ignore", "pipe", "pipe"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    let complaint = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      complaint += text;
    });
    const done: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      done.push(line);
      if (line === "suback 2 0") await bench.observer.publish("to/a", "awake", { qos: 2 });
      if (line === "asleep") await bench.observer.publish("to/b", "while asleep", { qos: 1 });
    }
    expect(complaint).toBe("");
    expect(done).toEqual([
      "connack 0",
      "regack 1 0",
      "puback 0",
      "pubcomp True",
      "puback 0",
      "suback 2 0",
      "registered to/a",
      "message 2 awake",
      "asleep",
      "registered to/b",
      "message 1 while asleep",
      "connack 0",
      "will updated; now silent",
    ]);
    await bench.until(() => received().includes("device/state lost"));
    expect(received()).toEqual([
      "ab short, without a session",
      "device/state lost",
      "device/temperature 20.0",
      "device/temperature 20.5",
      "device/temperature 21.0",
      "predefined/seven 21.5",
    ]);
  });
});

test("20,000 messages of strangers a second do not keep an honest client waiting, and take no memory", async () => {
  const bench = await GatewayBench.start({
    sources: '[[source]]\nid = "sn"\nkind = "mqtt-sn"\nlisten = "127.0.0.1:0"\n',
  });
  await bench.until(() => bench.gateway.status.uplink.connected);
  const { port } = new URL(bench.url("sn").replace("udp:", "http:"));
  const device = await SnDevice.at(bench.url("sn"));
  expect(await device.connect()).toBe("connack 0");
  const flood = spawn(process.execPath, [STRANGERS, port, "20000", "5"], { stdio: "inherit" });
  onTestFinished(() => void flood.kill("SIGKILL"));
  const before = memory();
  const waits: number[] = [];
  for (let messageId = 1; flood.exitCode === null; messageId++) {
    const began = performance.now();
    await acknowledged(device, messageId);
    waits.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(flood.exitCode).toBe(0);
  // Most of them: the machine may stop during one.
  expect(waits.sort((a, b) => a - b)[Math.floor(waits.length / 2)]).toBeLessThan(1_000);
  expect(memory() - before).toBeLessThan(64 * 2 ** 20);
  const { dropped } = bench.counts("sn");
  const { kernelDrops = 0 } = bench.source("sn");
  const refused = ["unsolicited", "malformed", "rate"].reduce((sum, reason) => sum + (dropped[reason] ?? 0), 0);
  expect(refused).toBeGreaterThan(1_000);
  expect(refused + kernelDrops).toBeGreaterThan(50_000);
});
