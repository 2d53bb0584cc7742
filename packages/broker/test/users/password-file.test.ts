// The file of users: its lines, its problems, and its replacement as a whole.
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  assertUserName,
  changePasswordFile,
  createPasswordFile,
  parsePasswordFile,
  readPasswordFile,
} from "../../src/users/password-file.ts";
import { type PasswordHash, readPasswordHash } from "../../src/users/password-hash.ts";

const HASH = `$scrypt$ln=15,r=8,p=1$c2FsdA$${"A".repeat(43)}`;
const OTHER = `$7$101$c2FsdA$${"A".repeat(43)}`;
const stored = (text: string): PasswordHash => readPasswordHash(text) as PasswordHash;

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "aiko-mqtt-passwords-"));
  file = join(folder, "passwords");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("each line is a user; empty lines and comments are none", () => {
  const { users, problems } = parsePasswordFile(`# users\nann:${HASH}\r\n\n \nbob of the north:${OTHER} \n`, "p");
  expect(problems).toEqual([]);
  expect([...users].map(([name, { text }]) => [name, text])).toEqual([
    ["ann", HASH],
    ["bob of the north", OTHER],
  ]);
});

test("each wrong line is reported by its number, without its content, and is not a user", () => {
  const secret = "hunter2";
  const lines = [
    secret,
    `ann:${secret}`,
    `:${HASH}`,
    "bob",
    "bob:",
    `bob:${HASH}:${secret}`,
    `eve:${HASH}`,
    `eve:${OTHER}`,
  ];
  const { users, problems } = parsePasswordFile(lines.join("\n"), "p");
  expect([...users.keys()]).toEqual(["eve"]);
  expect(users.get("eve")?.text).toBe(HASH);
  expect(problems.map((each) => each.split(":", 2).join(":"))).toEqual(
    [1, 2, 3, 4, 5, 6, 8].map((line) => `p:${line}`),
  );
  expect(problems.join("\n")).not.toContain(secret);
  expect(problems[1]).toBe(
    'p:2: the password of "ann": is not a password hash; set the password with aiko-mqtt broker passwd',
  );
});

test("no text throws", () => {
  const word = fc.constantFrom("ann", ":", HASH, OTHER, "\n", "\r\n", "#", " ", "$6$");
  const text = fc.oneof(
    fc.string(),
    fc.array(word).map((each) => each.join("")),
  );
  fc.assert(
    fc.property(text, (each) => {
      for (const name of parsePasswordFile(each, "p").users.keys()) expect(() => assertUserName(name)).not.toThrow();
    }),
  );
});

test("a file that all users of the machine can read is used with a warning", async () => {
  writeFileSync(file, `ann:${HASH}\n`, { mode: 0o600 });
  expect((await readPasswordFile(file)).warnings).toEqual([]);
  chmodSync(file, 0o644);
  const { users, warnings } = await readPasswordFile(file);
  expect(users.size).toBe(1);
  expect(warnings).toEqual([expect.stringContaining("chmod o-r")]);
});

test("a missing file, a directory and a file that is too large are errors", async () => {
  await expect(readPasswordFile(file)).rejects.toMatchObject({ code: "OPTION_INVALID" });
  await expect(readPasswordFile(file)).rejects.toThrow("there is no such file");
  await expect(readPasswordFile(folder)).rejects.toThrow("it is a directory");
  writeFileSync(file, "x".repeat(16_777_217));
  await expect(readPasswordFile(file)).rejects.toThrow("16777217 bytes; the limit is 16777216");
});

test("a user is added, changed in place, and removed; other lines stay, also wrong ones", async () => {
  writeFileSync(file, `# users\nann:${HASH}\nwrong line`, { mode: 0o640 });
  expect(await changePasswordFile(file, "bob", stored(HASH))).toBe("added");
  expect(await changePasswordFile(file, "ann", stored(OTHER))).toBe("changed");
  expect(readFileSync(file, "utf8")).toBe(`# users\nann:${OTHER}\nwrong line\nbob:${HASH}\n`);
  expect(await changePasswordFile(file, "ann", undefined)).toBe("removed");
  expect(readFileSync(file, "utf8")).toBe(`# users\nwrong line\nbob:${HASH}\n`);
  expect(statSync(file).mode & 0o777).toBe(0o640);
  expect(readdirSync(folder)).toEqual(["passwords"]);
});

test("a created file is empty and private, and an existing one is not replaced", async () => {
  await createPasswordFile(file);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  await changePasswordFile(file, "ann", stored(HASH));
  expect(readFileSync(file, "utf8")).toBe(`ann:${HASH}\n`);
  await expect(createPasswordFile(file)).rejects.toThrow("cannot be created: the file exists");
  expect(readFileSync(file, "utf8")).toBe(`ann:${HASH}\n`);
});

test("a symbolic link stays one", async () => {
  const link = join(folder, "link");
  writeFileSync(file, "");
  symlinkSync(file, link);
  await changePasswordFile(link, "ann", stored(HASH));
  expect(readFileSync(file, "utf8")).toBe(`ann:${HASH}\n`);
});

test("a user that does not exist cannot be removed", async () => {
  writeFileSync(file, `ann:${HASH}\n`);
  await expect(changePasswordFile(file, "bob", undefined)).rejects.toThrow('"bob"');
  expect(readFileSync(file, "utf8")).toBe(`ann:${HASH}\n`);
});

test.each(["", "a:b", " a", "a ", "#a", "a\nb", "a\0"])("%j is not a name of a user", async (name) => {
  writeFileSync(file, "");
  await expect(changePasswordFile(file, name, stored(HASH))).rejects.toMatchObject({ code: "OPTION_INVALID" });
  expect(readFileSync(file, "utf8")).toBe("");
});
