// MQTT-SN devices, a gateway and a server that are killed again and again: what was acknowledged to a device must arrive at the server's
// subscriber, and what the server has acknowledged for a device must arrive at the device.
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connect } from "../../packages/mqtt/src/index.ts";
import { SeededRandom } from "../../packages/mqtt/src/testing/index.ts";
import { freePort } from "../fixtures/free-port.ts";
import { GatewayProcess } from "./gateway-process.ts";
import { Received } from "./received.ts";
import { SnDevice } from "./sn-device.ts";

/** The part of the kills that ends the server. */
const SERVER_SHARE = 0.3;
/** Milliseconds in which everything must arrive at the end. */
const LAST = 120_000;

/** The command `aiko-mqtt broker` with a directory, as a process that can be killed. */
class ServerProcess {
  private child: ReturnType<typeof spawn> | undefined;

  constructor(
    private readonly program: string,
    readonly port: number,
    private readonly directory: string,
  ) {}

  /** Resolves when it accepts connections. */
  async start(): Promise<void> {
    const options = ["broker", "--port", String(this.port), "--persist", this.directory];
    this.child = spawn(process.execPath, [this.program, ...options], { stdio: "ignore" });
    for (;;) {
      const isOpen = await new Promise<boolean>((resolve) => {
        const socket = createConnection(this.port, "127.0.0.1");
        socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
        socket.once("connect", () => socket.destroy());
      });
      if (isOpen) return;
      await pause(20);
    }
  }

  async kill(): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null) return;
    const over = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await over;
  }
}

export async function runSn(argv: readonly string[], program: string): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      sn: { type: "string", default: "200" },
      seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    },
  });
  const kills = Number(values.sn);
  const random = new SeededRandom(Number(values.seed));
  const wrong: string[] = [];
  const directory = await mkdtemp(join(tmpdir(), "aiko-gateway-chaos-"));
  await mkdir(join(directory, "server"));
  const server = new ServerProcess(program, await freePort(), join(directory, "server"));
  await server.start();
  const received = new Received();
  const url = `mqtt://127.0.0.1:${server.port}`;
  const lasting = {
    cleanStart: false,
    properties: { sessionExpiryInterval: 3_600 },
    reconnect: { initialDelay: 20, maximumDelay: 100 },
  };
  await using observer = await connect(url, { ...lasting, clientId: "observer" });
  await observer.subscribe("up/+", { qos: 2, onMessage: (message) => received.take(message.text()) });
  const ports = [await freePort(), await freePort()] as const;
  const socket = join(directory, "admin");
  const configuration = join(directory, "gateway.toml");
  await writeFile(configuration, configurationText(directory, server.port, socket, ports));
  const gateway = new GatewayProcess(program, configuration, socket);
  const devices: SnDevice[] = [];
  const given = new Map<SnDevice, number>();
  let isGiving = true;
  let [gatewayKills, serverKills] = [0, 0];
  try {
    await gateway.start();
    for (const [i, port] of ports.entries()) {
      for (const qos of [1, 2] as const) {
        devices.push(new SnDevice(`d${i}-${qos}`, port, qos, (what) => wrong.push(what)));
      }
    }
    const giving = devices.map(async (device) => {
      while (isGiving) {
        const number = (given.get(device) ?? 0) + 1;
        if (device.acknowledged === 0)
          await pause(20); // it has not subscribed yet
        else {
          await observer.publish(`down/${device.name}`, String(number), { qos: 1 });
          given.set(device, number);
          await pause(30);
        }
      }
    });
    while (gatewayKills + serverKills < kills && wrong.length === 0) {
      await pause(50 + random.next() * 800);
      if (random.next() < SERVER_SHARE) {
        serverKills++;
        await server.kill();
        await pause(random.next() * 300);
        await server.start();
      } else {
        gatewayKills++;
        await gateway.end("SIGKILL");
        await gateway.start();
      }
      if ((gatewayKills + serverKills) % 50 === 0)
        console.log(`${gatewayKills + serverKills} kills, ${received.messages} messages`);
    }
    isGiving = false;
    await Promise.all(giving);
    for (const device of devices) device.finish();
    const deadline = performance.now() + LAST;
    const isOver = async (): Promise<boolean> =>
      devices.every((device) => device.isDone && device.received.size >= (given.get(device) ?? 0)) &&
      (await gateway.status()).spool.records === 0;
    while (performance.now() < deadline && !(await isOver())) await pause(100);
    for (const device of devices) {
      if (!device.isDone)
        wrong.push(`${device.name} has ${device.acknowledged} of ${device.sent} messages acknowledged`);
    }
    const code = await gateway.end("SIGTERM");
    if (code !== 0) wrong.push(`the gateway's exit code is ${code}`);
  } catch (error) {
    wrong.push(String(error));
  } finally {
    isGiving = false;
    await gateway.end("SIGKILL");
    for (const device of devices) device.close();
    await observer.disconnect({ drainTimeout: 100 }).catch(() => {});
    await server.kill();
    await rm(directory, { recursive: true, force: true });
  }
  const accepted = sum(devices, ({ acknowledged }) => acknowledged);
  const lost = sum(devices, (device) => received.lost(device));
  const undelivered = sum(devices, (device) => (given.get(device) ?? 0) - device.received.size);
  console.log(
    [
      `seed ${values.seed}, ${gatewayKills} kills of the gateway, ${serverKills} of the server`,
      `acknowledged to devices    ${accepted}`,
      `lost                       ${lost}`,
      `out of order               ${received.disordered}`,
      `with a wrong checksum      ${received.ill}`,
      `duplicates                 ${received.duplicates}`,
      `given for devices          ${sum(devices, (device) => given.get(device) ?? 0)}`,
      `not delivered to devices   ${undelivered}`,
      `delivered again            ${sum(devices, ({ repeated }) => repeated)}`,
      ...wrong.slice(0, 20),
    ].join("\n"),
  );
  const isRight = lost === 0 && undelivered === 0 && received.ill === 0 && wrong.length === 0 && accepted > 0;
  console.log(isRight ? "every promise held" : "a promise was broken");
  return isRight ? 0 : 1;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function sum<Each>(all: readonly Each[], of: (each: Each) => number): number {
  return all.reduce((before, each) => before + of(each), 0);
}

function configurationText(
  directory: string,
  port: number,
  socket: string,
  [transparent, aggregating]: readonly [number, number],
): string {
  return `
[gateway]
id = "chaos"
[uplink]
url = "mqtt://127.0.0.1:${port}"
reconnect = { min = "10ms", max = "200ms" }
[spool]
dir = ${JSON.stringify(join(directory, "spool"))}
segment = "64KiB"
[admin]
socket = ${JSON.stringify(socket)}
[[source]]
id = "transparent"
kind = "mqtt-sn"
listen = "127.0.0.1:${transparent}"
retry = "200ms"
retries = 20
[[source]]
id = "lines"
kind = "mqtt-sn"
mode = "aggregating"
listen = "127.0.0.1:${aggregating}"
retry = "200ms"
retries = 20
`;
}
