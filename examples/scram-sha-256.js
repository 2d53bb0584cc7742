// @ts-check
// Enhanced authentication of MQTT 5 with SCRAM-SHA-256 (RFC 5802, RFC 7677). The server never receives the password, and proves that it also
// knows it. node examples/scram-sha-256.js mqtt://host:1883 USER PASSWORD
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { connect } from "@aiko/mqtt";

/** The maximum number of iterations that a server may request: enough for every server, too few to block this process for long. */
const MOST_ITERATIONS = 1_000_000;

/**
 * @param {string} user
 * @param {string} password
 * @param {string} [nonce] random by default; a test sets it
 * @returns {import("@aiko/mqtt").AuthenticationOptions}
 */
export function scramSha256(user, password, nonce = randomBytes(18).toString("base64")) {
  const name = user.replaceAll("=", "=3D").replaceAll(",", "=2C");
  const first = `n=${name},r=${nonce}`;
  /** @type {Buffer | undefined} */
  let expected;
  return {
    method: "SCRAM-SHA-256",
    begin: () => Buffer.from(`n,,${first}`),
    respond(data) {
      const challenge = Buffer.from(data ?? []).toString();
      const { r = "", s = "", i = "" } = fields(challenge);
      const iterations = Number(i);
      if (!r.startsWith(nonce)) throw new Error("the server's nonce does not continue ours");
      if (!(iterations >= 4096 && iterations <= MOST_ITERATIONS))
        throw new Error(`${i} iterations are too few or too many`);
      const salted = pbkdf2Sync(password.normalize("NFKC"), Buffer.from(s, "base64"), iterations, 32, "sha256");
      const final = `c=biws,r=${r}`;
      const exchange = `${first},${challenge},${final}`;
      const clientKey = hmac(salted, "Client Key");
      const signature = hmac(createHash("sha256").update(clientKey).digest(), exchange);
      const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0)));
      expected = hmac(hmac(salted, "Server Key"), exchange);
      return Buffer.from(`${final},p=${proof.toString("base64")}`);
    },
    finish(data) {
      const { v = "", e } = fields(Buffer.from(data ?? []).toString());
      if (e !== undefined) throw new Error(`the server says ${e}`);
      const proof = Buffer.from(v, "base64");
      if (expected === undefined || proof.length !== expected.length || !timingSafeEqual(proof, expected)) {
        throw new Error("the server does not know the password");
      }
    },
  };
}

/** @param {Buffer} key @param {string} text */
function hmac(key, text) {
  return createHmac("sha256", key).update(text).digest();
}

/** @param {string} message @returns {Record<string, string>} */
function fields(message) {
  return Object.fromEntries(message.split(",").map((field) => [field.slice(0, 1), field.slice(2)]));
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [url = "mqtt://localhost:1883", user = "user", password = "pencil"] = process.argv.slice(2);
  const client = await connect(url, { authentication: scramSha256(user, password) });
  console.log(`${client.clientId} is connected, and the server has proved itself`);
  await client.disconnect();
}
