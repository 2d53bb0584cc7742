// mqtt_subscribe on a real terminal, which socat provides: its output there, and its reaction when the terminal is
// closed.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@aiko/mqtt";
import { Broker, type BrokerEvents } from "@aiko/mqtt-broker";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Child, root } from "../fixtures/child.ts";

let broker: Broker;
let folder: string;
beforeAll(async () => {
  broker = await Broker.listen({ port: 0 });
  folder = await mkdtemp(join(tmpdir(), "aiko-mqtt-terminal-"));
});
afterAll(async () => {
  await broker.close();
  await rm(folder, { recursive: true, force: true });
});

/** mqtt_subscribe with its own terminal. @param line a shell command line that contains the command */
function onTerminal(args: readonly string[], line?: (command: string) => string): Promise<Child> {
  return commandOnTerminal("mqtt-subscribe", ["-p", String(broker.port), ...args], line);
}

/** A command with its own terminal, whose screen is the child's lines. When the child ends, the terminal is closed. */
async function commandOnTerminal(
  name: string,
  args: readonly string[],
  line = (command: string) => `exec ${command}`,
): Promise<Child> {
  const file = join(root, `packages/cli/dist/bin/${name}.cjs`);
  const words = [process.execPath, file, ...args].map((each) => `'${each}'`);
  const script = join(folder, "script");
  const alone = "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-"; // socat leaves its own descriptors open
  await writeFile(script, `${alone}\n${line(words.join(" "))}\n`);
  return new Child("socat", "socat", ["STDIO,ignoreeof", `EXEC:sh ${script},pty,stderr,setsid,ctty,rawer`]);
}

function once<Name extends "subscribed" | "disconnected">(name: Name, clientId: string): Promise<BrokerEvents[Name]> {
  return new Promise((resolve) => {
    broker.on(name, (event) => {
      if (event.clientId === clientId) resolve(event);
    });
  });
}

test("control characters of a message are escaped on a terminal, and passed on to a pipe", async () => {
  await using client = await connect(broker.url);
  await using screen = await onTerminal(["-d", "-t", "screen/#"]);
  await using piped = await Child.subscriber(["-p", String(broker.port), "-t", "screen/#"]);
  await screen.said("debug: subscribed");
  await client.publish("screen/\u001b[31m", "\u001b]0;title\u0007 ü");
  expect(await screen.said("Topic:")).toBe("Topic: screen/\\x1b[31m, message: '\\x1b]0;title\\x07 ü'");
  expect(await piped.said("Topic:")).toBe("Topic: screen/\u001b[31m, message: '\u001b]0;title\u0007 ü'");
});

const will = ["-w", "terminal/will", "--will_message", "gone"];

test("mqtt_subscribe disconnects when its terminal is closed", async () => {
  await using client = await connect(broker.url);
  const wills: string[] = [];
  await client.subscribe("terminal/will", { onMessage: (message) => void wills.push(message.text()) });
  const [subscribed, disconnected] = [once("subscribed", "brief"), once("disconnected", "brief")];
  await using screen = await onTerminal(["-i", "brief", "-t", "a", ...will]);
  await subscribed;
  screen.kill("SIGKILL");
  await disconnected;
  await client.publish("terminal/will", "last", { qos: 1 });
  await expect.poll(() => wills).toEqual(["last"]);
});

test("mqtt_subscribe continues under nohup when its terminal is closed", async () => {
  await using client = await connect(broker.url);
  const [subscribed, disconnected] = [once("subscribed", "lasting"), once("disconnected", "lasting")];
  const output = join(folder, "output");
  const line = (command: string) => `nohup ${command} </dev/tty >${output} 2>&1 &\nwait`;
  await using screen = await onTerminal(["-i", "lasting", "-t", "in"], line);
  await subscribed;
  screen.kill("SIGKILL");
  await screen.ended();
  await client.publish("in", "still here");
  await expect.poll(() => readFile(output, "utf8")).toBe("nohup: ignoring input\nTopic: in, message: 'still here'\n");
  await using rival = await connect(broker.url, { clientId: "lasting", reconnect: false });
  await disconnected;
  await rival.disconnect();
});

test("aiko-mqtt broker ends when its terminal is closed", async () => {
  await using screen = await commandOnTerminal("aiko-mqtt", ["broker", "-p", "0"]);
  const url = (await screen.said("listening on")).replace("listening on ", "").trim();
  await using client = await connect(url, { reconnect: false });
  const gone = client.waitFor("disconnected");
  screen.kill("SIGKILL");
  await gone;
});
