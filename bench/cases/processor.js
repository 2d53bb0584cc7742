// Processor time of a message in the client's process, through a real mosquitto. What a case and a row are: throughput.js
const sizes = { "64 B": 64, "1 KB": 1_024, "64 KB": 65_536, "1 MB": 1_048_576 };
/** Of one size, in messages: enough that compiling is not what is measured, and what mosquitto holds for a receiver stays within some 100 MB. */
const counts = {
  publish: { "64 B": 200_000, "1 KB": 100_000, "64 KB": 8_000, "1 MB": 400 },
  receive: { "64 B": 40_000, "1 KB": 30_000, "64 KB": 1_200, "1 MB": 80 },
};

const processor = (client, direction) => async (place) => {
  const figures = {};
  for (const [name, size] of Object.entries(sizes)) {
    const count = place.count(counts[direction][name], 20);
    const port = await place.mosquitto();
    const settings = { client, direction, count, size, port };
    const measured =
      client === "libmosquitto"
        ? await place.libmosquitto({ ...settings, qos: 0 })
        : await place.program("processor", settings);
    figures[name] = measured.processor;
  }
  return figures;
};

const both = ["publish", "receive"];
export default both.map((direction) => {
  const contenders = { ours: processor("aiko", direction), "MQTT.js": processor("mqttjs", direction) };
  // Our program in C can only receive what the endpoint sends.
  if (direction === "publish") contenders["libmosquitto"] = processor("libmosquitto", direction);
  contenders["aws-crt"] = processor("awscrt", direction);
  return {
    name: `processor time, ${direction}`,
    group: "processor",
    contenders,
    rows: Object.keys(sizes).map((size) => ({
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
