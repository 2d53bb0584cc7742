// @ts-check
// The commands that a demonstration runs: each is a process whose lines are shown as they come. Nothing takes longer than the deadline.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Milliseconds. */
const DEADLINE = 300_000;
const started = performance.now();
const colours = process.stdout.isTTY && !process.env["NO_COLOR"] ? [36, 32, 33, 35] : [];

/** A command's output and exit code; the output is shown immediately. */
export class Command {
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
    const path = fileURLToPath(new URL(`../../packages/cli/dist/bin/${bin}.cjs`, import.meta.url));
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
const LABEL_WIDTH = "mqtt_subscribe".length;

/**
 * @param {string} label
 * @param {string} line
 */
export function show(label, line) {
  if (!labels.includes(label)) labels.push(label);
  const colour = colours[labels.indexOf(label) % colours.length];
  const prefix = label.padEnd(LABEL_WIDTH);
  console.log(`${colour === undefined ? prefix : `\x1b[${colour}m${prefix}\x1b[0m`} | ${line}`);
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {string} complaint
 * @returns {Promise<T>}
 */
export async function inTime(promise, complaint) {
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

/**
 * Runs a demonstration, and ends the process if it fails. Ends all commands with it.
 *
 * @param {() => Promise<string>} run resolves to what is printed at the end
 */
export async function demonstrate(run) {
  process.on("exit", () => {
    for (const { child } of Command.running) child.kill("SIGKILL");
  });
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  try {
    const last = await run();
    console.log(`\n${last}: ${Math.round(performance.now() - started)} ms.`);
  } catch (error) {
    console.error(`demo: ${error instanceof Error ? error.message : error}`);
    process.exit(1);
  }
}
