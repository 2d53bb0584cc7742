/** Computes the hashes of passwords with Node's crypto, outside of the event loop. Knows nothing of users. */

import { createHash, pbkdf2, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { type PasswordHash, readPasswordHash, type ScryptCost, scryptText } from "./password-hash.js";

/** What compares passwords: Node's crypto, or a count of calls in a test. */
export interface PasswordHasher {
  /** Resolves to whether the password is the stored one. */
  verify(stored: PasswordHash, password: Uint8Array): Promise<boolean>;
}

/** Takes 32 MiB and about 80 ms. */
const COST: ScryptCost = { ln: 15, r: 8, p: 1 };
const SALT = 16;
const HASH = 32;
/** Node's own limit is just below what the usual cost needs. */
const MEMORY_IN_ADDITION = 1_048_576;

const derive = promisify<Uint8Array, Uint8Array, number, ScryptOptions, Buffer>(scrypt);
const iterate = promisify(pbkdf2);

/** Resolves to the stored form of a new password. */
export async function hashPassword(password: Uint8Array): Promise<PasswordHash> {
  const salt = new Uint8Array(randomBytes(SALT));
  const stored = readPasswordHash(scryptText(COST, salt, await scryptHash(password, salt, HASH, COST)));
  if (typeof stored === "string") throw new Error(`bug: a new password hash is not valid: ${stored}`);
  return stored;
}

export const cryptoHasher: PasswordHasher = {
  async verify(stored: PasswordHash, password: Uint8Array): Promise<boolean> {
    return timingSafeEqual(await hashAs(stored, password), stored.hash);
  },
};

/** A stored password that no password equals. It costs as much as a new one. */
export function decoy(): PasswordHash {
  const salt = new Uint8Array(randomBytes(SALT));
  const hash = new Uint8Array(randomBytes(HASH));
  return { method: "scrypt", text: "", salt, hash, ...COST };
}

async function hashAs(stored: PasswordHash, password: Uint8Array): Promise<Uint8Array> {
  const { salt, hash } = stored;
  if (stored.method === "scrypt") return scryptHash(password, salt, hash.length, stored);
  if (stored.method === "pbkdf2") return iterate(password, salt, stored.iterations, hash.length, "sha512");
  return createHash("sha512").update(password).update(salt).digest();
}

function scryptHash(password: Uint8Array, salt: Uint8Array, length: number, { ln, r, p }: ScryptCost): Promise<Buffer> {
  const N = 2 ** ln;
  return derive(password, salt, length, { N, r, p, maxmem: 128 * N * r + 128 * r * p + MEMORY_IN_ADDITION });
}
