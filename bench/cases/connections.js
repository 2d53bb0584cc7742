// Three thousand clients in one process: how fast they connect, and how much memory each uses. ../case.ts defines a case and a row.
/** @param {import("../clients/client.ts").ClientName} client @returns {import("../case.ts").Contender} */
const connections = (client) => (place) =>
  place.program(
    "connections",
    { client, count: place.count(3_000, 500), atOnce: 100, rest: place.count(12_000, 400) },
    ["--expose-gc"],
  );

/** @type {import("../case.ts").Case[]} */
export default [
  {
    name: "connections",
    group: "connections",
    contenders: {
      ours: connections("aiko"),
      "MQTT.js": connections("mqttjs"),
      "raw socket": connections("raw-socket"),
      "raw socket that says CONNECT": connections("raw-connect"),
    },
    rows: [
      {
        group: "connections",
        name: "idle connection, resident memory",
        figure: "kilobytes",
        unit: "KB",
        better: "less",
        goals: [{ against: "raw socket", share: 1.6 }],
      },
      {
        group: "connections",
        name: "connecting, 100 at a time",
        figure: "rate",
        unit: "/s",
        better: "more",
        goals: [{ against: "raw socket", share: 0.8 }],
      },
    ],
  },
];
