// @ts-check
// Shows the gateway: a device sends lines over TCP, the gateway makes messages of them, and is killed in between. Nothing that it acknowledged is
// lost. Runs on the embedded broker, and ends by itself.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, demonstrate, inTime, show } from "./demo/command.js";

const LINES = 12;
/** The gateway is killed after this line. */
const KILLED_AFTER = 6;

/** @param {string} directory @param {string} broker */
const configuration = (directory, broker) => `
[gateway]
id = "attic"

[uplink]
url = "${broker}"

[spool]
dir = ${JSON.stringify(join(directory, "spool"))}

[[source]]
id = "sensors"
kind = "tcp-server"
listen = "127.0.0.1:0"
frame = "line"
decode = { format = "csv", fields = ["node", "celsius:f32"] }
topic = "house/{node}"
acknowledge = "ok\\n"
refuse = "no: {reason}\\n"
`;

/**
 * A device sends a line and waits for its acknowledgement. Resolves to the answer, or to undefined if the connection is lost.
 *
 * @param {number} port @param {string} line
 * @returns {Promise<string | undefined>}
 */
function send(port, line) {
  return new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1", () => socket.write(`${line}\n`));
    let answer = "";
    socket.on("data", (bytes) => {
      answer += bytes;
      if (answer.endsWith("\n")) socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer.endsWith("\n") ? answer.trim() : undefined));
  });
}

/** @param {string} file */
async function startGateway(file) {
  const gateway = new Command("gateway", "aiko-mqtt", ["gateway", "--config", file]);
  await gateway.said("source=sensors");
  const port = /source=sensors url=tcp:\/\/127\.0\.0\.1:(\d+)/.exec(gateway.lines.join("\n"))?.[1];
  return { gateway, port: Number(port) };
}

await demonstrate(async () => {
  const directory = await mkdtemp(join(tmpdir(), "aiko-gateway-"));
  try {
    const broker = new Command("broker", "aiko-mqtt", ["broker", "--port", "0"]);
    await broker.said("listening on ");
    const url = /mqtt:\S+/.exec(broker.lines.join("\n"))?.[0] ?? "";
    const subscriber = new Command("mqtt_subscribe", "mqtt-subscribe", ["--url", url, "-d", "-t", "house/#"]);
    await subscriber.said("debug: subscribed");
    const file = join(directory, "gateway.toml");
    await writeFile(file, configuration(directory, url));
    let { gateway, port } = await startGateway(file);

    show("device", "a line that is not valid: hello");
    show("device", `answer: ${await inTime(send(port, "hello"), "no answer")}`);
    for (let i = 1; i <= LINES; i++) {
      const line = `${i % 2 ? "kitchen" : "attic"},${20 + i / 10}`;
      let answer = await inTime(send(port, line), "no answer");
      while (answer === undefined) {
        show("device", `${line} was not acknowledged; the device repeats it`);
        answer = await inTime(send(port, line), "no answer");
      }
      show("device", `${line} → ${answer}`);
      if (i !== KILLED_AFTER) continue;
      show("demo", "the gateway is killed with SIGKILL, and started again");
      gateway.child.kill("SIGKILL");
      await gateway.end;
      ({ gateway, port } = await startGateway(file));
    }
    for (let i = 1; i <= LINES; i++) await subscriber.said(`"celsius":${20 + i / 10}`);
    await subscriber.interrupt();
    await gateway.interrupt();
    const account = new Command("spool ls", "aiko-mqtt", ["gateway", "spool", "ls", "--config", file]);
    await account.ended();
    await broker.interrupt();
    const [, spooled, came, out, decode] =
      /spooled (\d+), in (\d+), out (\d+).*decode (\d+)/.exec(account.lines.join("\n")) ?? [];
    if (Number(came) !== Number(out) + Number(spooled) + Number(decode))
      throw new Error("in = out + spooled + dropped does not hold");
    return `in ${came} = out ${out} + spooled ${spooled} + dropped ${decode}. Every acknowledged line arrived`;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
