/**
 * The forms of stored passwords: our own, a PHC string with scrypt, and those of mosquitto_passwd, `$6$` and `$7$`. Reads
 * and writes them. Computes no hash.
 */

/** A stored password, ready to be compared with a given one. */
export type PasswordHash = { readonly text: string; readonly salt: Uint8Array; readonly hash: Uint8Array } & (
  | ({ readonly method: "scrypt" } & ScryptCost)
  /** `$7$` of mosquitto: PBKDF2 with HMAC-SHA-512. */
  | { readonly method: "pbkdf2"; readonly iterations: number }
  /** `$6$` of mosquitto 1.6 and earlier: SHA-512 of the password and the salt. */
  | { readonly method: "sha512" }
);

/** The cost of scrypt. It takes 128 × 2^ln × r bytes. */
export interface ScryptCost {
  /** The binary logarithm of N. */
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

/** The most memory of one computation, in bytes. A file must not make the broker take more. */
const MOST_MEMORY = 268_435_456;
const MOST_PARALLEL = 16;
const MOST_ITERATIONS = 10_000_000;
/** Bytes of a salt or a hash. */
const LONGEST = 128;
/** A shorter hash would be found by chance. */
const SHORTEST_HASH = 16;
const SHA512 = 64;

/** Returns the stored password; or in words what is wrong with the text, which the words do not show. */
export function readPasswordHash(text: string): PasswordHash | string {
  const [before, method = "", ...parts] = text.split("$");
  if (before !== "" || text === "") return "is not a password hash; set the password with aiko-mqtt broker passwd";
  if (method === "scrypt") return readScrypt(text, parts);
  if (method === "7") return readPbkdf2(text, parts);
  if (method === "6") return readSha512(text, parts);
  return "must begin with $scrypt$, $7$ or $6$";
}

/** Returns the text of a password that was hashed with scrypt. */
export function scryptText({ ln, r, p }: ScryptCost, salt: Uint8Array, hash: Uint8Array): string {
  return `$scrypt$ln=${ln},r=${r},p=${p}$${base64(salt)}$${base64(hash)}`;
}

function readScrypt(text: string, [cost = "", saltText = "", hashText = "", ...rest]: string[]): PasswordHash | string {
  const match = /^ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,2})$/.exec(cost);
  const [ln, r, p] = (match ?? []).slice(1).map(Number) as [number?, number?, number?];
  if (ln === undefined || r === undefined || p === undefined) return "its cost must be as in ln=15,r=8,p=1";
  if (ln < 1 || r < 1 || p < 1) return "its ln, r and p must be at least 1";
  if (128 * 2 ** ln * r > MOST_MEMORY || p > MOST_PARALLEL)
    return `its cost must be at most ${MOST_MEMORY} bytes (128 × 2^ln × r), and p ${MOST_PARALLEL}`;
  const bytes = readBytes(saltText, hashText, rest);
  return typeof bytes === "string" ? bytes : { method: "scrypt", text, ln, r, p, ...bytes };
}

function readPbkdf2(
  text: string,
  [count = "", saltText = "", hashText = "", ...rest]: string[],
): PasswordHash | string {
  const iterations = /^\d{1,8}$/.test(count) ? Number(count) : 0;
  if (iterations < 1 || iterations > MOST_ITERATIONS) return `its iterations must be from 1 to ${MOST_ITERATIONS}`;
  const bytes = readBytes(saltText, hashText, rest);
  return typeof bytes === "string" ? bytes : { method: "pbkdf2", text, iterations, ...bytes };
}

function readSha512(text: string, [saltText = "", hashText = "", ...rest]: string[]): PasswordHash | string {
  const bytes = readBytes(saltText, hashText, rest);
  if (typeof bytes === "string") return bytes;
  return bytes.hash.length === SHA512
    ? { method: "sha512", text, ...bytes }
    : `its hash must be ${SHA512} bytes in base64`;
}

function readBytes(
  saltText: string,
  hashText: string,
  rest: readonly string[],
): { readonly salt: Uint8Array; readonly hash: Uint8Array } | string {
  if (rest.length > 0) return "it has more parts than its method";
  const salt = fromBase64(saltText);
  const hash = fromBase64(hashText);
  if (salt === undefined || salt.length < 1 || salt.length > LONGEST)
    return `its salt must be 1 to ${LONGEST} bytes in base64`;
  if (hash === undefined || hash.length < SHORTEST_HASH || hash.length > LONGEST)
    return `its hash must be ${SHORTEST_HASH} to ${LONGEST} bytes in base64`;
  return { salt, hash };
}

/** Without padding, as in PHC strings. */
function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64").replaceAll("=", "");
}

/** With or without padding. */
function fromBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, "base64");
  return base64(bytes) === text.replace(/={1,2}$/, "") ? new Uint8Array(bytes) : undefined;
}
