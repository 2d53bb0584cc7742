/** What a connection needs of the rest of the broker. */

import type { ConnectPacket } from "@aiko/mqtt/codec";
import type { ServerSession } from "@aiko/mqtt/session";
import type { BrokerJournal } from "../persistence/broker-journal.js";
import type { Traffic } from "../traffic.js";
import type { Workload } from "./workload.js";

/** Answers CONNECT, and receives errors that occur before a client is accepted. `Connection` is the type of connections. */
export interface Reception<Connection> {
  readonly workload: Workload;
  /** Undefined if nothing is stored. */
  readonly journal: Pick<BrokerJournal, "collecting" | "durable" | "isDurable"> | undefined;
  readonly traffic: Traffic;
  /** Accepts the client with `admit`, or refuses it with `refuse`, possibly later. */
  connect(connection: Connection, packet: ConnectPacket): void;
  gone(connection: Connection): void;
  refused(reason: string): void;
}

/** The client of a connection, after it was accepted. */
export interface AdmittedClient<Connection> {
  readonly session: ServerSession;
  readonly identity: string | undefined;
  connectionEnded(connection: Connection, reason: string): void;
}
