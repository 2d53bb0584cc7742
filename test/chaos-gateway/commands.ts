// Commands to a device, and a gateway that is killed again and again: every command gets a result, and none is carried out twice without a result
// that says so.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { Broker } from "../../packages/broker/src/index.ts";
import { connect } from "../../packages/mqtt/src/index.ts";
import { SeededRandom } from "../../packages/mqtt/src/testing/index.ts";
import { GatewayProcess } from "./gateway-process.ts";

/** Commands that are published and have no result. */
const WINDOW = 8;
/** Milliseconds in which all results must arrive at the end. */
const LAST = 60_000;

/** A device that carries out "do N" and answers "done N". */
class Device {
  readonly carriedOut = new Map<number, number>();
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  private constructor(delay: () => number) {
    this.server = createServer((socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket)).on("error", () => {});
      const lines = createInterface({ input: socket });
      lines.on("error", () => {}); // a gateway that was killed
      lines.on("line", (line) => {
        const number = Number(/^do (\d+)$/.exec(line)?.[1]);
        this.carriedOut.set(number, (this.carriedOut.get(number) ?? 0) + 1);
        setTimeout(() => socket.write(`done ${number}\n`), delay());
      });
    });
  }

  static open(delay: () => number): Promise<Device> {
    const device = new Device(delay);
    return new Promise((resolve) => device.server.listen(0, "127.0.0.1", () => resolve(device)));
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }
}

interface Result {
  readonly ok: boolean;
  readonly repeated?: boolean;
}

export async function runCommands(argv: readonly string[], program: string): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      commands: { type: "string", default: "1000" },
      seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    },
  });
  const count = Number(values.commands);
  const random = new SeededRandom(Number(values.seed));
  const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const directory = await mkdtemp(join(tmpdir(), "aiko-gateway-commands-"));
  const device = await Device.open(() => random.next() * 8);
  await using broker = await Broker.listen({ port: 0 });
  const results = new Map<number, Result[]>();
  await using commander = await connect(broker.url);
  await commander.subscribe("device/+/do/result", {
    qos: 1,
    onMessage: (message) => note(results, Number(message.topic.split("/")[1]), message.json() as Result),
  });
  const socket = join(directory, "admin");
  const configuration = join(directory, "gateway.toml");
  await writeFile(configuration, configurationText(directory, Number(new URL(broker.url).port), device.port, socket));
  const gateway = new GatewayProcess(program, configuration, socket);
  let kills = 0;
  let sent = 0;
  try {
    await gateway.start();
    const send = async (): Promise<void> => {
      while (sent < count) {
        if (sent - results.size >= WINDOW) await pause(1);
        else await commander.publish(`device/${++sent}/do`, "", { qos: 1 });
      }
    };
    const sending = send();
    for (
      const deadline = performance.now() + LAST + 500 * count;
      results.size < count && performance.now() < deadline;
    ) {
      await pause(5 + random.next() * 45);
      if (sent >= count && results.size >= count - WINDOW) continue; // the last ones undisturbed
      await gateway.end("SIGKILL");
      kills++;
      await gateway.start();
    }
    await sending;
    await pause(200); // results that say that a command was repeated
    await gateway.end("SIGTERM");
  } finally {
    await gateway.end("SIGKILL");
    device.close();
    await rm(directory, { recursive: true, force: true });
  }
  const numbers = Array.from({ length: sent }, (_, i) => i + 1);
  const twice = numbers.filter((number) => (device.carriedOut.get(number) ?? 0) > 1);
  const unsaid = twice.filter((number) => !results.get(number)?.some(({ repeated }) => repeated));
  const without = numbers.filter((number) => !results.has(number));
  const wrong = numbers.filter((number) => results.get(number)?.some(({ ok }) => ok) && !device.carriedOut.has(number));
  console.log(
    [
      `seed ${values.seed}, ${sent} commands, ${kills} kills`,
      `carried out twice                       ${twice.length}`,
      `carried out twice without being said so ${unsaid.length}`,
      `without a result                        ${without.length}`,
      `"ok" without being carried out          ${wrong.length}`,
    ].join("\n"),
  );
  const isRight = sent === count && unsaid.length === 0 && without.length === 0 && wrong.length === 0;
  console.log(isRight ? "every promise held" : "a promise was broken");
  return isRight ? 0 : 1;
}

function note(results: Map<number, Result[]>, number: number, result: Result): void {
  const found = results.get(number) ?? [];
  found.push(result);
  results.set(number, found);
}

function configurationText(directory: string, port: number, device: number, socket: string): string {
  return `
[gateway]
id = "chaos"
[uplink]
url = "mqtt://127.0.0.1:${port}"
reconnect = { min = "10ms", max = "200ms" }
[spool]
dir = ${JSON.stringify(join(directory, "spool"))}
[admin]
socket = ${JSON.stringify(socket)}
[[source]]
id = "lines"
kind = "tcp"
connect = "127.0.0.1:${device}"
decode = { format = "text", template = "done {n}" }
topic = "device/{n}/state"
[[source.command]]
topic = "device/{n}/do"
encode = { format = "text", template = "do {n}" }
answer = { match = { n = "{n}" }, timeout = "5s", retries = 0 }
result = "{topic}/result"
hold = true
`;
}
