/**
 * Whether this process was started to outlive its terminal, as nohup does: with SIGHUP ignored. Knows where each system
 * shows that.
 *
 * Node resets each ignored signal to its default before any program runs. So the process itself cannot detect it, and
 * other traces of nohup must be used.
 */

import { readFileSync } from "node:fs";

/** The commands are bundled as CommonJS modules. */
declare const require: (id: "node:tty") => typeof import("node:tty");

/** What can be inspected. */
export interface Origin {
  /** `/proc/PID/status` of this process and of its parent; undefined on systems without that file. */
  readonly ownStatus: string | undefined;
  readonly parentStatus: string | undefined;
  /** `/proc/self/fdinfo/0`. */
  readonly standardInput: string | undefined;
  /** The environment variable `_`: the program that the shell started, in bash, ksh and zsh. */
  readonly launcher: string | undefined;
  /** Whether standard input, output or error is a terminal. With nohup, none is. */
  readonly hasTerminal: boolean;
}

export function isHangupIgnored(origin: Origin): boolean {
  const { ownStatus, parentStatus, standardInput, launcher } = origin;
  if (ignoresHangup(ownStatus) || ignoresHangup(parentStatus)) return true;
  return (/(^|\/)nohup$/.test(launcher ?? "") || isWriteOnly(standardInput)) && !origin.hasTerminal;
}

/**
 * Returns whether SIGHUP, which is signal 1 and so the lowest bit of the mask, is ignored.
 *
 * @param status the content of a file `/proc/PID/status`
 */
export function ignoresHangup(status: string | undefined): boolean {
  return /^SigIgn:\s*[0-9a-f]*[13579bdf]$/m.test(status ?? "");
}

/** GNU nohup gives a program that would read from its terminal an unreadable standard input. */
function isWriteOnly(descriptor: string | undefined): boolean {
  return /^flags:\s*[0-7]*[15]$/m.test(descriptor ?? "");
}

/** Returns the origin of this process. */
export function originOf({ env, ppid }: NodeJS.Process): Origin {
  return {
    ownStatus: textOf("/proc/self/status"),
    parentStatus: textOf(`/proc/${ppid}/status`),
    standardInput: textOf("/proc/self/fdinfo/0"),
    launcher: env["_"],
    get hasTerminal() {
      return [0, 1, 2].some((fd) => require("node:tty").isatty(fd)); // rarely needed, and slow to load
    },
  };
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
