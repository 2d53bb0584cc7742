// Brokers under the load of ready-made clients in a process of their own: native/load.c. ../case.ts defines a case and a row.
const brokers = /** @type {const} */ ({ ours: "aiko", aedes: "aedes", mosquitto: "mosquitto" });
const SIZE = 64;

/**
 * The patterns: publishers, subscribers, topics, and the messages of one publisher that may be on their way.
 *
 * @typedef {{ publishers: number, subscribers: number, topics: number, window: number }} Pattern
 */

/** @type {Record<string, Pattern>} */
const patterns = {
  "1 to 1": { publishers: 1, subscribers: 1, topics: 1, window: 1_000 },
  "1 to 1,000": { publishers: 1, subscribers: 1_000, topics: 1, window: 10 },
  "1,000 to 1": { publishers: 1_000, subscribers: 1, topics: 1, window: 20 },
  "1,000 pairs": { publishers: 1_000, subscribers: 1_000, topics: 1_000, window: 20 },
  "1 to 1, 10,000 topics": { publishers: 1, subscribers: 1, topics: 10_000, window: 1_000 },
};

/** Returns the pattern with fewer clients for a quick run. @param {Pattern} pattern @param {import("../place.js").Place} place */
function scaled({ publishers, subscribers, topics, window }, place) {
  const few = (/** @type {number} */ clients) => (clients === 1 ? 1 : place.count(clients, 100));
  return { publishers: few(publishers), subscribers: few(subscribers), topics: few(topics), window };
}

/** @param {Pattern} pattern @param {0 | 1 | 2} qos */
const clients = ({ publishers, subscribers, topics }, qos) => [publishers, subscribers, topics, qos, SIZE].join("/");

/** @param {Pattern} pattern @param {0 | 1 | 2} qos @param {import("../place.js").Place} place */
function relayWork(pattern, qos, place) {
  const { window } = pattern;
  return `relay/${clients(scaled(pattern, place), qos)}/${window}/${place.count(2_000, 800)}`;
}

/**
 * @param {(place: import("../place.js").Place, broker: import("../place.js").BrokerName) => Promise<import("../case.ts").Figures>} measure
 * @returns {Record<string, import("../case.ts").Contender>}
 */
const contenders = (measure) =>
  Object.fromEntries(Object.entries(brokers).map(([name, broker]) => [name, (place) => measure(place, broker)]));

/** @param {string} pattern @param {0 | 1 | 2} qos @returns {number} */
function goalOf(pattern, qos) {
  if (pattern === "1 to 1") return qos === 0 ? 10 : 6;
  if (qos === 0) return pattern.includes("topics") ? 1 : 6;
  return pattern.includes("pairs") && qos === 1 ? 4 : 1;
}

/** @type {import("../case.ts").Case[]} */
const relays = Object.entries(patterns).flatMap(([name, pattern]) =>
  /** @type {const} */ ([0, 1, 2]).map((qos) => ({
    name: `broker, ${name}, QoS ${qos}`,
    group: "broker",
    contenders: contenders((place, broker) => place.load(broker, relayWork(pattern, qos, place))),
    rows: [
      {
        group: "broker",
        name: `${name}, QoS ${qos}, messages delivered`,
        figure: "rate",
        unit: "/s",
        better: "more",
        goals: [
          { against: "mosquitto", factor: goalOf(name, qos) },
          { against: "aedes", factor: 1 },
        ],
      },
      {
        group: "broker",
        name: `${name}, QoS ${qos}, processor time of a delivery`,
        figure: "processor",
        unit: "µs",
        better: "less",
        goals: [],
      },
    ],
  })),
);

/**
 * Sessions on the disk. mosquitto writes its file each second, and does not sync it; we sync before each acknowledgement.
 *
 * @param {string} name
 * @param {Pattern} pattern
 * @param {0 | 1 | 2} qos
 * @returns {import("../case.ts").Case}
 */
function durable(name, pattern, qos) {
  /** @type {(place: import("../place.js").Place, broker: import("../place.js").BrokerName, stored: boolean) => Promise<import("../case.ts").Figures>} */
  const measure = (place, broker, stored) => place.load(broker, `stored/${relayWork(pattern, qos, place)}`, { stored });
  return {
    name: `broker, stored sessions, ${name}, QoS ${qos}`,
    group: "broker",
    contenders: {
      ours: (place) => measure(place, "aiko", true),
      mosquitto: (place) => measure(place, "mosquitto", true),
      "ours, in memory": (place) => measure(place, "aiko", false),
    },
    rows: [
      {
        group: "broker, stored sessions",
        name: `stored sessions, ${name}, QoS ${qos}, messages delivered`,
        figure: "rate",
        unit: "/s",
        better: "more",
        goals: [{ against: "mosquitto", factor: 1 }],
      },
      {
        group: "broker, stored sessions",
        name: `stored sessions, ${name}, QoS ${qos}, processor time of a delivery`,
        figure: "processor",
        unit: "µs",
        better: "less",
        goals: [],
      },
    ],
  };
}

