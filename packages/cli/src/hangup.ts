/**
 * Whether this process was started to outlive its terminal, as nohup starts one: with SIGHUP ignored. Knows where a system says so.
 *
 * Node sets each ignored signal back to its default before any program runs. So the process itself cannot know, and what nohup leaves
 * behind has to tell.
 */

import { readFileSync } from "node:fs";
import { isatty } from "node:tty";

/** What there is to look at. */
export interface Origin {
  /** `/proc/PID/status` of this process and of its parent; undefined on systems without that file. */
  readonly ownStatus: string | undefined;
  readonly parentStatus: string | undefined;
  /** `/proc/self/fdinfo/0`. */
  readonly standardInput: string | undefined;
  /** The variable `_`: the program that the shell started, in bash, ksh and zsh. */
  readonly launcher: string | undefined;
  /** Whether standard input, output or error is a terminal: nohup leaves none. */
  readonly hasTerminal: boolean;
}

export function isHangupIgnored({ ownStatus, parentStatus, standardInput, launcher, hasTerminal }: Origin): boolean {
  if (ignoresHangup(ownStatus) || ignoresHangup(parentStatus)) return true;
  if (hasTerminal) return false;
  return /(^|\/)nohup$/.test(launcher ?? "") || isWriteOnly(standardInput);
}

/**
 * SIGHUP is signal 1: the lowest bit of the mask.
 *
 * @param status a file `/proc/PID/status`
 */
export function ignoresHangup(status: string | undefined): boolean {
  return /^SigIgn:\s*[0-9a-f]*[13579bdf]$/m.test(status ?? "");
}

/** GNU's nohup gives a program that would read its terminal a standard input that cannot be read. */
function isWriteOnly(descriptor: string | undefined): boolean {
  return /^flags:\s*[0-7]*[15]$/m.test(descriptor ?? "");
}

/** The origin of this process. */
export function originOf({ env, ppid }: NodeJS.Process): Origin {
  return {
    ownStatus: textOf("/proc/self/status"),
    parentStatus: textOf(`/proc/${ppid}/status`),
    standardInput: textOf("/proc/self/fdinfo/0"),
    launcher: env["_"],
    hasTerminal: [0, 1, 2].some((fd) => isatty(fd)),
  };
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
