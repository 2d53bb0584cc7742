// The process of examples/exactly-once.js in a test: it waits for its orders on standard input, reports each payment
// when its transaction is committed, and ends when a second line arrives.
//
//   ready | booked N | again N | error TEXT
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { setFlagsFromString } from "node:v8";
import { say } from "../../fixtures/say.ts";

export interface BookingOrders {
  readonly url: string;
  readonly directory: string;
  readonly version: 4 | 5;
  /** False gives each delivery its own identity, as if `deliveryId` did not recognise any. */
  readonly recognises: boolean;
  /** The number of identities that the ledger keeps; undefined for the example's own number. */
  readonly identities: number | undefined;
}

setFlagsFromString("--liftoff-only"); // compiles SQLite fast: a process is short-lived
const { default: sqlite } = await import("node-sqlite3-wasm");
process.argv.length = 1; // otherwise the bundled example would run as the main program
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
// The ledger must know the deliveries that the server may leave unacknowledged.
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
