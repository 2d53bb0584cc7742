// Messages per second, published and received, compared with the peers and with what limits every client.
// ../case.ts defines a case and a row.
const SIZE = 64;

/**
 * @typedef {import("../case.ts").Contender} Contender
 * @typedef {import("../programs/interface.ts").Settings["throughput"]} Settings
 * @typedef {Pick<Settings, "direction" | "qos" | "inflight" | "count">} Load
 */

/** @param {import("../clients/client.ts").ClientName} name @param {Load} settings @returns {Contender} */
const client = (name, settings) => (place) => {
  const count = place.count(settings.count, 1_000);
  const directory = settings.direction === "durable" ? place.directory() : undefined;
  return place.program("throughput", { client: name, size: SIZE, ...settings, count, directory });
};
/** @param {Load} settings @returns {Contender} */
const libmosquitto = (settings) => (place) =>
  place.libmosquitto({ size: SIZE, ...settings, count: place.count(settings.count, 1_000) });
/** @param {"encoder" | "ready-made" | "parser"} name @param {number} count @returns {Contender} */
const limit = (name, count) => (place) =>
  place.program("limits", { client: name, size: SIZE, count: place.count(count, 100_000) });

/**
 * @param {Omit<Load, "count"> & {
 *   name: string,
 *   counts: Record<string, number>,
 *   goals: import("../case.ts").Goal[],
 *   limits?: Record<string, Contender>,
 * }} given `counts` by contender: about a second each
 * @returns {import("../case.ts").Case}
 */
function throughput({ name, direction, qos, inflight, counts, goals, limits = {} }) {
  /** @type {Record<string, Contender>} */
  const contenders = {};
  /** @type {Record<string, (count: number) => Contender>} */
  const makers = {
    ours: (count) => client("aiko", { direction, qos, inflight, count }),
    "MQTT.js": (count) => client("mqttjs", { direction, qos, inflight, count }),
    libmosquitto: (count) => libmosquitto({ direction, qos, count }),
    "aws-crt": (count) => client("awscrt", { direction, qos, inflight, count }),
  };
  for (const [contender, make] of Object.entries(makers)) {
    const count = counts[contender];
    if (count !== undefined) contenders[contender] = make(count);
  }
  /** @type {Pick<import("../case.ts").Row, "name" | "figure" | "unit" | "better">} */
  const common = { name, figure: "rate", unit: "/s", better: "more" };
  /** @type {import("../case.ts").Row[]} */
  const rows = [{ ...common, group: "speed", contenders: Object.keys(contenders), goals }];
  if (Object.keys(limits).length > 0) {
    Object.assign(contenders, limits);
    rows.push({ ...common, group: "limits", contenders: ["ours", ...Object.keys(limits)], goals: [] });
  }
  return { name, group: "speed", contenders, rows };
}

/** @type {import("../case.ts").Case[]} */
export default [
  throughput({
    name: "publish QoS 0",
    direction: "publish",
    qos: 0,
    counts: { ours: 2_000_000, "MQTT.js": 120_000, libmosquitto: 600_000, "aws-crt": 90_000 },
    limits: { "bare encoder": limit("encoder", 5_000_000), "ready-made bytes": limit("ready-made", 15_000_000) },
    goals: [
      { against: "MQTT.js", factor: 30 },
      { against: "libmosquitto", factor: 6 },
    ],
  }),
  throughput({
    name: "publish QoS 0, each awaited before the next",
    direction: "publish",
    qos: 0,
    inflight: 1,
    counts: { ours: 100_000, "MQTT.js": 200_000, "aws-crt": 15_000 },
    goals: [],
  }),
  throughput({
    name: "publish QoS 1, window open",
    direction: "publish",
    qos: 1,
    counts: { ours: 600_000, "MQTT.js": 40_000, libmosquitto: 80_000, "aws-crt": 50_000 },
    goals: [
      { against: "MQTT.js", factor: 20 },
      { against: "libmosquitto", factor: 12 },
    ],
  }),
  throughput({
    name: "publish QoS 2, window open",
    direction: "publish",
    qos: 2,
    counts: { ours: 300_000, "MQTT.js": 30_000, libmosquitto: 30_000 },
    goals: [{ against: "MQTT.js", factor: 15 }],
  }),
  throughput({
    name: "receive QoS 0",
    direction: "receive",
    qos: 0,
    counts: { ours: 2_000_000, "MQTT.js": 280_000, libmosquitto: 250_000, "aws-crt": 200_000 },
    limits: { "bare parser": limit("parser", 4_000_000) },
    goals: [{ against: "MQTT.js", factor: 10 }],
  }),
  throughput({
    name: "receive QoS 1, acknowledging",
    direction: "receive",
    qos: 1,
    counts: { ours: 800_000, "MQTT.js": 100_000, libmosquitto: 80_000, "aws-crt": 80_000 },
    goals: [{ against: "MQTT.js", factor: 12 }],
  }),
  throughput({
    name: "publish QoS 1, session on disk",
    direction: "durable",
    qos: 1,
    counts: { ours: 200_000, "MQTT.js": 7_000 },
    goals: [{ against: "MQTT.js", factor: 15 }],
  }),
];
