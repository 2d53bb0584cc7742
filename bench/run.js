// Runs each case alternately ours, peer, ours, peer … and prints medians and ratios. npm run bench [-- --quick] [-- --case NAME]
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const quick = process.argv.includes("--quick");
const only = process.argv.includes("--case") ? process.argv[process.argv.indexOf("--case") + 1] : "";
const rounds = quick ? 3 : 5;
const scale = quick ? 0.25 : 1;

const cases = [
  { name: "publish QoS 0", our: "publish/0/2000000/64", peer: "publish/0/300000/64", goal: 30 },
  { name: "publish QoS 1", our: "publish/1/500000/64", peer: "publish/1/100000/64", goal: 20 },
  { name: "publish QoS 2", our: "publish/2/300000/64", peer: "publish/2/60000/64", goal: 15 },
  { name: "receive QoS 0", our: "receive/0/2000000/64", peer: "receive/0/500000/64", goal: 10 },
  { name: "receive QoS 1", our: "receive/1/500000/64", peer: "receive/1/200000/64", goal: 12 },
  { name: "durable QoS 1", our: "durable/1/300000/64", peer: "durable/1/30000/64", goal: 15 },
];

function buildEndpoint() {
  const binary = join(mkdtempSync(join(tmpdir(), "aiko-bench-")), "endpoint");
  execFileSync("cc", ["-O2", "-o", binary, join(here, "native/endpoint.c")], { stdio: "inherit" });
  return binary;
}

async function startEndpoint(binary) {
  const child = spawn(binary, { stdio: ["ignore", "pipe", "inherit"] });
  const port = await new Promise((resolve) => child.stdout.once("data", (data) => resolve(Number(String(data)))));
  return { port, stop: () => child.kill() };
}

function measure(client, what, port) {
  const [direction, qos, count, size] = what.split("/");
  const scaled = `${direction}/${qos}/${Math.round(Number(count) * scale)}/${size}`;
  const output = execFileSync(process.execPath, [join(here, "measure.js"), client, scaled, String(port)], {
    timeout: 120_000,
  });
  const [rate, note] = String(output).split("\n");
  return { rate: Number(rate), note };
}

const median = (list) => [...list].sort((a, b) => a.rate - b.rate)[Math.floor(list.length / 2)];
const thousands = (rate) => `${(rate / 1000).toFixed(1)} k/s`;

if (!existsSync(join(here, "../packages/mqtt/dist/index.js"))) throw new Error("run `npm run build` first");
const endpoint = await startEndpoint(buildEndpoint());
try {
  for (const each of cases.filter((one) => one.name.includes(only))) {
    const ours = [];
    const theirs = [];
    for (let round = 0; round < rounds; round++) {
      ours.push(measure("aiko", each.our, endpoint.port));
      theirs.push(measure("mqttjs", each.peer, endpoint.port));
    }
    const { rate, note } = median(ours);
    const { rate: theirRate } = median(theirs);
    console.log(
      `${each.name.padEnd(16)} ours ${thousands(rate).padStart(12)}   MQTT.js ${thousands(theirRate).padStart(12)}` +
        `   ratio ${(rate / theirRate).toFixed(1).padStart(5)}   goal ${each.goal}`,
    );
    if (note) console.log(`                 ours: ${note}`);
  }
} finally {
  endpoint.stop();
}
