// Password files of mosquitto_passwd: the broker reads them, and accepts and refuses the same passwords.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readPasswordFile } from "../../packages/broker/src/users/password-file.ts";
import { Users } from "../../packages/broker/src/users/users.ts";
import { Child } from "../fixtures/child.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "aiko-mqtt-password-files-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function passwd(...args: string[]): Promise<void> {
  await using child = new Child("mosquitto_passwd", "mosquitto_passwd", args);
  expect(await child.code()).toBe(0);
}

test.each(["sha512-pbkdf2", "sha512"])("passwords that it has hashed with %s are checked", async (method) => {
  const file = join(folder, method);
  const passwords = { ann: "correct horse", "bob b": "ünïcödé", carol: "x".repeat(300) };
  await passwd("-H", method, "-c", "-b", file, "ann", "changed later");
  for (const [name, password] of Object.entries(passwords)) await passwd("-H", method, "-b", file, name, password);
  await passwd("-H", method, "-b", file, "dave", "x");
  await passwd("-D", file, "dave");
  const { users: stored, problems } = await readPasswordFile(file);
  expect(problems).toEqual([]);
  expect([...stored.keys()].toSorted()).toEqual(Object.keys(passwords));
  const users = new Users(stored);
  for (const [name, password] of Object.entries(passwords)) {
    expect(await users.check(name, Buffer.from(`${password} `), undefined)).toBe("wrong");
    expect(await users.check(name, Buffer.from(password), undefined)).toBe("right");
  }
  expect(await users.check("dave", Buffer.from("x"), undefined)).toBe("wrong");
});
