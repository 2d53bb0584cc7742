/** What every source is to the gateway: something that is opened for ever, read, and closed. */

/** The state of a source. "ended": its input is over, and it is not opened again. */
export type SourceState = "down" | "up" | "ended";

/** What is published of a source. "error": it could not be opened, and the last attempt failed. */
export type SourceCondition = "up" | "down" | "error";

/** What only a source for MQTT-SN clients knows. */
export interface SnStatus {
  /** Sessions by state. */
  readonly clients: Readonly<Record<string, number>>;
  /** Messages that were sent to clients again. */
  readonly retries: number;
  /** Messages for clients that were dropped, by reason. */
  readonly undelivered: Readonly<Record<string, number>>;
}

export interface SourceStatus {
  readonly state: SourceState;
  /** Open connections. */
  readonly connections: number;
  /** How often it was opened again after it had been lost. */
  readonly reopens: number;
  /** How often a command was ended because it took too long. Undefined: the source runs no command from time to time. */
  readonly timeouts?: number;
  /** Datagrams that the kernel has dropped since the socket was opened. Undefined: it is not known. */
  readonly kernelDrops?: number;
  /** Undefined: its devices do not speak MQTT-SN. */
  readonly sn?: SnStatus;
  /** Why it is down. */
  readonly lastError: string | undefined;
  /** Where it listens, once it is up: as a URL. */
  readonly url: string | undefined;
}

export interface Source {
  readonly status: SourceStatus;
  /** Opens the source. Resolves when it is up, or at the first failure; it is tried again for ever. */
  start(): Promise<void>;
  /** Reads what the settings only name, such as certificates, again. Rejects if that is not valid: the old is used further. */
  refresh?(): Promise<void>;
  /** Stops reading. Resolves when all that was read is accepted or dropped, and all connections are closed. */
  stop(): Promise<void>;
}
