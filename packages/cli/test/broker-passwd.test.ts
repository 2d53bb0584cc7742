// aiko-mqtt broker passwd, as users run it: a child process, from the build.
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readPasswordFile, Users } from "@aiko/mqtt-broker/service";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Child, run } from "../../../test/fixtures/child.ts";

const SECRET = "pa55-w0rd";
let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "aiko-mqtt-passwd-"));
  file = join(folder, "passwords");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function passwd(args: readonly string[], input = `${SECRET}\n`) {
  const found = await run(Child.command("aiko-mqtt", ["broker", "passwd", ...args], { input }));
  expect([...found.lines, ...found.notes].join("\n")).not.toContain(SECRET);
  return found;
}

test("creates a private file, adds, changes and removes users", async () => {
  expect(await passwd(["-c", file, "ann"])).toMatchObject({ code: 0, lines: [`${file}: user "ann" added`], notes: [] });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(await passwd([file, "bob"], "other")).toMatchObject({ code: 0, lines: [`${file}: user "bob" added`] });
  expect(await passwd([file, "ann"], "new\n")).toMatchObject({ code: 0, lines: [`${file}: user "ann" changed`] });
  const users = new Users((await readPasswordFile(file)).users);
  expect(await users.check("ann", Buffer.from(SECRET), undefined)).toBe("wrong");
  expect(await users.check("ann", Buffer.from("new"), undefined)).toBe("right");
  expect(await users.check("bob", Buffer.from("other"), undefined)).toBe("right");
  expect(await passwd(["-D", file, "bob"], "")).toMatchObject({ code: 0, lines: [`${file}: user "bob" removed`] });
  expect([...(await readPasswordFile(file)).users.keys()]).toEqual(["ann"]);
  expect(readFileSync(file, "utf8")).not.toContain("new");
});

test.each([
  [[], "missing argument: FILE USER"],
  [["file", "ann", SECRET], "unexpected argument after USER; the password is read from standard input"],
  [["-c", "-D", "file", "ann"], "--create cannot be combined with --delete"],
  [["file", "a:b"], 'must not contain ":"'],
  [["missing/file", "ann"], "cannot be read: there is no such file"],
  [["-c", "missing/file", "ann"], "cannot be created: there is no such file"],
  [["-b", "file", "ann", SECRET], "unknown option -b"],
])("%j is refused in one line", async (args, problem) => {
  const { code, notes } = await passwd(args);
  expect(code).toBe(1);
  expect(notes).toEqual([expect.stringContaining(problem)]);
});

test("does not replace a file with -c, and does not create one without", async () => {
  writeFileSync(file, "# users\n", { mode: 0o600 });
  expect(await passwd(["-c", file, "ann"])).toMatchObject({ code: 1, notes: [expect.stringContaining("file exists")] });
  expect(readFileSync(file, "utf8")).toBe("# users\n");
  expect(await passwd(["-D", file, "ann"])).toMatchObject({
    code: 1,
    notes: [expect.stringContaining("no such user")],
  });
});

test("leaves the file as it is if there is no password", async () => {
  expect(await passwd(["-c", file, "ann"], "")).toMatchObject({ code: 1 });
  expect(() => statSync(file)).toThrow("ENOENT");
});

test("warns about wrong lines, a file that everyone can read, and names that rules cannot insert", async () => {
  writeFileSync(file, "wrong\n");
  chmodSync(file, 0o644);
  const { code, notes } = await passwd([file, "a/b"]);
  expect(code).toBe(0);
  expect(notes).toEqual([
    expect.stringContaining(`warning: ${file}:1: must be a name`),
    expect.stringContaining("every user of this machine can read it"),
    expect.stringContaining('"%u" in rules does not match "a/b"'),
  ]);
});
