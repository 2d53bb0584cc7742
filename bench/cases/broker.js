// A broker between one publisher and one subscriber. ../case.ts defines a case and a row.
/**
 * @param {(place: import("../place.js").Place) => Promise<number>} portOf
 * @param {number} count
 * @returns {import("../case.ts").Contender}
 */
const relay = (portOf, count) => async (place) =>
  place.program("relay", { port: await portOf(place), count: place.count(count, 20_000), size: 64 });

/** @type {import("../case.ts").Case[]} */
export default [
  {
    name: "broker",
    group: "broker",
    contenders: {
      ours: relay((place) => place.broker("aiko"), 400_000),
      aedes: relay((place) => place.broker("aedes"), 100_000),
      mosquitto: relay((place) => place.mosquitto(), 120_000),
    },
    rows: [
      {
        group: "broker",
        name: "broker, one publisher to one subscriber, QoS 0",
        figure: "rate",
        unit: "/s",
        better: "more",
        goals: [
          { against: "aedes", factor: 5 },
          { against: "mosquitto", factor: 5 },
        ],
      },
    ],
  },
];
