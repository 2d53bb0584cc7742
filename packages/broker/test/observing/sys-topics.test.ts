// The broker's statistics as retained messages.
import { expect, test } from "vitest";
import { Load } from "../../src/observing/load.ts";
import { prometheusText } from "../../src/observing/prometheus.ts";
import { SysTopics } from "../../src/observing/sys-topics.ts";
import { Bench, message, subscribe } from "../bench.ts";

function observe(interval = 10_000) {
  const bench = new Bench();
  const published: string[] = [];
  const observed = {
    get statistics() {
      return bench.hub.statistics;
    },
    publish(topic: string, payload: string) {
      published.push(`${topic} ${payload}`);
      return 0;
    },
  };
  const topics = new SysTopics(observed, bench.clock, "test 1", interval);
  return { bench, published, topics };
}

test("publishes all values at the start", () => {
  const { published } = observe();
  expect(published).toContain("$SYS/broker/version test 1");
  expect(published).toContain("$SYS/broker/uptime 0 seconds");
  expect(published).toContain("$SYS/broker/retained messages/count 0");
  expect(published).toContain("$SYS/broker/load/sockets/15min 0.00");
  expect(new Set(published.map((line) => line.split(/ (?=[^ ]*$)/)[0])).size).toBeGreaterThan(20);
});

test("publishes what has changed, at each interval", async () => {
  const { bench, published } = observe();
  const peer = await bench.connect("a");
  await subscribe(peer, "x");
  published.length = 0;
  await bench.clock.advance(9_000);
  expect(published).toEqual([]);
  await bench.clock.advance(1_100);
  expect(published).toContain("$SYS/broker/clients/connected 1");
  expect(published).toContain("$SYS/broker/clients/maximum 1");
  expect(published).toContain("$SYS/broker/subscriptions/count 1");
  expect(published).not.toContain("$SYS/broker/clients/expired 0");
  peer.close();
  await bench.clock.advance(10_000);
  expect(published).toContain("$SYS/broker/clients/connected 0");
  expect(published.filter((line) => line.includes("clients/maximum"))).toHaveLength(1);
});

test("publishes nothing after it was stopped", async () => {
  const { bench, published, topics } = observe();
  topics.stop();
  published.length = 0;
  await bench.clock.advance(100_000);
  expect(published).toEqual([]);
});

test("a constant rate becomes each average", () => {
  const load = new Load();
  for (let total = 100; total <= 100 * 1_000; total += 100) load.update(total, 10_000);
  expect(load.update(100_100, 10_000).map(Math.round)).toEqual([600, 600, 600]);
});

test("an average grows with the time that has passed", () => {
  const load = new Load();
  expect(load.update(60, 60_000).map((value) => value.toFixed(2))).toEqual(["37.93", "10.88", "3.87"]);
  expect(load.update(60, 0).map((value) => value.toFixed(2))).toEqual(["37.93", "10.88", "3.87"]);
});

test("the metrics have a line for each number", async () => {
  const { bench } = observe();
  const peer = await bench.connect("a");
  await subscribe(peer, "x");
  peer.send(message("x", "1234"));
  await peer.expect("publish");
  const text = prometheusText(bench.hub.statistics, 1_000);
  expect(text).toContain("# TYPE aiko_broker_received_messages_total counter\naiko_broker_received_messages_total 1\n");
  expect(text).toContain("\naiko_broker_delivered_payload_bytes_total 4\n");
  expect(text).toContain("\nprocess_resident_memory_bytes 1000\n");
  for (const line of text.trimEnd().split("\n")) expect(line).toMatch(/^(# (HELP|TYPE) )?[a-z_]+ /);
});
