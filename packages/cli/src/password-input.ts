/**
 * Reads a new password: from a terminal, without showing it, or the first line of a pipe or a file. Knows nothing of
 * users and files of users.
 */

import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { CommandError } from "./command.js";

/** Standard input, as `process.stdin`. */
export type PasswordSource = NodeJS.ReadableStream & AsyncIterable<Uint8Array | string> & { readonly isTTY?: boolean };

/** The most bytes of a password in CONNECT. */
const LONGEST = 65_535;
/** The exit code of a command that ^C ended. */
const INTERRUPTED = 130;
const LINE_FEED = 0x0a;

/**
 * Resolves to the password. On a terminal, it has to be typed twice.
 *
 * @param screen where the questions are written
 * @throws CommandError if there is no password, or if the two differ
 */
export async function readNewPassword(source: PasswordSource, screen: NodeJS.WritableStream): Promise<Uint8Array> {
  const password = source.isTTY === true ? await typedTwice(source, screen) : await firstLine(source);
  if (password.length === 0) throw new CommandError("the password must not be empty");
  if (password.length > LONGEST)
    throw new CommandError(`the password is longer than ${LONGEST} bytes, the limit of MQTT`);
  return password;
}

async function typedTwice(source: PasswordSource, screen: NodeJS.WritableStream): Promise<Uint8Array> {
  const answers: string[] = [];
  for (const question of ["Password: ", "Repeat the password: "]) answers.push(await typed(question, source, screen));
  if (answers[0] !== answers[1]) throw new CommandError("the two passwords differ; nothing was changed");
  return Buffer.from(answers[0] ?? "");
}

function typed(question: string, source: PasswordSource, screen: NodeJS.WritableStream): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: source, output: nowhere, terminal: true, historySize: 0 });
  screen.write(question);
  return new Promise((resolve, reject) => {
    const end = (): void => {
      lines.removeAllListeners();
      lines.close();
      screen.write("\n");
    };
    lines.once("line", (line) => {
      end();
      resolve(line);
    });
    lines.once("close", () => {
      end();
      reject(new CommandError("no password was typed; nothing was changed", INTERRUPTED));
    });
  });
}

/** Without its end of line. Stops reading when it is too long. */
async function firstLine(source: PasswordSource): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of source) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    const end = bytes.indexOf(LINE_FEED);
    chunks.push(end < 0 ? bytes : bytes.subarray(0, end));
    length += bytes.length;
    if (end >= 0 || length > LONGEST + 2) break;
  }
  const line = Buffer.concat(chunks);
  return line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
}
