/** The process that `sub --exec` starts for a message. Knows nothing of attempts and acknowledgements. */

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import type { AbortSignalLike, Message } from "@aiko/mqtt";
import type { Failure } from "./execution.js";
import { openInput } from "./input-file.js";
import { exactText } from "./message-json.js";

export interface ProcessSettings {
  /** The command, as sh reads it. */
  readonly command: string;
  /** Whether topic and payload are the arguments `$1` and `$2`. Otherwise the payload is on standard input. */
  readonly hasArguments: boolean;
  /** Milliseconds after which the process is killed. */
  readonly timeout: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Milliseconds between SIGTERM and SIGKILL. */
const GRACE = 5_000;

/**
 * Runs the command for a message. Nothing of the message is part of the command's text, so a message cannot inject
 * another command.
 *
 * @param payload what the command receives: the payload, or the printed message
 * @param attempt counts from 1
 * @returns undefined if the exit code is 0
 */
export function runFor(
  message: Message,
  payload: Uint8Array,
  attempt: number,
  settings: ProcessSettings,
  abandoned: AbortSignalLike,
): Promise<Failure | undefined> {
  const { command, hasArguments, environment, timeout } = settings;
  const text = hasArguments ? exactText(payload) : "";
  if (text === undefined || text.includes("\0"))
    return failed("the payload is not text, and cannot be an argument", true);
  const more = hasArguments ? ["sh", message.topic, text] : [];
  let input: number | undefined;
  try {
    if (!hasArguments) input = openInput(payload);
    const child = spawn("sh", ["-c", command, ...more], {
      stdio: [input ?? "ignore", "inherit", "inherit"],
      env: { ...environment, ...variablesOf(message, attempt) },
      detached: true, // ^C at the terminal lets it finish, and a timeout ends all of its processes
    });
    return outcomeOf(child, timeout, abandoned);
  } catch (error) {
    return failed(startProblem(error as NodeJS.ErrnoException), isTooLong(error as NodeJS.ErrnoException));
  } finally {
    if (input !== undefined) closeSync(input); // the process has its own
  }
}

function outcomeOf(child: ChildProcess, timeout: number, abandoned: AbortSignalLike): Promise<Failure | undefined> {
  return new Promise((resolve) => {
    let isLate = false;
    let killing: NodeJS.Timeout | undefined;
    const end = (): void => {
      killAll(child, "SIGTERM");
      killing ??= setTimeout(() => killAll(child, "SIGKILL"), GRACE);
    };
    const timer = setTimeout(() => {
      isLate = true;
      end();
    }, timeout);
    const done = (failure: Failure | undefined): void => {
      clearTimeout(timer);
      clearTimeout(killing);
      resolve(failure);
    };
    abandoned.addEventListener("abort", end);
    child.once("error", (error: NodeJS.ErrnoException) => {
      done({ problem: startProblem(error), isFinal: isTooLong(error) });
    });
    child.once("exit", (code, signal) => {
      abandoned.removeEventListener("abort", end);
      if (code === 0) done(undefined);
      else done({ problem: exitProblem(code, signal, isLate ? timeout : undefined), isFinal: false });
    });
  });
}

function failed(problem: string, isFinal: boolean): Promise<Failure> {
  return Promise.resolve({ problem, isFinal });
}

function startProblem({ code, message }: NodeJS.ErrnoException): string {
  return code === "E2BIG" ? "the message is too long for an argument" : `the command did not start: ${message}`;
}

function isTooLong({ code }: NodeJS.ErrnoException): boolean {
  return code === "E2BIG";
}

function exitProblem(code: number | null, signal: string | null, timeout: number | undefined): string {
  if (timeout !== undefined) return `the command did not end within ${timeout / 1_000} s`;
  return code === null ? `the command was ended by ${signal}` : `the command ended with exit code ${code}`;
}

/** Its own process group: the shell, and what it has started. */
function killAll({ pid }: ChildProcess, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

/** Variables that are not options of a command: an `aiko-mqtt pub` in the command must not read them. */
function variablesOf({ topic, qos, retain, dup, properties }: Message, attempt: number): Record<string, string> {
  const { contentType, responseTopic, correlationData } = properties;
  return {
    MESSAGE_TOPIC: topic,
    MESSAGE_QOS: `${qos}`,
    MESSAGE_RETAIN: `${Number(retain)}`,
    MESSAGE_DUP: `${Number(dup)}`,
    MESSAGE_ATTEMPT: `${attempt}`,
    MESSAGE_CONTENT_TYPE: contentType ?? "",
    MESSAGE_RESPONSE_TOPIC: responseTopic ?? "",
    MESSAGE_CORRELATION_DATA: correlationData === undefined ? "" : Buffer.from(correlationData).toString("base64"),
  };
}
