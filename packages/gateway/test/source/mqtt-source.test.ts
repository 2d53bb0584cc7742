// The source "mqtt": messages of another server, acknowledged there when they are accepted here. Both servers are the embedded broker.
import { createClient } from "@aiko/mqtt";
import { expect, onTestFinished, test } from "vitest";
import { type BenchOptions, GatewayBench, numbered } from "../gateway-bench.ts";

const source = (more = ""): string => `
[[source]]
id = "bridge"
kind = "mqtt"
url = "mqtt://other"
subscribe = [{ filter = "in/#" }]
decode = "raw"
topic = "out/{topic}"
payload = "raw"
${more}
`;

function start(more = "", options: BenchOptions = {}): Promise<GatewayBench> {
  return GatewayBench.start({ sources: source(more), ...options });
}

async function publisher(bench: GatewayBench) {
  const client = createClient("mqtt://other", { platform: bench.link.platform });
  await client.connect();
  onTestFinished(() => client.disconnect());
  return client;
}

const outgoing = (bench: GatewayBench): string[] => bench.topics.filter((topic) => !topic.startsWith("in"));

test("messages are passed on to a topic that keeps the levels", async () => {
  const bench = await start();
  const client = await publisher(bench);
  await client.publish("in/kitchen/temp", "21.5", { qos: 1 });
  await client.publish("in/a//b", "", { qos: 2 });
  await bench.until(() => outgoing(bench).length === 2);
  expect(outgoing(bench)).toEqual(["out/in/kitchen/temp", "out/in/a//b"]);
  expect(bench.source("bridge")).toMatchObject({ state: "up", connections: 1 });
});

test("single levels are placeholders, in payloads too, and a missing one drops the message", async () => {
  const more = 'payload = "{topic[2]}={value}"';
  const bench = await GatewayBench.start({
    sources: source().replace("out/{topic}", "rooms/{topic[1]}").replace('payload = "raw"', more),
  });
  const client = await publisher(bench);
  await client.publish("in/kitchen/temp", "21.5", { qos: 1 });
  await client.publish("in", "x", { qos: 1 });
  await bench.until(() => bench.counts("bridge").in === 2 && outgoing(bench).length === 1);
  expect(bench.messages.find(({ topic }) => topic === "rooms/kitchen")?.payload).toBe("temp=21.5");
  expect(bench.counts("bridge").dropped).toEqual({ topic: 1 });
});

test("a chain of bridges in a circle ends after four hops", async () => {
  const bench = await GatewayBench.start({
    sources: `${source().replace("out/{topic}", "in/{topic[1]}")}version = 5`,
    uplink: "version = 5",
  });
  const client = await publisher(bench);
  await client.publish("in/a", "x", { qos: 1 });
  await bench.until(() => bench.counts("bridge").dropped["loop"] === 1);
  expect(bench.counts("bridge")).toEqual({ in: 5, out: 4, spooled: 0, dropped: { loop: 1 } });
});

test("a message that the spool has no room for is not acknowledged, and nothing is lost", async () => {
  const bench = await start("", { spool: 'mode = "memory"\nmax_records = 20', uplink: "inflight = 1\nrate = 1" });
  const client = await publisher(bench);
  let acknowledged = 0;
  for (const n of numbered(1, 500)) void client.publish(`in/${n}`, "x", { qos: 1 }).then(() => acknowledged++);
  await bench.until(() => bench.log.some((line) => line.includes("the spool is full")));
  expect(bench.counts("bridge").spooled).toBeLessThanOrEqual(20);
  await bench.gateway.reload(bench.configurationWith({ uplink: "" }));
  await bench.until(() => outgoing(bench).length >= 500);
  expect([...new Set(outgoing(bench))]).toEqual(numbered(1, 500).map((n) => `out/in/${n}`));
  expect(acknowledged).toBe(500);
  expect(bench.counts("bridge").dropped).toEqual({});
});

test("what was not accepted when the source stopped comes again", async () => {
  const bench = await start("", { spool: 'mode = "memory"\nmax_records = 20', uplink: "inflight = 1\nrate = 1" });
  const client = await publisher(bench);
  for (const n of numbered(1, 60)) void client.publish(`in/${n}`, "x", { qos: 1 });
  await bench.until(() => bench.log.some((line) => line.includes("the spool is full")));
  await bench.gateway.reload(bench.configurationWith({ sources: source("retain = true"), uplink: "" }));
  await bench.until(() => new Set(outgoing(bench)).size === 60);
  expect(bench.counts("bridge").dropped).toEqual({});
});

test("a server that comes back is subscribed at again, and keeps what came meanwhile", async () => {
  const bench = await start();
  const client = await publisher(bench);
  await bench.until(() => bench.source("bridge").state === "up");
  bench.offline();
  await bench.until(() => bench.source("bridge").state === "down");
  bench.online();
  await client.publish("in/1", "x", { qos: 1 });
  await bench.until(() => outgoing(bench).length === 1);
  expect(bench.source("bridge")).toMatchObject({ state: "up", reopens: 1 });
});

/** What the gateway has in memory that is not accepted. */
async function queuedBytes(bench: GatewayBench): Promise<number> {
  const text = await (await fetch(bench.gateway.status.metrics ?? "")).text();
  return Number(/^aiko_gateway_queued_bytes (\d+)$/m.exec(text)?.[1]);
}

test("while the spool is full, connections that are lost leave nothing in memory, and nothing is lost", async () => {
  const bench = await start("", { spool: 'mode = "memory"\nmax_records = 20', uplink: "inflight = 1\nrate = 1" });
  const client = await publisher(bench);
  for (const n of numbered(1, 100)) void client.publish(`in/${n}`, "x", { qos: 1 }).catch(() => {});
  const enough = 60 * 512; // more than half of the messages, without their payloads
  await bench.until(async () => (await queuedBytes(bench)) > enough);
  for (let flap = 0; flap < 5; flap++) {
    bench.offline();
    await bench.until(async () => (await queuedBytes(bench)) < enough);
    bench.online();
    await bench.until(async () => (await queuedBytes(bench)) > enough);
  }
  await bench.gateway.reload(bench.configurationWith({ uplink: "" }));
  await bench.until(() => new Set(outgoing(bench)).size === 100);
  expect(bench.counts("bridge").dropped).toEqual({});
});
