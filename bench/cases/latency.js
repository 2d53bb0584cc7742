// The time from a QoS 1 publish to its PUBACK. ../case.ts defines a case and a row.
/** @param {import("../clients/client.ts").ClientName} client @returns {import("../case.ts").Contender} */
const latency = (client) => (place) => place.program("latency", { client, seconds: Math.max(place.scale, 0.5) });

/** @type {import("../case.ts").Row[]} */
const rows = [];
for (const [load, words] of [
  ["idle", "one at a time"],
  ["half", "at half of the client's own maximum"],
]) {
  for (const part of ["p50", "p99", "p99.9"]) {
    const name = `QoS 1 round trip, ${words}, ${part}`;
    rows.push({ group: "latency", name, figure: `${load} ${part}`, unit: "µs", better: "less", goals: [] });
  }
}
/** @type {import("../case.ts").Row} */
const rate = { group: "latency", name: "half of the maximum", figure: "rate", unit: "/s", better: "more", goals: [] };

/** @type {import("../case.ts").Case[]} */
export default [
  {
    name: "latency",
    group: "latency",
    contenders: { ours: latency("aiko"), "MQTT.js": latency("mqttjs"), "aws-crt": latency("awscrt") },
    rows: [...rows, rate],
  },
];
