// Messages per second: publishing and receiving, beside the peers and beside what bounds everybody.
//
// A case: { name, group, contenders: { NAME: async (place) => figures }, rows }. Figures are numbers by name, and perhaps a `note`.
// A row: { group, name, figure, unit, better: "more" | "less", contenders?, goals } takes one figure of some contenders. A goal:
// { against, factor } is met by "factor times as good", { against, share } by "at least (at most, if less is better) that share
// of theirs", { value } by a figure of ours that is as good as that.
const SIZE = 64;

const client = (name, settings) => (place) => {
  const count = place.count(settings.count, 1_000);
  const directory = settings.direction === "durable" ? place.directory() : undefined;
  return place.program("throughput", { client: name, size: SIZE, ...settings, count, directory });
};
const libmosquitto = (settings) => (place) =>
  place.libmosquitto({ size: SIZE, ...settings, count: place.count(settings.count, 1_000) });
const limit = (name, count) => (place) =>
  place.program("limits", { client: name, size: SIZE, count: place.count(count, 100_000) });

/** @param counts by contender; a second each, more or less */
function throughput({ name, direction, qos, inflight, counts, goals, limits = {} }) {
  const contenders = {};
  const makers = {
    ours: (count) => client("aiko", { direction, qos, inflight, count }),
    "MQTT.js": (count) => client("mqttjs", { direction, qos, inflight, count }),
    libmosquitto: (count) => libmosquitto({ direction, qos, count }),
    "aws-crt": (count) => client("awscrt", { direction, qos, inflight, count }),
  };
  for (const [contender, count] of Object.entries(counts)) contenders[contender] = makers[contender](count);
  const common = { name, figure: "rate", unit: "/s", better: "more" };
  const rows = [{ ...common, group: "speed", contenders: Object.keys(contenders), goals }];
  if (Object.keys(limits).length > 0) {
    Object.assign(contenders, limits);
    rows.push({ ...common, group: "limits", contenders: ["ours", ...Object.keys(limits)], goals: [] });
  }
  return { name, group: "speed", contenders, rows };
}

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
