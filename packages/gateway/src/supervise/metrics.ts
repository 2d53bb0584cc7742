/** The gateway's state in the text format of Prometheus, version 0.0.4. Pure. */

import type { SpoolStatistics } from "@aiko/mqtt-store";
import type { DeviceCounts } from "../presence/devices.js";
import type { SourceStatus } from "../source/source.js";
import type { TrafficCounts } from "../source/traffic.js";
import type { UplinkStatus } from "../uplink/uplink.js";
import type { HistogramCounts } from "./histogram.js";

/** What metrics are made of. */
export interface MetricsView {
  readonly spool: SpoolStatistics;
  readonly uplink: UplinkStatus;
  readonly sources: ReadonlyMap<string, SourceStatus & TrafficCounts & { readonly devices: DeviceCounts }>;
  /** How long the spool's syncs took. */
  readonly syncs: HistogramCounts;
  /** Bytes that are in memory and not accepted. */
  readonly queuedBytes: number;
  /** Reloads whose configuration was not valid. */
  readonly failedReloads: number;
  readonly residentBytes: number;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

export function metricsText(view: MetricsView): string {
  const { spool, uplink, sources, syncs } = view;
  const counts = Object.entries(spool.sources);
  const states = [...sources];
  const dropped = counts.flatMap(([source, each]) =>
    Object.entries(each.dropped).map(([reason, count]): Sample => [{ source, reason }, count]),
  );
  const frames = states.flatMap(([source, each]) =>
    Object.entries(each.frames).map(([result, count]): Sample => [{ source, result }, count]),
  );
  const requests = states.flatMap(([source, each]) =>
    Object.entries(each.requests).map(([key, count]): Sample => {
      const [kind = "", result = ""] = key.split(" ");
      return [{ source, kind, result }, count];
    }),
  );
  const { oldestAcceptedAt } = spool;
  return [
    family(
      "records_in_total",
      "counter",
      "Records that came from the source.",
      of(counts, (each) => each.in),
    ),
    family(
      "records_out_total",
      "counter",
      "Records that the server has acknowledged.",
      of(counts, ({ out }) => out),
    ),
    family(
      "records_spooled",
      "gauge",
      "Records that are accepted and not settled.",
      of(counts, ({ spooled }) => spooled),
    ),
    family("records_dropped_total", "counter", "Records that were dropped.", dropped),
    family("frames_total", "counter", "Frames since the start, by what became of them.", frames),
    family(
      "bytes_total",
      "counter",
      "Bytes since the start, from and to devices.",
      states.flatMap(([source, { received, sent }]): Sample[] => [
        [{ source, dir: "in" }, received],
        [{ source, dir: "out" }, sent],
      ]),
    ),
    family("requests_total", "counter", "Polls and commands since the start, by what became of them.", requests),
    family("queued_bytes", "gauge", "Bytes that were received and are not accepted.", [[{}, view.queuedBytes]]),
    family("spool_bytes", "gauge", "Bytes of the spool's segments.", [[{}, spool.bytes]]),
    family("spool_oldest_seconds", "gauge", "Age of the oldest record in flight.", [
      [{}, oldestAcceptedAt === undefined ? 0 : Math.max(0, view.now - oldestAcceptedAt) / 1_000],
    ]),
    histogram("spool_sync_seconds", "Time of a sync to disk.", syncs),
    family("lag_seconds", "gauge", "Time from acceptance to acknowledgement, of the last delivered record.", [
      [{}, (uplink.lag ?? 0) / 1_000],
    ]),
    family("uplink_up", "gauge", "Whether the server is connected.", [[{}, Number(uplink.connected)]]),
    family("uplink_inflight", "gauge", "Records that are published and have no outcome.", [[{}, uplink.inflight]]),
    family("uplink_reconnects_total", "counter", "Failed connections and attempts.", [[{}, uplink.reconnects]]),
    family(
      "source_up",
      "gauge",
      "Whether the source is open.",
      of(states, ({ state }) => Number(state === "up")),
    ),
    family(
      "source_connections",
      "gauge",
      "Open connections.",
      of(states, ({ connections }) => connections),
    ),
    family(
      "source_reopens_total",
      "counter",
      "How often the source was opened again after it had been lost.",
      of(states, ({ reopens }) => reopens),
    ),
    family(
      "devices",
      "gauge",
      "Devices whose presence is known.",
      states.flatMap(([source, { devices }]): Sample[] => [
        [{ source, state: "online" }, devices.online],
        [{ source, state: "offline" }, devices.offline],
      ]),
    ),
    family(
      "source_timeouts_total",
      "counter",
      "Commands that were ended because they took too long.",
      states.flatMap(([source, { timeouts }]): Sample[] => (timeouts === undefined ? [] : [[{ source }, timeouts]])),
    ),
    family(
      "source_kernel_drops_total",
      "counter",
      "Datagrams that the kernel has dropped since the socket was opened.",
      states.flatMap(([source, { kernelDrops: drops }]): Sample[] =>
        drops === undefined ? [] : [[{ source }, drops]],
      ),
    ),
    family(
      "sn_clients",
      "gauge",
      "Sessions of MQTT-SN clients.",
      states.flatMap(([source, { sn }]) =>
        Object.entries(sn?.clients ?? {}).map(([state, count]): Sample => [{ source, state }, count]),
      ),
    ),
    family(
      "sn_retries_total",
      "counter",
      "Messages that were sent to MQTT-SN clients again.",
      states.flatMap(([source, { sn }]): Sample[] => (sn === undefined ? [] : [[{ source }, sn.retries]])),
    ),
    family(
      "sn_undelivered_total",
      "counter",
      "Messages for MQTT-SN clients that were dropped.",
      states.flatMap(([source, { sn }]) =>
        Object.entries(sn?.undelivered ?? {}).map(([reason, count]): Sample => [{ source, reason }, count]),
      ),
    ),
    family("reload_failed_total", "counter", "Reloads whose configuration was not valid.", [[{}, view.failedReloads]]),
    `# HELP process_resident_memory_bytes Memory of the process.\n# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes ${view.residentBytes}\n`,
  ].join("");
}

function of<Each>(entries: readonly (readonly [string, Each])[], value: (each: Each) => number): Sample[] {
  return entries.map(([source, each]) => [{ source }, value(each)]);
}

function family(name: string, type: "counter" | "gauge", help: string, samples: readonly Sample[]): string {
  const lines = samples.map(([labels, value]) => `aiko_gateway_${name}${labelText(labels)} ${value}\n`);
  return `# HELP aiko_gateway_${name} ${help}\n# TYPE aiko_gateway_${name} ${type}\n${lines.join("")}`;
}

function histogram(name: string, help: string, { buckets, sum, count }: HistogramCounts): string {
  const full = `aiko_gateway_${name}`;
  const lines = buckets.map(([bound, below]) => `${full}_bucket{le="${bound}"} ${below}\n`).join("");
  const end = `${full}_bucket{le="+Inf"} ${count}\n${full}_sum ${sum}\n${full}_count ${count}\n`;
  return `# HELP ${full} ${help}\n# TYPE ${full} histogram\n${lines}${end}`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/["\\\n]/g, escaped)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(character: string): string {
  return character === "\n" ? "\\n" : `\\${character}`;
}
