/** `aiko-mqtt broker passwd`: sets or removes the password of a user in a password file of the broker. */

import {
  assertUserName,
  changePasswordFile,
  createPasswordFile,
  hashPassword,
  readPasswordFile,
} from "@aiko/mqtt-broker/service";
import { ArgumentError, type Arguments, type OptionTable } from "../arguments.js";
import type { Command } from "../command.js";
import { readNewPassword } from "../password-input.js";
import type { Terminal } from "../terminal.js";

const options = {
  create: { letters: "c", help: "create the file; it must not exist" },
  delete: { letters: "D", help: "remove the user" },
} satisfies OptionTable;

export const brokerPasswd: Command = {
  usage: "[-c | -D] FILE USER",
  summary:
    "Sets the password of a user in a password file of the broker. Reads the password from the terminal, or the first line of standard input.",
  options,
  operands: 3,
  async run(args: Arguments<keyof typeof options>, terminal: Terminal): Promise<void> {
    const [path, user, password] = args.operands;
    if (path === undefined || user === undefined) throw new ArgumentError("missing argument: FILE USER");
    // An argument that may be a password is not shown.
    if (password !== undefined)
      throw new ArgumentError("unexpected argument after USER; the password is read from standard input");
    if (args.has("create") && args.has("delete")) throw new ArgumentError("--create cannot be combined with --delete");
    assertUserName(user);
    if (!args.has("create")) await warnAbout(path, terminal);
    const stored = args.has("delete")
      ? undefined
      : await hashPassword(await readNewPassword(process.stdin, process.stderr));
    if (args.has("create")) await createPasswordFile(path);
    const change = await changePasswordFile(path, user, stored);
    if (/[+#/]/.test(user))
      terminal.note(`warning: "%u" in rules does not match "${user}", because of "+", "#" or "/"`);
    await terminal.print(`${path}: user "${user}" ${change}\n`);
  },
};

/** Before the user types a password for a file that cannot be read. */
async function warnAbout(path: string, terminal: Terminal): Promise<void> {
  const { problems, warnings } = await readPasswordFile(path);
  for (const each of [...problems, ...warnings]) terminal.note(`warning: ${each}`);
}
