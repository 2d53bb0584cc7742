// @ts-check
// The gateway's configuration: any text becomes a configuration or problems, each with its place and a rule.
import { problemText, readConfiguration } from "@aiko/mqtt-gateway";

const options = { environment: { TOKEN: "t0ken" }, readFile: () => "text" };

/** @type {import("./targets.js").Target} */
export function gatewayConfiguration(bytes) {
  const file = (bytes[0] ?? 0) % 2 === 0 ? "g.toml" : "g.json";
  const text = Buffer.from(bytes.subarray(1)).toString("utf8");
  const { configuration, problems } = readConfiguration(text, { ...options, file });
  if (configuration === undefined && (problems === undefined || problems.length === 0)) throw new Error("no problem");
  for (const problem of problems ?? []) {
    const shown = problemText(problem);
    if (shown.includes("t0ken")) throw new Error(`a problem shows a secret: ${shown}`);
    if (shown.includes("\n")) throw new Error(`a problem has two lines: ${JSON.stringify(shown)}`);
  }
}

const HEAD = `[gateway]
id = "attic"
[uplink]
url = "mqtt://h"
password = "\${TOKEN}"
[spool]
mode = "memory"
`;

const SOURCES = [
  'kind = "serial"\ndevice = "/dev/ttyUSB0"\nrs485 = true\nframe = "modbus-rtu"\ndecode = { format = "modbus", unit = 1, fields = ["t:i16"] }',
  'kind = "tcp-server"\nlisten = ":9"\ntls = { cert = "/c", key = "file:/k" }\nframe = { kind = "delimiter", end = "0d0a" }\ncheck = "crc16-modbus"',
  'kind = "udp"\nlisten = ":9"\ndecode = { format = "sexpr", envelope = "(node {node} {time} …)" }\npayload = "{node}"',
  'kind = "exec"\ncommand = ["a"]\nevery = "5s"\ntimeout = "1s"\ndecode = { format = "csv", fields = [{ name = "t", type = "f32", scale = 0.1, min = 0 }] }',
  'kind = "http"\nlisten = ":9"\nwhen = [{ field = "t", op = ">", value = 1 }]\ndecode = { format = "json", pick = { t = "/a/0" } }',
  'kind = "stdin"\ndecode = { format = "nmea", sentences = { RMC = ["a", "b:nmea_lat"] } }\ndeadletter = "dead/{peer}"',
];

/** @returns {Uint8Array[]} */
export function configurationSeeds() {
  const texts = SOURCES.map((source) => `${HEAD}[[source]]\nid = "in"\ntopic = "t"\n${source}\n`);
  const json =
    '{"gateway":{"id":"a"},"uplink":{"url":"mqtt://h"},"spool":{"mode":"memory"},"source":[{"kind":"stdin"}]}';
  return [...texts.map((text) => ({ kind: 0, text })), { kind: 1, text: json }].map(({ kind, text }) =>
    Uint8Array.from([0, kind, ...Buffer.from(text)]),
  );
}
