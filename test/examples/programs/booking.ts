// The process of examples/exactly-once.js in a test: waits for its orders on standard input, tells of each payment when its transaction is
// committed, and leaves when a second line comes.
//   ready | booked N | again N | error TEXT
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { setFlagsFromString } from "node:v8";
import { say } from "../../fixtures/say.ts";

export interface BookingOrders {
  readonly url: string;
  readonly directory: string;
  readonly version: 4 | 5;
  /** False gives each delivery an identity of its own, as if `deliveryId` did not recognise any. */
  readonly recognises: boolean;
  /** How many identities the ledger keeps; undefined for the example's own number. */
  readonly identities: number | undefined;
}

setFlagsFromString("--liftoff-only"); // SQLite is compiled quickly, and not optimised: a process lives for milliseconds
const { default: sqlite } = await import("node-sqlite3-wasm");
process.argv.length = 1; // bundled, the example would take itself for the program
const { bookPayments, Ledger } = await import("../../../examples/exactly-once.js");

new sqlite.Database(":memory:").get("SELECT 1"); // compiles SQLite before the orders come
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { url, directory, version, recognises, identities } = JSON.parse(
  (await lines.next()).value ?? "",
) as BookingOrders;
if (!recognises) {
  const { book } = Ledger.prototype;
  Ledger.prototype.book = function (_deliveryId, ...payment) {
    return book.call(this, randomUUID(), ...payment);
  };
}
// What the server may leave unacknowledged is what the ledger has to know.
const properties = { ...(version === 5 && identities !== undefined && { receiveMaximum: identities }) };
const options = { protocolVersion: version, keepAlive: 5, properties } as const;
const client = await bookPayments(
  url,
  directory,
  options,
  (account, isNew) => say(`${isNew ? "booked" : "again"} ${account}`),
  identities,
);
client.on("error", (error) => say(`error ${error}`));
say("ready");
await lines.next();
await client.disconnect();
process.exit(0);
