// Checks that the cost of a message does not grow with the number of subscriptions, messages in flight, or clients in the process.
// ../case.ts defines a case and a row. A sweep's figures are named by its points; its last row is our own cost at the last point, in
// multiples of the cost at the point named in `flat`.
const SIZE = 64;

/**
 * @typedef {{
 *   name: string,
 *   file: string,
 *   x: string,
 *   y: string,
 *   unit: string,
 *   better: import("../case.ts").Better,
 *   points: number[],
 *   flat: number,
 *   counts: { ours: number, "MQTT.js": number },
 *   measure: (place: Place, client: ClientName, point: number, count: number) => Promise<number>,
 * }} Sweep
 * @typedef {import("../place.js").Place} Place
 * @typedef {import("../clients/client.ts").ClientName} ClientName
 */

/** @param {Sweep} sweep @returns {import("../case.ts").Case} */
function sweep({ name, file, x, y, unit, better, points, flat, measure, counts }) {
  /** @param {ClientName} client @param {number} count @returns {import("../case.ts").Contender} */
  const contender = (client, count) => async (place) => {
    /** @type {Record<string, number>} */
    const figures = {};
    for (const point of points) figures[String(point)] = await measure(place, client, point, count);
    return figures;
  };
  /** @param {number} point @returns {import("../case.ts").Row} */
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

/** @type {import("../case.ts").Case[]} */
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
      const total = place.count(count);
      const { rate } = await place.program("throughput", {
        client,
        direction: "receive",
        qos: 0,
        count: total,
        size: SIZE,
        subscriptions,
      });
      return rate;
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
    flat: 1_000, // with fewer, each write and each read contains fewer messages
    counts: { ours: 300_000, "MQTT.js": 70_000 },
    async measure(place, client, inflight, count) {
      const most = inflight < 100 ? Math.min(count, 5_000 * inflight) : count;
      const total = place.count(most, Math.min(count, inflight));
      const { processor } = await place.program("throughput", {
        client,
        direction: "publish",
        qos: 1,
        count: total,
        size: SIZE,
        inflight,
      });
      return processor;
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
