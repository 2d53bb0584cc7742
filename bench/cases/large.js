// One payload of 256 MB, the protocol's limit. ../case.ts defines a case and a row.
/**
 * @param {import("../clients/client.ts").ClientName} client
 * @param {import("../case.ts").Direction} direction
 * @returns {import("../case.ts").Contender}
 */
const large = (client, direction) => (place) => place.program("large", { client, direction });

/** @type {import("../case.ts").Direction[]} */
const directions = ["publish", "receive"];

/** @type {import("../case.ts").Case[]} */
export default directions.map((direction) => {
  /**
   * @param {string} name
   * @param {string} figure
   * @param {string} unit
   * @param {import("../case.ts").Goal[]} goals
   * @returns {import("../case.ts").Row}
   */
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
