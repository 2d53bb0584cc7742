/** A command that runs as a process group of its own, so that nothing of it outlives it. Knows nothing of what it prints. */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import process from "node:process";
import type { Readable, Writable } from "node:stream";
import type { Clock } from "@aiko/mqtt";
import type { Log } from "@aiko/mqtt-configuration";
import type { ExecSettings } from "../configuration/configuration.js";
import { CommandReport } from "./command-report.js";
import type { RunningCommand } from "./running-command.js";

/** Milliseconds between SIGTERM and SIGKILL. */
const GRACE = 500;
/** Milliseconds in which what a command printed must have been read after its end: its children may hold its output open for ever. */
const LAST_OUTPUT = 500;

export class Child implements RunningCommand {
  /** What it prints. Destroyed at the latest when the command has ended. */
  readonly output: Readable;
  readonly input: Writable;
  /** Resolves when the command has ended and its output is closed: to what happened, or to undefined if the exit code is 0. */
  readonly ended: Promise<string | undefined>;
  private readonly child: ChildProcessWithoutNullStreams;
  private hasExited = false;
  private isKilled = false;
  /** Whether nothing of the process group is left. Its number may be that of another group from then on. */
  private isGroupGone = false;

  constructor(
    settings: ExecSettings,
    private readonly clock: Clock,
    log: Log,
  ) {
    const { run, cwd, env, id } = settings;
    const report = new CommandReport(id, clock, log);
    const [file = "", ...args] = run;
    this.child = spawn(file, args, { cwd, env: { ...process.env, ...env }, detached: true, stdio: "pipe" });
    const { stdout, stdin, stderr } = this.child;
    this.output = stdout;
    this.input = stdin;
    stdin.on("error", () => {}); // the command does not read any more
    stderr.setEncoding("utf8").on("data", (text: string) => report.push(text));
    this.ended = new Promise((resolve) => {
      let why: string | undefined;
      this.child.on("error", (error) => resolve(error.message));
      this.child.on("exit", (code, signal) => {
        if (signal !== null) why = `the command was ended by ${signal}`;
        else if (code !== 0) why = `the command ended with the exit code ${code}`;
        this.hasExited = true;
        this.signal("SIGTERM"); // what it has started
        this.finish(false);
      });
      this.child.on("close", () => {
        report.end();
        resolve(why);
      });
    });
  }

  /** Ends the command and all that it has started. */
  async kill(): Promise<void> {
    this.isKilled = true;
    if (!this.hasExited) this.signal("SIGTERM");
    const timer = this.clock.schedule(GRACE, () => this.signal("SIGKILL"));
    await this.ended;
    timer.cancel();
  }

  /** Ends what the command has left behind. What it printed is read before, unless it is killed. @param wasRead whether its output was read at the last look */
  private finish(wasRead: boolean): void {
    const { stdout, stderr, stdin } = this.child;
    const timer = this.clock.schedule(LAST_OUTPUT, () => {
      this.signal("SIGKILL");
      const isRead = !stdout.isPaused();
      if (!this.isKilled && !(isRead && wasRead)) this.finish(isRead);
      else for (const stream of [stdout, stderr, stdin]) stream.destroy();
    });
    this.child.on("close", () => timer.cancel());
  }

  private signal(name: "SIGTERM" | "SIGKILL"): void {
    const { pid } = this.child;
    if (pid === undefined || this.isGroupGone) return; // undefined: it was never started
    try {
      process.kill(-pid, name);
      if (name === "SIGKILL") this.isGroupGone = this.hasExited;
    } catch {
      this.isGroupGone = this.hasExited;
    }
  }
}
