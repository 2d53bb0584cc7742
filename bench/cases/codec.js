// Encodes one PUBLISH and decodes one, and compares with mqtt-packet. ../case.ts defines a case and a row.
/** @param {"aiko" | "mqtt-packet"} client @returns {import("../case.ts").Contender} */
const codec = (client) => (place) => place.program("codec", { client, size: 64, milliseconds: place.count(400, 150) });

/**
 * @param {string} name
 * @param {string} figure
 * @param {import("../case.ts").Goal[]} goals
 * @returns {import("../case.ts").Row}
 */
const row = (name, figure, goals) => ({ group: "codec", name, figure, unit: "µs", better: "less", goals });
const goals = [{ against: "mqtt-packet", factor: 9 }];

/** @type {import("../case.ts").Case[]} */
export default [
  {
    name: "one PUBLISH",
    group: "codec",
    contenders: { ours: codec("aiko"), "mqtt-packet": codec("mqtt-packet") },
    rows: [
      row("encode one PUBLISH", "encode", goals),
      row("decode one PUBLISH of many", "decode", goals),
      row("decode one PUBLISH alone", "decodeSingle", []),
    ],
  },
];
