// @ts-check
// The share of one core that the gateway takes for serial lines: eight that send all the time at 115,200 baud, and 32 that are silent. The lines
// are pseudo-terminals of socat.
//
//   npm run build && node bench/gateway-wires.js [--seconds 10] [--profile DIRECTORY]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const program = fileURLToPath(new URL("../packages/cli/dist/bin/aiko-mqtt.cjs", import.meta.url));
const { values } = parseArgs({
  options: { seconds: { type: "string", default: "10" }, profile: { type: "string" } },
});
const seconds = Number(values.seconds);
/** Options of Node that write a profile of the gateway. */
const profile = values.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${values.profile}`];
/** Bytes a second of a line at 115,200 baud: ten bits are one byte. */
const RATE = 11_520;
/** Milliseconds between two writes of a device. */
const STEP = 20;
/** Milliseconds before the measurement: V8 compiles and collects what the start has left for about ten seconds. */
const SETTLED = 10_000;
/** What a device sends, 60 bytes. */
const LINE = `21.5,40,${"x".repeat(51)}\n`;
/** Clock ticks a second, as in /proc. */
const TICKS = 100;

const directory = mkdtempSync(join(tmpdir(), "aiko-gateway-wires-"));
/** @type {import("node:child_process").ChildProcess[]} */
const children = [];

/** @param {string} command @param {string[]} args @param {RegExp} ready @param {number} [times] how often it must say so */
async function start(command, args, ready, times = 1) {
  const child = spawn(command, args, { stdio: "pipe" });
  children.push(child);
  child.stdin.on("error", () => {});
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (part) => {
      text += part;
      child.emit("said");
    });
  }
  while ((text.match(ready)?.length ?? 0) < times) await once(child, "said");
  return { child, text };
}

/** @param {number} count */
async function lines(count) {
  const paths = Array.from({ length: count }, (_, i) => join(directory, `tty${i}`));
  const started = await Promise.all(
    paths.map((path) => start("socat", ["-d", "-d", `pty,raw,echo=0,link=${path}`, "stdio"], /data transfer loop/g)),
  );
  return { paths, devices: started.map(({ child }) => child) };
}

/** Seconds of the processor that a process has taken. @param {number | undefined} pid */
function processorTime(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** @param {string} name @param {number} count @param {boolean} isBusy @param {string} port */
async function measure(name, count, isBusy, port) {
  const { paths, devices } = await lines(count);
  const file = join(directory, `${name}.toml`);
  const sources = paths.map(
    (path, i) => `[[source]]
id = "line${i}"
kind = "serial"
device = "${path}"
baud = 115200
decode = { format = "csv", fields = ["celsius:f32", "humidity:u8", "rest"] }
topic = "bench/{source}"
`,
  );
  writeFileSync(
    file,
    `[gateway]
id = "bench-${name}"
[uplink]
url = "mqtt://127.0.0.1:${port}"
[spool]
dir = "${join(directory, name)}"
${sources.join("")}`,
  );
  const { child: gateway } = await start(
    process.execPath,
    [...profile, program, "gateway", "--config", file],
    /source is up/g,
    count,
  );
  let sent = 0;
  const began = performance.now();
  const pace = setInterval(() => {
    if (!isBusy) return;
    const due = Math.floor((((performance.now() - began) / 1_000) * RATE) / LINE.length);
    const text = LINE.repeat(due - sent);
    sent = due;
    for (const device of devices) device.stdin?.write(text);
  }, STEP);
  await new Promise((resolve) => setTimeout(resolve, SETTLED));
  const [before, from] = [processorTime(gateway.pid), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  const share = (processorTime(gateway.pid) - before) / ((performance.now() - from) / 1_000);
  clearInterval(pace);
  console.log(`${name}: ${count} lines, ${(100 * share).toFixed(2)} % of one core`);
  gateway.kill();
  await once(gateway, "exit");
  for (const device of devices) device.kill();
}

try {
  const { text } = await start(process.execPath, [program, "broker", "--port", "0"], /listening on mqtt:.*/g);
  const port = /mqtt:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1] ?? "1883";
  await measure("saturated", 8, true, port);
  await measure("idle", 32, false, port);
} finally {
  for (const child of children) child.kill("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
}
