/** The options `-W SECONDS`, which ends a command after a time, whatever it waits for, and `--quiet`. */

import { platform } from "@aiko/mqtt";
import { ArgumentError, type Arguments } from "../arguments.js";
import { CommandError } from "../command.js";
import { QuietTerminal, StoppableTerminal, type Terminal } from "../terminal.js";

/** The exit code of mosquitto's clients. */
export const TIMED_OUT = 27;
const MOST_SECONDS = 2_147_483;

/**
 * Runs a command. Its terminal stops it when the time is over, and has no notes if it is quiet.
 *
 * @throws ArgumentError; CommandError with the exit code `TIMED_OUT`
 */
export async function withinTimeout(
  args: Arguments<"timeout" | "quiet">,
  whole: Terminal,
  run: (terminal: Terminal) => Promise<void>,
): Promise<void> {
  const seconds = args.text("timeout");
  const terminal = args.has("quiet") ? new QuietTerminal(whole) : whole;
  if (seconds === undefined) return run(terminal);
  const isNumber = /^\d+(\.\d+)?$/.test(seconds);
  if (!isNumber || Number(seconds) <= 0 || Number(seconds) > MOST_SECONDS)
    throw new ArgumentError(
      `--timeout ${seconds}: must be a number of seconds, greater than 0 and at most ${MOST_SECONDS}`,
    );
  const limited = new StoppableTerminal(terminal);
  let isOver = false;
  const timer = platform.clock.schedule(Number(seconds) * 1_000, () => {
    isOver = true;
    limited.end();
  });
  try {
    await run(limited);
  } catch (error) {
    if (!isOver) throw error;
  } finally {
    timer.cancel();
  }
  if (isOver) throw new CommandError(`timed out after ${seconds} s`, TIMED_OUT);
}
