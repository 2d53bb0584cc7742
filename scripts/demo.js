// @ts-check
// Shows messages: runs mqtt_subscribe, mqtt_test and mqtt_publish with the embedded broker, or with another server (`--
// --broker mqtt://host:port`), prints their lines immediately, and ends by itself.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

/** Milliseconds. */
const DEADLINE = 300_000;
const started = performance.now();
const colours = process.stdout.isTTY && !process.env["NO_COLOR"] ? [36, 32, 33, 35] : [];

/** A command's output and exit code; the output is shown immediately. */
class Command {
  /** @type {Set<Command>} */
  static running = new Set();

  /**
   * @param {string} label
   * @param {string} bin the file, without its extension
   * @param {string[]} args
   */
  constructor(label, bin, args) {
    this.label = label;
    /** @type {string[]} */
    this.lines = [];
    /** @type {Set<() => void>} */
    this.watchers = new Set();
    const path = fileURLToPath(new URL(`../packages/cli/dist/bin/${bin}.cjs`, import.meta.url));
    this.child = spawn(process.execPath, [path, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    Command.running.add(this);
    createInterface({ input: this.child.stdout }).on("line", (line) => this.heard(line));
    createInterface({ input: this.child.stderr }).on("line", (line) => this.heard(line));
    /** @type {Promise<string>} */
    this.end = new Promise((resolve) => {
      this.child.once("error", (error) => resolve(error.message));
      this.child.once("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    this.end.then(() => Command.running.delete(this));
  }

  /** @param {string} line */
  heard(line) {
    this.lines.push(line);
    for (const watcher of this.watchers) watcher();
    if (!line.includes(": debug: ")) show(this.label, line);
  }

  /**
   * Resolves when the command has printed `text` this many times.
   *
   * @param {string} text
   */
  async said(text, times = 1) {
    const found = new Promise((resolve) => {
      const look = () => {
        if (this.lines.filter((line) => line.includes(text)).length >= times) resolve(undefined);
      };
      this.watchers.add(look);
      look();
    });
    const gone = this.end.then((how) =>
      Promise.reject(new Error(`${this.label} ended (${how}) before it printed: ${text}`)),
    );
    await inTime(Promise.race([found, gone]), `${this.label} has not printed: ${text}`);
  }

  async ended() {
    const how = await inTime(this.end, `${this.label} did not end`);
    if (how !== "exit code 0") throw new Error(`${this.label} ended with ${how}`);
  }

  async interrupt() {
    this.child.kill("SIGINT");
    await this.ended();
  }
}

/** @type {string[]} */
const labels = [];

/**
 * @param {string} label
 * @param {string} line
 */
function show(label, line) {
  if (!labels.includes(label)) labels.push(label);
  const colour = colours[labels.indexOf(label) % colours.length];
  const prefix = label.padEnd("mqtt_subscribe".length);
  console.log(`${colour === undefined ? prefix : `\x1b[${colour}m${prefix}\x1b[0m`} | ${line}`);
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {string} complaint
 * @returns {Promise<T>}
 */
async function inTime(promise, complaint) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    const left = Math.max(0, started + DEADLINE - performance.now());
    timer = setTimeout(() => reject(new Error(`${complaint} within ${DEADLINE / 1000} s`)), left);
  });
  try {
    return await Promise.race([promise, /** @type {Promise<never>} */ (late)]);
  } finally {
    clearTimeout(timer);
  }
}

/** @param {string | undefined} url the server to use instead of the embedded broker */
async function demo(url) {
  /** @type {Command | undefined} */
  let broker;
  if (url === undefined) {
    broker = new Command("broker", "aiko-mqtt", ["broker", "--port", "0"]);
    await broker.said("listening on ");
    url = /mqtt:\S+/.exec(broker.lines.join("\n"))?.[0] ?? "";
  }
  const server = ["--url", url];
  const subscriber = new Command("mqtt_subscribe", "mqtt-subscribe", [...server, "-d", "-t", "test/1", "-t", "test/2"]);
  await subscriber.said("debug: subscribed");
  const tester = new Command("mqtt_test", "mqtt-test", server);
  await subscriber.said("Topic: test/1, message: 'test message'");

  /** @type {(topic: string, message: string) => Promise<void>} */
  const publish = async (topic, message) => {
    show("mqtt_publish", `-t ${topic} -m "${message}"`);
    await new Command("mqtt_publish", "mqtt-publish", [...server, "-t", topic, "-m", message]).ended();
    await subscriber.said(`Topic: ${topic}, message: '${message}'`);
  };
  await publish("test/1", "hello from mqtt_publish");
  await subscriber.said("Topic: test/1, message: 'test message'", 2);
  await publish("test/2", "hello, mqtt_test");
  await tester.said("Topic: test/2, message: 'hello, mqtt_test'");
  await publish("test/2", "quit");
  await tester.ended();
  await subscriber.interrupt();
  await broker?.interrupt();
}

process.on("exit", () => {
  for (const { child } of Command.running) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

try {
  const { values } = parseArgs({ options: { broker: { type: "string" } } });
  await demo(values.broker);
  console.log(
    `\nEvery message arrived, and every command ended by itself: ${Math.round(performance.now() - started)} ms.`,
  );
} catch (error) {
  console.error(`demo: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}
