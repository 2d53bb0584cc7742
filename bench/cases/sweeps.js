// Whether a message costs the same however much there is beside it: subscriptions, messages in flight, clients in the process.
// What a case and a row are: throughput.js. A sweep's figures are named by its points; its last row is our own cost at the last point in
// multiples of that at the first one named in `flat`.
const SIZE = 64;

function sweep({ name, file, x, y, unit, better, points, flat, measure, counts }) {
  const contender = (client, count) => async (place) => {
    const figures = {};
    for (const point of points) figures[String(point)] = await measure(place, client, point, count);
    return figures;
  };
  const row = (point) => ({
    group: "sweeps",
    name: `${name}: ${point}`,
    figure: String(point),
    unit,
    better,
    goals: [],
  });
  return {
    name,
    group: "sweeps",
    contenders: { ours: contender("aiko", counts.ours), "MQTT.js": contender("mqttjs", counts["MQTT.js"]) },
    rows: points.map(row),
    flat: { from: String(flat), to: String(points.at(-1)), better },
    chart: { title: name, file, x, y, points: Object.fromEntries(points.map((point) => [String(point), point])) },
  };
}

export default [
  sweep({
    name: "receiving QoS 0, by subscriptions of the client",
    file: "performance-subscriptions.svg",
    x: "subscriptions",
    y: "messages per second",
    unit: "/s",
    better: "more",
    points: [1, 10, 100, 1_000, 10_000],
    flat: 1,
    counts: { ours: 1_500_000, "MQTT.js": 200_000 },
    async measure(place, client, subscriptions, count) {
      const settings = { client, direction: "receive", qos: 0, count: place.count(count), size: SIZE, subscriptions };
      return (await place.program("throughput", settings)).rate;
    },
  }),
  sweep({
    name: "publishing QoS 1, by messages in flight",
    file: "performance-inflight.svg",
    x: "messages in flight",
    y: "µs of processor time a message",
    unit: "µs",
    better: "less",
    points: [1, 10, 100, 1_000, 10_000, 65_535],
    flat: 1_000, // with fewer, each write and each read carries fewer
    counts: { ours: 300_000, "MQTT.js": 70_000 },
    async measure(place, client, inflight, count) {
      const most = inflight < 100 ? Math.min(count, 5_000 * inflight) : count;
      const total = place.count(most, Math.min(count, inflight));
      const settings = { client, direction: "publish", qos: 1, count: total, size: SIZE, inflight };
      return (await place.program("throughput", settings)).processor;
    },
  }),
  sweep({
    name: "publishing QoS 1, by clients in the process, ten messages in flight each",
    file: "performance-clients.svg",
    x: "clients",
    y: "µs of processor time a message",
    unit: "µs",
    better: "less",
    points: [1, 10, 100, 1_000, 3_000],
    flat: 1,
    counts: { ours: 60_000, "MQTT.js": 20_000 },
    async measure(place, client, clients, count) {
      return (await place.program("many-clients", { client, clients, count: place.count(count) })).processor;
    },
  }),
];
