/** The options that say what is published: a message, a file, nothing, or standard input. */

import { promises } from "node:fs";
import { payloadOf } from "../argument-bytes.js";
import { ArgumentError, type Arguments, type OptionTable } from "../arguments.js";
import { CommandError } from "../command.js";
import { allOf, LARGEST_PAYLOAD, standardInput } from "./input-lines.js";

export const payloadOptions = {
  message: { letters: "m", value: "MESSAGE", help: "publish MESSAGE", literal: true, mayBeEmpty: true },
  file: { letters: "f", value: "FILE", help: "publish the content of FILE as one message" },
  "null-message": { letters: "n", help: "publish an empty message" },
  "stdin-file": { letters: "s", help: "publish the whole standard input as one message" },
} satisfies OptionTable;

export type PayloadOption = keyof typeof payloadOptions;

/**
 * Returns the one of these options that was given.
 *
 * @throws ArgumentError if none was given, or several
 */
export function chosenOf<All extends string, Name extends All>(args: Arguments<All>, names: readonly Name[]): Name {
  const [first, second] = names.filter((name) => args.has(name));
  const all = names.map((name) => `--${name}`);
  if (first === undefined)
    throw new ArgumentError(`missing what to publish: ${all.slice(0, -1).join(", ")} or ${all.at(-1)}`);
  if (second !== undefined) throw new ArgumentError(`--${first} cannot be combined with --${second}`);
  return first;
}

/** @throws CommandError if the payload cannot be read */
export async function payloadFrom(source: PayloadOption, args: Arguments<PayloadOption>): Promise<string | Uint8Array> {
  if (source === "message") return payloadOf(args.required("message"));
  if (source === "null-message") return "";
  if (source === "stdin-file") return allOf(standardInput());
  const path = args.required("file");
  try {
    const file = await promises.open(path);
    try {
      const { size } = await file.stat();
      if (size > LARGEST_PAYLOAD) throw new Error(`it has ${size} bytes; a message can have ${LARGEST_PAYLOAD}`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new CommandError(`--file ${path}: ${(error as Error).message}`);
  }
}
