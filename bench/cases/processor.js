// Processor time of a message in the client's process, through a real mosquitto. ../case.ts defines a case and a row.
const sizes = { "64 B": 64, "1 KB": 1_024, "64 KB": 65_536, "1 MB": 1_048_576 };
/** @typedef {keyof typeof sizes} Size */

const names = /** @type {Size[]} */ (Object.keys(sizes));
/**
 * The number of messages of one size. It is large enough that compilation does not dominate, and small enough that mosquitto holds at most about
 * 100 MB for a receiver.
 */
const counts = {
  publish: { "64 B": 200_000, "1 KB": 100_000, "64 KB": 8_000, "1 MB": 400 },
  receive: { "64 B": 40_000, "1 KB": 30_000, "64 KB": 1_200, "1 MB": 80 },
};

/**
 * @param {import("../clients/client.ts").ClientName | "libmosquitto"} client
 * @param {import("../case.ts").Direction} direction
 * @returns {import("../case.ts").Contender}
 */
const processor = (client, direction) => async (place) => {
  /** @type {import("../case.ts").Figures} */
  const figures = {};
  for (const name of names) {
    const size = sizes[name];
    const count = place.count(counts[direction][name], 20);
    const port = await place.mosquitto();
    const settings = { direction, count, size, port };
    const measured =
      client === "libmosquitto"
        ? await place.libmosquitto({ ...settings, qos: 0 })
        : await place.program("processor", { client, ...settings });
    figures[name] = measured.processor;
  }
  return figures;
};

/** @type {import("../case.ts").Direction[]} */
const both = ["publish", "receive"];
/** @type {import("../case.ts").Case[]} */
export default both.map((direction) => {
  /** @type {Record<string, import("../case.ts").Contender>} */
  const contenders = { ours: processor("aiko", direction), "MQTT.js": processor("mqttjs", direction) };
  // Our program in C can only receive what the endpoint sends.
  if (direction === "publish") contenders["libmosquitto"] = processor("libmosquitto", direction);
  contenders["aws-crt"] = processor("awscrt", direction);
  return {
    name: `processor time, ${direction}`,
    group: "processor",
    contenders,
    rows: names.map((size) => ({
      group: "processor",
      name: `${direction} QoS 0, ${size}`,
      figure: size,
      unit: "µs",
      better: "less",
      goals: [],
    })),
    chart: {
      title: `Processor time of a message, ${direction} QoS 0 through mosquitto`,
      file: `performance-processor-${direction}.svg`,
      x: "bytes of payload",
      y: "µs of the client's process",
      points: sizes,
    },
  };
});