const hundredPairs = { publishers: 100, subscribers: 100, topics: 100, window: 20 };

/**
 * Latency at half of the maximum rate of the slower one of ours and mosquitto, which is measured first.
 *
 * @param {string} name
 * @param {0 | 1 | 2} qos
 * @returns {import("../case.ts").Case}
 */
function latency(name, qos) {
  const pattern = /** @type {Pattern} */ (patterns[name]);
  /** @type {Promise<number> | undefined} messages that the publishers send in a second */
  let half;
  /** @param {import("../place.js").Place} place */
  const halfOfSlower = async (place) => {
    const rates = [];
    for (const broker of /** @type {const} */ (["aiko", "mosquitto"]))
      rates.push(Number((await place.load(broker, relayWork(pattern, qos, place)))["rate"]));
    const { subscribers, topics } = scaled(pattern, place);
    return Math.max(1, Math.round(Math.min(...rates) / 2 / (topics === 1 ? subscribers : 1)));
  };
  return {
    name: `broker, latency, ${name}, QoS ${qos}`,
    group: "broker",
    contenders: contenders(async (place, broker) => {
      half ??= halfOfSlower(place);
      const work = `latency/${clients(scaled(pattern, place), qos)}/${await half}/${place.count(4_000, 1_000)}`;
      return place.load(broker, work);
    }),
    rows: latencyRows(`${name}, QoS ${qos}, at half of the slower one's maximum`),
  };
}

/** @param {string} name @returns {import("../case.ts").Row[]} */
function latencyRows(name) {
  return Object.entries({ p50: "p50", p99: "p99", p999: "p99.9" }).map(([figure, part]) => ({
    group: "broker latency",
    name: `${name}, ${part}`,
    figure,
    unit: "µs",
    better: "less",
    goals: figure === "p99" ? [{ against: "mosquitto", factor: 1 }] : [],
  }));
}

/** Ten honest pairs exchange 100 messages a second while 2,000 others attack. @type {import("../case.ts").Case} */
const hostile = {
  name: "broker, honest clients during 2,000 hostile connections",
  group: "broker",
  contenders: contenders((place, broker) =>
    place.load(broker, `latency/10/10/10/0/${SIZE}/100/${place.count(8_000, 2_000)}`, { hostile: 2_000 }),
  ),
  rows: latencyRows("honest pairs during 2,000 hostile connections").map((row) => ({
    ...row,
    goals: row.figure === "p99" ? [{ against: "mosquitto", share: 2 }] : [],
  })),
};

/** @type {import("../case.ts").Case} */
const retained = {
  name: "broker, 100,000 retained messages",
  group: "broker",
  contenders: contenders((place, broker) => place.load(broker, `retain/${place.count(100_000, 10_000)}/${SIZE}`)),
  rows: [
    {
      group: "broker",
      name: "100,000 retained messages, stored",
      figure: "store",
      unit: "/s",
      better: "more",
      goals: [
        { against: "mosquitto", factor: 1 },
        { against: "aedes", factor: 1 },
      ],
    },
    {
      group: "broker",
      name: "100,000 retained messages, sent to a new subscriber",
      figure: "rate",
      unit: "/s",
      better: "more",
      goals: [
        { against: "mosquitto", factor: 1 },
        { against: "aedes", factor: 1 },
      ],
    },
  ],
};

/** @type {import("../case.ts").Case} */
const idle = {
  name: "broker, 10,000 idle connections",
  group: "broker",
  contenders: Object.fromEntries(
    Object.entries({ ...brokers, "raw socket": "raw" }).map(([name, broker]) => [
      name,
      (place) =>
        place.load(
          /** @type {import("../place.js").BrokerName} */ (broker),
          `idle/${place.count(10_000, 1_000)}/${place.count(10_000, 2_000)}`,
          { collecting: true },
        ),
    ]),
  ),
  rows: [
    {
      group: "broker",
      name: "idle connection, resident memory",
      figure: "kilobytes",
      unit: "KB",
      better: "less",
      goals: [{ against: "raw socket", share: 2 }],
    },
  ],
};

/** @type {import("../case.ts").Case[]} */
export default [
  ...relays,
  durable("1 to 1", /** @type {Pattern} */ (patterns["1 to 1"]), 1),
  durable("100 pairs", hundredPairs, 1),
  durable("100 pairs", hundredPairs, 2),
  latency("1 to 1", 0),
  latency("1 to 1", 1),
  latency("1 to 1,000", 0),
  latency("1,000 pairs", 0),
  hostile,
  retained,
  idle,
];
