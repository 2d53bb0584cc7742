// @ts-check
// How many records a second go from a TCP connection through the synced spool to a server at QoS 1, and what a bare loop of append and fdatasync
// reaches with the same bytes.
//
//   node bench/gateway.js [--records 500000] [--window 500]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { close, fdatasync, mkdtempSync, openSync, rmSync, write, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";

const program = fileURLToPath(new URL("../packages/cli/dist/bin/aiko-mqtt.cjs", import.meta.url));
const { values } = parseArgs({
  options: {
    records: { type: "string", default: "500000" },
    window: { type: "string", default: "500" },
    // /tmp may be in memory, where a sync costs nothing.
    directory: { type: "string", default: "/var/tmp" },
  },
});
const records = Number(values.records);
/** What a device sends, 60 bytes. */
const line = Buffer.from(`kitchen,21.5,40,${"x".repeat(43)}\n`);
/** What the socket hands over at once. */
const CHUNK = 65_536;

const directory = mkdtempSync(join(values.directory ?? tmpdir(), "aiko-gateway-bench-"));
/** @type {import("node:child_process").ChildProcess[]} */
const children = [];

/** @param {string[]} args @param {RegExp} ready */
async function start(args, ready) {
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (part) => {
      text += part;
      child.emit("said");
    });
  }
  child.once("exit", (code) => child.emit("error", new Error(`${args[0]} ended with ${code}: ${text}`)));
  for (;;) {
    const found = ready.exec(text);
    if (found) return found[1] ?? "";
    await once(child, "said");
  }
}

/** @param {string} path @returns {Promise<any>} */
async function status(path) {
  const socket = createConnection({ path });
  let text = "";
  for await (const part of socket) text += part;
  return JSON.parse(text);
}

async function gateway() {
  const port = await start(["broker", "--port", "0"], /listening on mqtt:\/\/127\.0\.0\.1:(\d+)/);
  const socket = join(directory, "admin");
  const file = join(directory, "gateway.toml");
  writeFileSync(
    file,
    `[gateway]\nid = "bench"\n[uplink]\nurl = "mqtt://127.0.0.1:${port}"\ninflight = ${values.window}\n[spool]\ndir = "${join(directory, "spool")}"\n` +
      `[admin]\nsocket = "${socket}"\n[[source]]\nid = "lines"\nkind = "tcp-server"\nlisten = "127.0.0.1:0"\nframe = "line"\nfirst = "keep"\n` +
      `decode = { format = "csv", fields = ["node", "temperature:f32", "humidity:u8", "rest"] }\ntopic = "house/{node}"\npayload = "raw"\n`,
  );
  const at = await start(["gateway", "--config", file], /source=lines url=tcp:\/\/127\.0\.0\.1:(\d+)/);
  const chunk = Buffer.alloc(line.length * Math.floor(CHUNK / line.length), line);
  const device = createConnection(Number(at), "127.0.0.1");
  await once(device, "connect");
  const began = performance.now();
  for (let left = records; left > 0; ) {
    const count = Math.min(left, chunk.length / line.length);
    left -= count;
    if (!device.write(chunk.subarray(0, count * line.length))) await once(device, "drain");
  }
  let accepted = 0;
  for (;;) {
    const { spool } = await status(socket);
    const { in: came = 0, out = 0 } = spool.sources.lines ?? {};
    if (came === records && accepted === 0) accepted = performance.now();
    if (out === records) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const seconds = (performance.now() - began) / 1_000;
  const acceptedSeconds = (accepted - began) / 1_000;
  const statm = await import("node:fs/promises").then((fs) =>
    fs.readFile(`/proc/${children[1]?.pid}/status`, "utf8").catch(() => ""),
  );
  const peak = Number(/VmHWM:\s+(\d+)/.exec(statm)?.[1] ?? 0) / 1_024;
  device.destroy();
  return { rate: records / seconds, acceptRate: records / acceptedSeconds, peak };
}

async function bare() {
  const file = openSync(join(directory, "bare"), "w");
  const put = promisify(write);
  const sync = promisify(fdatasync);
  const chunk = Buffer.alloc(line.length * Math.floor(CHUNK / line.length), line);
  const began = performance.now();
  let at = 0;
  for (let left = records; left > 0; left -= chunk.length / line.length) {
    await put(file, chunk, 0, chunk.length, at);
    await sync(file);
    at += chunk.length;
  }
  const rate = records / ((performance.now() - began) / 1_000);
  await promisify(close)(file);
  return rate;
}

try {
  const ours = await gateway();
  for (const child of children) child.removeAllListeners("exit").kill();
  const loop = await bare();
  const k = (/** @type {number} */ rate) => `${Math.round(rate / 1_000)} k/s`;
  console.log(`TCP → spool, synced:                 ${k(ours.acceptRate)}`);
  console.log(`TCP → spool, synced → QoS 1:         ${k(ours.rate)}`);
  console.log(
    `bare append and fdatasync:           ${k(loop)} (ours ${(ours.acceptRate / loop).toFixed(2)}, to the server ${(ours.rate / loop).toFixed(2)})`,
  );
  console.log(`most memory of the gateway:          ${ours.peak.toFixed(0)} MB`);
} finally {
  for (const child of children) child.removeAllListeners("exit").kill("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
}
