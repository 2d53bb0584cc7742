// The environment of a run: the servers, each started at its first use, and the peer in C, if it can be built on this machine.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import {
  figuresOf,
  freePort,
  has,
  pidOf,
  program,
  serve,
  serveAt,
  stopServer,
  stopServers,
  timeOf,
} from "./children.js";
import { summary } from "./result.js";

const here = import.meta.dirname;

/** @typedef {"aiko" | "aedes" | "mosquitto" | "raw"} BrokerName */

export class Place {
  #folder = mkdtempSync(join(tmpdir(), "aiko-bench-"));
  /** On the disk of the bench, because the directory for temporary files may be in memory. */
  #disk = mkdtempSync(join(here, "session-"));
  /**
   * The ports of the started servers, by name.
   *
   * @type {Map<string, Promise<number>>}
   */
  #ports = new Map();
  /** @type {string | undefined} */
  #libmosquitto;
  /** @type {string | undefined} */
  #load;

  /** @param {number} scale the factor for all counts */
  constructor(scale) {
    this.scale = scale;
  }

  /** @param {number} count @param {number} [least] the minimum of the scaled count */
  count(count, least = 1) {
    return Math.max(least, Math.round(count * this.scale));
  }

  /** Returns the port of the counting endpoint. */
  endpoint() {
    return this.#once("endpoint", async () => Number(await serve(this.#compile("endpoint"), [])));
  }

  /** Returns the port of a real mosquitto whose queues have no limit. */
  mosquitto() {
    return this.#once("mosquitto", () => this.#startMosquitto());
  }

  /**
   * Runs native/load.c against a new broker. ../native/load.c describes `work`.
   *
   * @param {BrokerName} broker
   * @param {string} work
   * @param {{ hostile?: number, collecting?: boolean, stored?: boolean }} [options] `hostile`: this number of hostile clients attacks at
   * the same time; `collecting`: the broker collects garbage regularly, so that its memory at rest can be measured; `stored`: it keeps its
   * sessions on the disk
   */
  async load(broker, work, { hostile = 0, collecting = false, stored = false } = {}) {
    this.#load ??= this.#compile("load");
    const file = join(here, "programs/broker.js");
    const directory = stored ? this.directory() : undefined;
    const args = [
      ...(collecting ? ["--expose-gc"] : []),
      file,
      JSON.stringify({ broker, collecting, attacked: hostile > 0, directory }),
    ];
    const port =
      broker === "mosquitto"
        ? await this.#startMosquitto(directory)
        : Number(await serve(process.execPath, args, "broker"));
    const pid = pidOf(broker === "mosquitto" ? port : "broker");
    try {
      if (hostile > 0) {
        const settings = JSON.stringify({ port, count: hostile });
        await serve(process.execPath, [join(here, "programs/hostile.js"), settings], "hostile");
      }
      return /** @type {import("./case.ts").Figures} */ (
        await figuresOf(this.#load, [String(port), String(pid), work])
      );
    } finally {
      stopServer("hostile");
      stopServer(broker === "mosquitto" ? port : "broker");
      if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
    }
  }

  /**
   * Runs one of programs/ against the endpoint, or against the port in the settings.
   *
   * @template {import("./programs/interface.ts").ProgramName} Name
   * @param {Name} name
   * @param {import("./programs/interface.ts").Given<Name>} settings
   * @param {string[]} [nodeOptions]
   */
  async program(name, settings, nodeOptions = []) {
    return program(name, { port: await this.endpoint(), ...settings }, nodeOptions);
  }

  /**
   * Runs libmosquitto against the endpoint, or against the given port.
   *
   * @param {{ direction: string, qos: number, count: number, size: number, port?: number }} load
   */
  async libmosquitto({ direction, qos, count, size, port }) {
    this.#libmosquitto ??= this.#compile("mosquitto-client", "-lmosquitto");
    const work = `${direction}/${qos}/${count}/${size}`;
    const figures = await figuresOf(this.#libmosquitto, [work, String(port ?? (await this.endpoint()))]);
    return /** @type {{ rate: number, processor: number }} */ (figures);
  }

  /** Creates a directory on a disk. */
  directory() {
    return mkdtempSync(join(this.#disk, "store-"));
  }

  /** Returns the milliseconds that a command takes: the median of seven runs. @param {string} file @param {string[]} args */
  async duration(file, args) {
    const samples = [];
    for (let i = 0; i < 7; i++) samples.push(await timeOf(file, args));
    return summary(samples).median;
  }

  close() {
    stopServers();
    for (const folder of [this.#folder, this.#disk]) rmSync(folder, { recursive: true, force: true });
  }

  /** @param {string} [directory] where it keeps its sessions */
  async #startMosquitto(directory) {
    if (!has("mosquitto")) throw new Error("mosquitto is not installed");
    const port = await freePort();
    const file = join(this.#folder, `mosquitto-${port}.conf`);
    // As root, mosquitto would switch to the user "mosquitto", which cannot read our folder.
    const lines = [`user ${userInfo().username}`, `listener ${port} 127.0.0.1`, "allow_anonymous true"];
    lines.push("log_type none", "max_queued_messages 0", "max_inflight_messages 0");
    if (directory === undefined) lines.push("persistence false", "");
    else lines.push("persistence true", `persistence_location ${directory}/`, "autosave_interval 1", "");
    writeFileSync(file, lines.join("\n"));
    await serveAt(port, "mosquitto", ["-c", file]);
    return port;
  }

  /** @param {string} name @param {() => Promise<number>} start */
  #once(name, start) {
    const port = this.#ports.get(name) ?? start();
    this.#ports.set(name, port);
    return port;
  }

  /** @param {string} name @param {string[]} libraries */
  #compile(name, ...libraries) {
    const binary = join(this.#folder, name);
    const args = ["-O2", "-o", binary, join(here, "native", `${name}.c`), ...libraries];
    try {
      execFileSync("cc", args, { stdio: "pipe" });
    } catch {
      const needs = libraries.length === 0 ? "a C compiler" : "its headers (Debian: libmosquitto-dev)";
      throw new Error(`not built: needs ${needs}`);
    }
    return binary;
  }
}
