/**
 * The file of users: one line "name:hash" for each, as mosquitto_passwd writes it. Reads it, and replaces it as a whole
 * when a user changes. Never shows a line: it may contain a password.
 */

import { UsageError } from "@aiko/mqtt";
import { type PasswordHash, readPasswordHash } from "./password-hash.js";
import { createFile, readWhole, replaceWhole } from "./private-file.js";

/** What a password file contains. */
export interface PasswordFile {
  /** The stored password of each user. */
  readonly users: ReadonlyMap<string, PasswordHash>;
  /** What is wrong, one text for each line, such as "passwords:3: …". Such lines are not users. */
  readonly problems: readonly string[];
  /** What should be corrected, although it does not prevent the use of the file. */
  readonly warnings: readonly string[];
}

/** The permission of all users of the machine to read. */
const WORLD_READABLE = 0o004;

/**
 * Reads the text of a password file. Empty lines and lines that begin with "#" are skipped.
 *
 * @param name the name of the file, for the problems
 */
export function parsePasswordFile(text: string, name: string): Pick<PasswordFile, "users" | "problems"> {
  const users = new Map<string, PasswordHash>();
  const problems: string[] = [];
  for (const [i, each] of text.split("\n").entries()) {
    const line = each.trim();
    if (line === "" || line.startsWith("#")) continue;
    const origin = `${name}:${i + 1}`;
    const user = userOf(line);
    const stored = readPasswordHash(line.slice((user ?? "").length + 1));
    if (user === undefined) problems.push(`${origin}: must be a name, ":" and a password hash`);
    else if (typeof stored === "string") problems.push(`${origin}: the password of "${user}": ${stored}`);
    else if (users.has(user)) problems.push(`${origin}: "${user}" occurs twice; remove one of the lines`);
    else users.set(user, stored);
  }
  return { users, problems };
}

/**
 * Reads a password file.
 *
 * @throws UsageError OPTION_INVALID if the file cannot be read
 */
export async function readPasswordFile(path: string): Promise<PasswordFile> {
  const { text, mode } = await failing(path, "read", () => readWhole(path));
  const warnings =
    (mode & WORLD_READABLE) === 0 ? [] : [`${path}: every user of this machine can read it; use chmod o-r`];
  return { ...parsePasswordFile(text, path), warnings };
}

/**
 * Sets the password of a user, or removes the user. The file is replaced as a whole, so that no reader sees a part of it.
 * Its other lines, its permissions and its owner stay. Resolves to what was done.
 *
 * @param stored the new password; undefined removes the user
 * @throws UsageError OPTION_INVALID if the name is not valid, if the user to remove does not exist, or if the file cannot be
 * read or written
 */
export async function changePasswordFile(
  path: string,
  user: string,
  stored: PasswordHash | undefined,
): Promise<"added" | "changed" | "removed"> {
  assertUserName(user);
  const contents = await failing(path, "read", () => readWhole(path));
  const lines = contents.text.replace(/\n$/, "").split("\n");
  const others = lines.filter((line) => userOf(line.trim()) !== user);
  if (stored === undefined && others.length === lines.length)
    throw new UsageError("OPTION_INVALID", `user "${user}": ${path} has no such user`);
  const at = lines.findIndex((line) => userOf(line.trim()) === user);
  if (stored !== undefined) others.splice(at < 0 ? others.length : at, 0, `${user}:${stored.text}`);
  const text = others.filter((line, i) => i > 0 || line !== "").map((line) => `${line}\n`);
  await failing(path, "written", () => replaceWhole(path, text.join(""), contents));
  if (stored === undefined) return "removed";
  return at < 0 ? "added" : "changed";
}

/**
 * Creates a password file without users, which only its owner can read.
 *
 * @throws UsageError OPTION_INVALID if the file exists, or cannot be written
 */
export async function createPasswordFile(path: string): Promise<void> {
  await failing(path, "created", () => createFile(path));
}

/**
 * Checks the name of a user.
 *
 * @throws UsageError OPTION_INVALID
 */
export function assertUserName(user: string): void {
  const problem = userNameProblem(user);
  if (problem !== undefined) throw new UsageError("OPTION_INVALID", `user ${JSON.stringify(user)}: ${problem}`);
}

function userNameProblem(user: string): string | undefined {
  if (user === "") return "must not be empty";
  if (user.includes(":")) return 'must not contain ":", which ends the name in the file';
  if (user !== user.trim() || user.startsWith("#")) return 'must not begin or end with a space, or begin with "#"';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(user)) return "must not contain control characters";
  return undefined;
}

function userOf(line: string): string | undefined {
  const end = line.indexOf(":");
  const user = end < 0 ? "" : line.slice(0, end);
  return userNameProblem(user) === undefined ? user : undefined;
}

/** @throws UsageError OPTION_INVALID */
async function failing<Result>(path: string, what: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = (code === undefined ? undefined : reasons[code]) ?? message;
    throw new UsageError("OPTION_INVALID", `the password file ${path} cannot be ${what}: ${why}`, { cause: error });
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or directory",
  EEXIST: "the file exists",
  EACCES: "permission denied",
  EISDIR: "it is a directory",
};
