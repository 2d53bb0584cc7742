// Devices, a gateway that is killed again and again, and a server whose connection is cut: what was acknowledged to a device must arrive, in
// order, and the gateway's account must balance.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Broker } from "../../packages/broker/src/index.ts";
import { connect } from "../../packages/mqtt/src/index.ts";
import { SeededRandom } from "../../packages/mqtt/src/testing/index.ts";
import { runCommands } from "./commands.ts";
import { CuttingProxy } from "./cutting-proxy.ts";
import { DEVICE_WINDOW, Device } from "./device.ts";
import { GatewayProcess } from "./gateway-process.ts";
import { Received } from "./received.ts";
import { runSn } from "./sn.ts";

const DEVICES = 4;
/** The gateway's window of unacknowledged messages. */
const WINDOW = 20;
/** Milliseconds in which everything must arrive at the end. */
const LAST = 120_000;

/**
 * @param argv with "--commands", the commands of test/chaos-gateway/commands.ts are tested instead of the lines; with "--sn", the MQTT-SN devices
 * of test/chaos-gateway/sn.ts
 */
export async function run(argv: readonly string[], program: string): Promise<number> {
  if (argv.includes("--commands")) return runCommands(argv, program);
  if (argv.includes("--sn")) return runSn(argv, program);
  const { values } = parseArgs({
    args: [...argv],
    options: {
      kills: { type: "string", default: "1000" },
      seed: { type: "string", default: String(Date.now() % 2 ** 31) },
      "seconds-limit": { type: "string" },
    },
  });
  const kills = Number(values.kills);
  const random = new SeededRandom(Number(values.seed));
  const limit = performance.now() + Number(values["seconds-limit"] ?? Infinity) * 1_000;
  const between = (least: number, most: number): number => least + random.next() * (most - least);
  const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const wrong: string[] = [];

  const directory = await mkdtemp(join(tmpdir(), "aiko-gateway-chaos-"));
  await using broker = await Broker.listen({ port: 0 });
  const received = new Received();
  await using subscriber = await connect(broker.url);
  await subscriber.subscribe("lines/+", { qos: 1, onMessage: (message) => received.take(message.text()) });
  const proxy = await CuttingProxy.open(Number(new URL(broker.url).port));
  const socket = join(directory, "admin");
  const configuration = join(directory, "gateway.toml");
  await writeFile(configuration, configurationText(directory, proxy.port, socket));
  const gateway = new GatewayProcess(program, configuration, socket);
  const devices = Array.from({ length: DEVICES }, (_, i) => new Device(`d${i}`, (what) => wrong.push(what)));
  const connectDevices = (url: string | undefined): void => {
    for (const device of devices) device.connect(Number(new URL(url ?? "").port));
  };
  let killed = 0;
  let cutting = true;
  const cuts = (async () => {
    while (cutting) {
      await pause(between(50, 1_500));
      if (cutting && random.next() < 0.5) proxy.cut(between(1, 400));
    }
  })();
  try {
    let status = await gateway.start();
    connectDevices(status.sources["lines"]?.url);
    for (; killed < kills && performance.now() < limit && wrong.length === 0; killed++) {
      await pause(between(1, 120) ** 2 / 120);
      for (const device of devices) device.hold();
      await gateway.end("SIGKILL");
      status = await gateway.start();
      connectDevices(status.sources["lines"]?.url);
      if (killed % 100 === 99) console.log(`${killed + 1} kills, ${received.messages} messages`);
    }
    cutting = false;
    await cuts;
    for (const device of devices) device.finish();
    const deadline = performance.now() + LAST;
    const isOver = async (): Promise<boolean> =>
      devices.every((device) => device.isDone) && (await gateway.status()).spool.records === 0;
    while (performance.now() < deadline && !(await isOver())) await pause(50);
    status = await gateway.status();
    wrong.push(...imbalances(status.spool.sources["lines"], status.spool.records));
    for (const device of devices)
      if (!device.isDone) wrong.push(`${device.name} has ${device.acknowledged} of ${device.sent} lines acknowledged`);
    const code = await gateway.end("SIGTERM");
    if (code !== 0) wrong.push(`the gateway's exit code is ${code}`);
  } catch (error) {
    wrong.push(String(error));
  } finally {
    cutting = false;
    await gateway.end("SIGKILL");
    for (const device of devices) device.close();
    proxy.close();
    await rm(directory, { recursive: true, force: true });
  }
  const accepted = devices.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  const lost = devices.reduce((sum, device) => sum + received.lost(device), 0);
  console.log(
    [
      `seed ${values.seed}, ${killed} kills, ${proxy.cuts} cuts of the uplink`,
      `acknowledged to devices  ${accepted}`,
      `lost                     ${lost}`,
      `out of order             ${received.disordered}`,
      `with a wrong checksum    ${received.ill}`,
      `duplicates               ${received.duplicates} (${(received.duplicates / Math.max(1, killed)).toFixed(1)} a kill; window ${WINDOW}, devices repeat up to ${DEVICES * DEVICE_WINDOW})`,
      ...wrong.slice(0, 20),
    ].join("\n"),
  );
  // A cut repeats what was in flight; a kill also what the devices had not seen acknowledged.
  const repeats = (killed + proxy.cuts + 1) * WINDOW + (killed + 1) * DEVICES * DEVICE_WINDOW;
  if (received.duplicates > repeats) wrong.push(`more duplicates than ${repeats}`);
  const isRight = lost === 0 && received.disordered === 0 && received.ill === 0 && wrong.length === 0 && accepted > 0;
  console.log(isRight ? "every promise held" : "a promise was broken");
  return isRight ? 0 : 1;
}

function imbalances(
  counts: { in: number; out: number; spooled: number; dropped: Readonly<Record<string, number>> } | undefined,
  records: number,
): string[] {
  if (counts === undefined) return ["the source has no account"];
  const dropped = Object.values(counts.dropped).reduce((sum, count) => sum + count, 0);
  const isBalanced = counts.in === counts.out + counts.spooled + dropped && counts.spooled === records;
  return isBalanced
    ? []
    : [`in = out + spooled + dropped does not hold: ${JSON.stringify(counts)}, ${records} records`];
}

function configurationText(directory: string, port: number, socket: string): string {
  return `
[gateway]
id = "chaos"
[uplink]
url = "mqtt://127.0.0.1:${port}"
inflight = ${WINDOW}
reconnect = { min = "10ms", max = "200ms" }
[spool]
dir = ${JSON.stringify(join(directory, "spool"))}
segment = "64KiB"
[admin]
socket = ${JSON.stringify(socket)}
[[source]]
id = "lines"
kind = "tcp-server"
listen = "127.0.0.1:0"
frame = "line"
first = "keep"
decode = { format = "csv", fields = ["device", "n:u32", "crc:u32"] }
topic = "lines/{device}"
payload = "raw"
acknowledge = "ok {n}\\n"
refuse = "no {reason}\\n"
`;
}
