// One payload of 256 MB, the protocol's limit. What a case and a row are: throughput.js
const large = (client, direction) => (place) => place.program("large", { client, direction });

export default ["publish", "receive"].map((direction) => {
  const row = (name, figure, unit, goals) => ({
    group: "large",
    name: `${direction} 268,435,442 bytes, ${name}`,
    figure,
    unit,
    better: "less",
    goals,
  });
  return {
    name: `large, ${direction}`,
    group: "large",
    contenders: { ours: large("aiko", direction), "MQTT.js": large("mqttjs", direction) },
    rows: [row("seconds", "seconds", "s", []), row("most memory, in payloads", "memory", "×", [{ value: 2 }])],
  };
});
