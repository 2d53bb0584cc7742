// @ts-check
// Books payments in an SQLite database, each exactly once, however often this process is killed. A payment is a number, published at
// QoS 2 to payments/ACCOUNT. Ends on ^C. Requires `npm install node-sqlite3-wasm`, an SQLite that is installed without a compiler.
//   node examples/exactly-once.js [mqtt://localhost:1883] [directory]
//   npx mqtt_publish -q 2 -t payments/ann -m 25
import { mkdirSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect } from "@aiko/mqtt";
import { DiskStore } from "@aiko/mqtt-store";
import sqlite from "node-sqlite3-wasm";

/**
 * The number of identities that the ledger keeps. An older one cannot arrive again: at most 65,535 messages are unfinished at a time, one for
 * each packet identifier, and they are acknowledged in the order of arrival. Concurrent handlers may commit in another order, so the number is
 * doubled.
 */
const IDENTITIES = 131_072;

/** The accounts, and the identities of the payments in them. Only one process at a time may open it. */
export class Ledger {
  /** @param {string} path @param {number} [identities] the number of identities to keep */
  constructor(path, identities = IDENTITIES) {
    this.identities = identities;
    rmSync(`${path}.lock`, { recursive: true, force: true }); // a killed process leaves it behind
    this.database = new sqlite.Database(path);
    // With this build of SQLite, only a write-ahead log survives a killed process. It does not roll back a rollback journal.
    this.database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL");
    this.database.exec(`
      CREATE TABLE IF NOT EXISTS accounts (name TEXT PRIMARY KEY, balance INTEGER NOT NULL);
      CREATE TABLE IF NOT EXISTS deliveries (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
    `);
  }

  /**
   * Adds the amount to the account and keeps the identity of the delivery, both or neither.
   *
   * @param {string} deliveryId @param {string} account @param {number} amount
   * @returns {boolean} false if this delivery was booked before; it is not booked again
   */
  book(deliveryId, account, amount) {
    const { database } = this;
    database.exec("BEGIN IMMEDIATE");
    try {
      const isNew = database.run("INSERT OR IGNORE INTO deliveries (id) VALUES (?)", deliveryId).changes === 1;
      if (isNew) {
        database.run(
          "INSERT INTO accounts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET balance = balance + excluded.balance",
          [account, amount],
        );
        database.run(
          "DELETE FROM deliveries WHERE number <= (SELECT max(number) FROM deliveries) - ?",
          this.identities,
        );
      }
      database.exec("COMMIT"); // the last step: a handler that fails must not have had an effect
      return isNew;
    } catch (error) {
      if (database.inTransaction) database.exec("ROLLBACK");
      throw error;
    }
  }

  close() {
    this.database.close();
  }
}

/**
 * Books payments until the client is disconnected.
 *
 * @param {string} url
 * @param {string} directory the directory of the session and the ledger
 * @param {import("@aiko/mqtt").ConnectOptions} [options]
 * @param {(account: string, isNew: boolean) => void} [tell] called for each payment
 * @param {number} [identities] the number of identities that the ledger keeps
 */
export async function bookPayments(url, directory, options = {}, tell = () => {}, identities = IDENTITIES) {
  mkdirSync(directory, { recursive: true });
  const store = new DiskStore(join(directory, "session"));
  const client = await connect(url, { clientId: "ledger", cleanStart: false, store, ...options });
  const ledger = new Ledger(join(directory, "ledger.db"), identities); // after `connect`, which locks the directory for this process
  client.on("closed", () => ledger.close());
  await client.subscribe("payments/+", {
    qos: 2,
    onMessage(message) {
      const { topic, deliveryId } = message;
      if (deliveryId === undefined) throw new Error(`${topic}: publish payments at QoS 2`);
      const amount = Number(message.text());
      if (!Number.isSafeInteger(amount)) throw new Error(`${topic}: "${message.text()}" is not a whole number`);
      const account = topic.slice("payments/".length);
      tell(account, ledger.book(deliveryId, account, amount));
    },
  });
  return client;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [url = "mqtt://localhost:1883", directory = "payments"] = process.argv.slice(2);
  const client = await bookPayments(url, directory, {}, (account, isNew) =>
    console.log(isNew ? `booked a payment to ${account}` : `a payment to ${account} was booked before`),
  );
  client.on("error", (error) => console.error(error));
  console.log("booking payments/+");
  await new Promise((resolve) => process.once("SIGINT", resolve).once("SIGTERM", resolve));
  await client.disconnect();
}
