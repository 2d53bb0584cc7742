/**
 * A command that the source "exec" has started. Only the process itself can be ended, not what it has started: `os` has no process groups. Knows
 * nothing of what it prints.
 */

import * as os from "qjs:os";
import { getenviron, strerror } from "qjs:std";
import type { Clock } from "@aiko/mqtt";
import type { Log } from "@aiko/mqtt-configuration";
import { CommandReport, type ExecSettings, type RunningCommand } from "@aiko/mqtt-gateway/machine";
import { SIGKILL } from "../way-process.js";
import { DescriptorInput } from "./descriptor-input.js";
import { DescriptorOutput } from "./descriptor-output.js";

/** Milliseconds between SIGTERM and SIGKILL. */
const GRACE = 500;
/** Milliseconds in which what a command printed must be read after its end: its children may hold its output open for ever. */
const LAST_OUTPUT = 500;
/** Milliseconds between two looks whether it has ended. */
const LOOK = 250;
/** The exit code of a process that could not execute the command. */
const NOT_FOUND = 127;

export class StartedCommand implements RunningCommand {
  readonly output: DescriptorInput;
  readonly input: DescriptorOutput;
  readonly ended: Promise<string | undefined>;
  private readonly pid: number;
  private hasExited = false;

  /** @throws Error if no descriptors or processes are left, or if the directory does not exist */
  constructor(
    settings: ExecSettings,
    private readonly clock: Clock,
    log: Log,
  ) {
    const { run, cwd, env, id } = settings;
    if (cwd !== undefined && os.stat(cwd)[0] === null) throw new Error(`the directory ${cwd} does not exist`);
    const pipes = [os.pipe(), os.pipe(), os.pipe()] as const;
    const [stdin, stdout, stderr] = pipes;
    if (stdin === null || stdout === null || stderr === null) {
      for (const fd of pipes.flatMap((pipe) => pipe ?? [])) os.close(fd);
      throw new Error("no file descriptors are available");
    }
    const theirs = { stdin: stdin[0], stdout: stdout[1], stderr: stderr[1] };
    const pid = os.exec(run, {
      block: false,
      ...theirs,
      env: { ...getenviron(), ...env },
      ...(cwd === undefined ? {} : { cwd }),
    });
    for (const fd of Object.values(theirs)) os.close(fd);
    this.pid = pid;
    this.input = new DescriptorOutput(stdin[1]);
    this.output = new DescriptorInput(stdout[0]);
    const report = new CommandReport(id, clock, log);
    const complaints = new DescriptorInput(stderr[0]);
    complaints.on("data", (bytes: Uint8Array) => report.push(textOf(bytes)));
    complaints.on("close", () => report.end());
    this.ended = this.awaitEnd(complaints);
    if (pid < 0) throw new Error(`the command cannot be started: ${strerror(-pid)}`);
  }

  async kill(): Promise<void> {
    if (!this.hasExited) os.kill(this.pid, os.SIGTERM);
    const timer = this.clock.schedule(GRACE, () => {
      if (!this.hasExited) os.kill(this.pid, SIGKILL);
      this.output.destroy();
    });
    await this.ended;
    timer.cancel();
  }

  private async awaitEnd(complaints: DescriptorInput): Promise<string | undefined> {
    const status = await this.exited();
    if (!this.output.destroyed) {
      await new Promise<void>((resolve) => {
        const timer = this.clock.schedule(LAST_OUTPUT, resolve);
        this.output.on("close", () => {
          timer.cancel();
          resolve();
        });
      });
    }
    for (const stream of [this.output, this.input, complaints]) stream.destroy();
    return meaningOf(status);
  }

  /** Resolves to the status of the process. */
  private exited(): Promise<number> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.hasExited) return;
        const [pid, status] = os.waitpid(this.pid, os.WNOHANG);
        if (pid === 0) {
          this.clock.schedule(LOOK, look);
          return;
        }
        this.hasExited = true;
        resolve(pid === this.pid ? status : 0);
      };
      look();
      this.output.on("close", look);
    });
  }
}

/** Returns what happened; undefined if the exit code is 0. */
function meaningOf(status: number): string | undefined {
  const signal = status & 0x7f;
  if (signal !== 0) return `the command was ended by the signal ${signal}`;
  const code = status >> 8;
  if (code === NOT_FOUND) return "the command cannot be run: the program does not exist, or may not be run";
  return code === 0 ? undefined : `the command ended with the exit code ${code}`;
}

/** Bytes that are not ASCII are shown as they are in Latin-1. */
function textOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
