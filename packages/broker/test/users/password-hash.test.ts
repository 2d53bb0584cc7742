// The forms of stored passwords, and their comparison with given ones.
import { createHash, pbkdf2Sync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type PasswordHash, readPasswordHash } from "../../src/users/password-hash.ts";
import { cryptoHasher, hashPassword } from "../../src/users/password-hasher.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const salt = Buffer.from("0123456789ab");

function stored(text: string): PasswordHash {
  const found = readPasswordHash(text);
  if (typeof found === "string") throw new Error(found);
  return found;
}

const sha512 = (password: string): string =>
  `$6$${salt.toString("base64")}$${createHash("sha512").update(password).update(salt).digest("base64")}`;
const pbkdf2 = (password: string): string =>
  `$7$101$${salt.toString("base64")}$${pbkdf2Sync(password, salt, 101, 64, "sha512").toString("base64")}`;

test("a new password is a PHC string of scrypt, each time with another salt", async () => {
  const [one, other] = [await hashPassword(bytes("secret")), await hashPassword(bytes("secret"))];
  expect(one.text).toMatch(/^\$scrypt\$ln=15,r=8,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
  expect(one.text).not.toBe(other.text);
  expect(await cryptoHasher.verify(stored(one.text), bytes("secret"))).toBe(true);
  expect(await cryptoHasher.verify(stored(one.text), bytes("Secret"))).toBe(false);
});

/** Of RFC 7914, for "pleaseletmein" with the salt "SodiumChloride". */
const VECTOR = `$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$${Buffer.from(
  "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
  "hex",
).toString("base64")}`;

describe.each([
  ["$6$", sha512],
  ["$7$", pbkdf2],
  ["scrypt", () => VECTOR],
])("a password stored with %s", (_, make) => {
  const password = "pleaseletmein";

  test("is the right one, and no other one is", async () => {
    const hash = stored(make(password));
    expect(await cryptoHasher.verify(hash, bytes(password))).toBe(true);
    for (const wrong of ["", "Pleaseletmein", `${password} `])
      expect(await cryptoHasher.verify(hash, bytes(wrong))).toBe(false);
  });

  test("is not valid if a byte of the hash is missing, or a part is added", () => {
    const text = make(password);
    const last = text.lastIndexOf("$");
    expect(readPasswordHash(`${text}$x`)).toMatch(/parts/);
    expect(readPasswordHash(text.slice(0, last + 8))).toMatch(/hash must be/);
    expect(readPasswordHash(text.slice(0, last))).toMatch(/hash must be/);
  });
});

const H = "A".repeat(43);
test.each([
  ["", "is not a password hash"],
  ["plain", "is not a password hash"],
  ["$1$abc$def", "must begin with"],
  ["$5$", "must begin with"],
  [`$scrypt$ln=15,r=8$c2FsdA$${H}`, "its cost must be as in"],
  [`$scrypt$ln=0,r=8,p=1$c2FsdA$${H}`, "at least 1"],
  [`$scrypt$ln=30,r=8,p=1$c2FsdA$${H}`, "at most"],
  [`$scrypt$ln=99,r=999,p=99$c2FsdA$${H}`, "at most"],
  [`$scrypt$ln=15,r=8,p=17$c2FsdA$${H}`, "at most"],
  [`$scrypt$ln=15,r=8,p=1$$${H}`, "its salt must be"],
  [`$scrypt$ln=15,r=8,p=1$c2FsdA$c2hvcnQ`, "its hash must be"],
  [`$scrypt$ln=15,r=8,p=1$c2 FsdA$${H}`, "its salt must be"],
  [`$7$0$c2FsdA$${H}`, "iterations"],
  [`$7$99999999$c2FsdA$${H}`, "iterations"],
  [`$7$1e3$c2FsdA$${H}`, "iterations"],
  [`$6$c2FsdA$${H}`, "64 bytes"],
])("%s is not valid", (text, problem) => {
  expect(readPasswordHash(text)).toContain(problem);
});

test("no text throws, and no problem shows the text", () => {
  const part = fc.oneof(fc.constantFrom("scrypt", "6", "7", "ln=15,r=8,p=1", "101", "c2FsdA"), fc.string());
  const text = fc.oneof(
    fc.string(),
    fc.array(part).map((each) => `$${each.join("$")}`),
  );
  fc.assert(
    fc.property(text, (each) => {
      const found = readPasswordHash(each);
      if (typeof found !== "string") expect(found.text).toBe(each);
    }),
  );
  expect(readPasswordHash("hunter2")).not.toContain("hunter2");
});
