/** The exit codes of mosquitto's clients: a refusal of the server ends the command with its reason code. */

import { RefusedError } from "@aiko/mqtt";
import { CommandError } from "../command.js";
import { inOptionWords } from "../option-words.js";

/** Runs a command. @throws CommandError with the reason code, if the server refused something */
export async function withReasonCodes(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    throw new CommandError(inOptionWords(error), error.reasonCode);
  }
}
