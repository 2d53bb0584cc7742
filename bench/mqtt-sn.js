// @ts-check
// A gateway for MQTT-SN with many clients: the time until 100 that connect at once are served, the memory of 1,000 that sleep, and the share of one
// core that they take when each wakes once a minute, without and with a message.
//
//   npm run build && node bench/mqtt-sn.js [--clients 1000] [--seconds 60]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { connect } from "@aiko/mqtt";
import { createClient } from "@aiko/mqtt-gateway/sn";

const program = fileURLToPath(new URL("../packages/cli/dist/bin/aiko-mqtt.cjs", import.meta.url));
const { values } = parseArgs({
  options: { clients: { type: "string", default: "1000" }, seconds: { type: "string", default: "60" } },
});
const most = Number(values.clients);
/** Seconds between two wake-ups of a client. */
const seconds = Number(values.seconds);
const AT_ONCE = 100;
/** Milliseconds between two further clients: the gateway accepts 200 new sessions a second. */
const STEP = 10;
/** Clock ticks a second, as in /proc. */
const TICKS = 100;

const directory = mkdtempSync(join(tmpdir(), "aiko-mqtt-sn-"));
/** @type {Set<import("node:child_process").ChildProcess>} */
const children = new Set();

/** Starts a program, and resolves when it has printed a text that matches. @param {string[]} args @param {RegExp} ready */
async function start(args, ready) {
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (part) => {
      text += part;
      child.emit("said");
    });
  }
  for (;;) {
    const found = ready.exec(text);
    if (found !== null) return { child, found: found[1] ?? "" };
    if (child.exitCode !== null) throw new Error(`${args.join(" ")} ended: ${text}`);
    await Promise.race([once(child, "said"), once(child, "exit")]);
  }
}

/** @param {import("node:child_process").ChildProcess} child */
async function stop(child) {
  child.kill();
  await once(child, "exit");
  children.delete(child);
}

/** Seconds of the processor that a process has taken. @param {number | undefined} pid */
function processorTime(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** KB of memory that a process has. @param {number | undefined} pid */
function memory(pid) {
  return Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

/** @param {number} milliseconds */
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** @param {"transparent" | "aggregating"} mode @param {string} server */
async function measure(mode, server) {
  const file = join(directory, `${mode}.toml`);
  writeFileSync(
    file,
    `[gateway]
id = "bench-${mode}"
[uplink]
url = "${server}"
[spool]
dir = "${join(directory, mode)}"
[[source]]
id = "radio"
kind = "mqtt-sn"
listen = "127.0.0.1:0"
mode = "${mode}"
max_clients = ${2 * most}
max_clients_per_host = ${2 * most}
`,
  );
  const { child: gateway, found: port } = await start(
    ["gateway", "--config", file],
    /udp:\/\/127\.0\.0\.1:(\d+)[^]*connected to the server/,
  );
  const { pid } = gateway;
  let received = 0;
  const client = () =>
    createClient(`udp://127.0.0.1:${port}`, { onMessage: () => void received++, keepAlive: 3 * seconds });
  const warm = client();
  await warm.connect();
  await pause(3_000);
  const before = memory(pid);

  const began = performance.now();
  const clients = Array.from({ length: AT_ONCE }, client);
  await Promise.all(clients.map((each) => each.connect()));
  console.log(`${mode}: ${AT_ONCE} clients at once are served in ${(performance.now() - began).toFixed(0)} ms`);

  /** @param {import("@aiko/mqtt-gateway/sn").SnClient} each @param {number} i */
  const settle = async (each, i) => {
    await each.subscribe(`to/${i}`, { qos: 1, onMessage: () => void received++ });
    await each.sleep(seconds);
  };
  const asleep = clients.map(settle);
  for (let i = AT_ONCE; i < most; i++) {
    const each = client();
    clients.push(each);
    asleep.push(each.connect().then(() => settle(each, i)));
    await pause(Math.max(STEP, (500 * seconds) / most)); // so that they do not all wake at once
  }
  await Promise.all(asleep);
  await pause(3_000);
  const each = (memory(pid) - before) / most;
  console.log(`${mode}: ${most} clients asleep, ${memory(pid)} KB, ${each.toFixed(1)} KB for each`);

  const share = async () => {
    const [spent, from] = [processorTime(pid), performance.now()];
    await pause(seconds * 1_000);
    return ((100 * (processorTime(pid) - spent)) / ((performance.now() - from) / 1_000)).toFixed(2);
  };
  console.log(`${mode}: ${await share()} % of one core while they wake every ${seconds} s`);
  const publisher = await connect(server);
  for (let i = 0; i < most; i++) await publisher.publish(`to/${i}`, "21.5", { qos: 1 });
  console.log(`${mode}: ${await share()} % with a message for each; ${received} of ${most} received`);
  await publisher.disconnect();
  await Promise.all([warm, ...clients].map((left) => left.disconnect().catch(() => undefined)));
  await stop(gateway);
}

try {
  const { found } = await start(["broker", "--port", "0"], /listening on (mqtt:\S*)/);
  await measure("transparent", found);
  await measure("aggregating", found);
} finally {
  for (const child of children) child.kill("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
}
