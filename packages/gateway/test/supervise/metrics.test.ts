// The text of the metrics, and how it is served.
import { expect, test } from "vitest";
import { metricsText } from "../../src/supervise/metrics.ts";
import { GatewayBench, samplesOf, scrape } from "../gateway-bench.ts";

test("escapes labels", () => {
  const source = 'a"b\\c\nd';
  const text = metricsText({
    spool: {
      bytes: 1,
      records: 0,
      oldestAcceptedAt: 1_000,
      sources: { [source]: { in: 3, out: 1, spooled: 1, dropped: { "refused:0x87": 1 } } },
    },
    syncs: { buckets: [[0.001, 4]], sum: 0.5, count: 5 },
    uplink: { connected: true, server: "x", inflight: 2, reconnects: 3, lag: 250, lastError: undefined },
    sources: new Map([
      [
        source,
        {
          state: "up",
          connections: 4,
          reopens: 7,
          lastError: undefined,
          url: undefined,
          frames: { accepted: 8 },
          requests: { "poll ok": 12 },
          received: 9,
          sent: 10,
          devices: { online: 12, offline: 13 },
        },
      ],
    ]),
    queuedBytes: 11,
    failedReloads: 5,
    residentBytes: 6,
    now: 3_500,
  });
  const samples = samplesOf(text);
  const of = (name: string) => samples.filter((each) => each.name === name);
  expect(of("aiko_gateway_records_in_total")).toEqual([
    { name: "aiko_gateway_records_in_total", labels: { source }, value: 3 },
  ]);
  expect(of("aiko_gateway_records_dropped_total")[0]?.labels).toEqual({ source, reason: "refused:0x87" });
  expect(of("aiko_gateway_spool_oldest_seconds")[0]?.value).toBe(2.5);
  expect(of("aiko_gateway_lag_seconds")[0]?.value).toBe(0.25);
  expect(of("aiko_gateway_source_reopens_total")[0]?.value).toBe(7);
  expect(of("aiko_gateway_frames_total")[0]).toMatchObject({ labels: { source, result: "accepted" }, value: 8 });
  expect(of("aiko_gateway_requests_total")[0]).toMatchObject({
    labels: { source, kind: "poll", result: "ok" },
    value: 12,
  });
  expect(of("aiko_gateway_bytes_total").map(({ labels, value }) => [labels["dir"], value])).toEqual([
    ["in", 9],
    ["out", 10],
  ]);
  expect(of("aiko_gateway_devices").map(({ labels, value }) => [labels["state"], value])).toEqual([
    ["online", 12],
    ["offline", 13],
  ]);
  expect(samples.filter((each) => each.name.startsWith("aiko_gateway_spool_sync_seconds"))).toEqual([
    { name: "aiko_gateway_spool_sync_seconds_bucket", labels: { le: "0.001" }, value: 4 },
    { name: "aiko_gateway_spool_sync_seconds_bucket", labels: { le: "+Inf" }, value: 5 },
    { name: "aiko_gateway_spool_sync_seconds_sum", labels: {}, value: 0.5 },
    { name: "aiko_gateway_spool_sync_seconds_count", labels: {}, value: 5 },
  ]);
});

test("has the names of the design", async () => {
  const bench = await GatewayBench.start();
  const device = await bench.connect();
  device.send("1,x\nwrong\n");
  await bench.until(() => bench.counts().out === 1);
  const samples = await scrape(bench.gateway.status.metrics ?? "");
  expect([...new Set(samples.map(({ name }) => name))]).toEqual([
    "aiko_gateway_records_in_total",
    "aiko_gateway_records_out_total",
    "aiko_gateway_records_spooled",
    "aiko_gateway_records_dropped_total",
    "aiko_gateway_frames_total",
    "aiko_gateway_bytes_total",
    "aiko_gateway_queued_bytes",
    "aiko_gateway_spool_bytes",
    "aiko_gateway_spool_oldest_seconds",
    "aiko_gateway_spool_sync_seconds_bucket",
    "aiko_gateway_spool_sync_seconds_sum",
    "aiko_gateway_spool_sync_seconds_count",
    "aiko_gateway_lag_seconds",
    "aiko_gateway_uplink_up",
    "aiko_gateway_uplink_inflight",
    "aiko_gateway_uplink_reconnects_total",
    "aiko_gateway_source_up",
    "aiko_gateway_source_connections",
    "aiko_gateway_source_reopens_total",
    "aiko_gateway_devices",
    "aiko_gateway_reload_failed_total",
    "process_resident_memory_bytes",
  ]);
});

test("are served to GET and HEAD at one path", async () => {
  const bench = await GatewayBench.start({ metrics: 'path = "/m"' });
  const url = bench.gateway.status.metrics ?? "";
  expect(url).toMatch(/\/m$/);
  const head = await fetch(url, { method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);
  expect((await fetch(`${url}?x=1`)).status).toBe(200);
  expect((await fetch(`${url}x`)).status).toBe(404);
  const post = await fetch(url, { method: "POST", body: "x" });
  expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
});
