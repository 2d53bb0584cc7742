/** What every source is to the gateway: something that is opened for ever, read, and closed. */

/** The state of a source. "ended": its input is over, and it is not opened again. */
export type SourceState = "down" | "up" | "ended";

/** What is published of a source. "error": it could not be opened, and the last attempt failed. */
export type SourceCondition = "up" | "down" | "error";

export interface SourceStatus {
  readonly state: SourceState;
  /** Open connections. */
  readonly connections: number;
  /** How often it was opened again after it had been lost. */
  readonly reopens: number;
  /** Why it is down. */
  readonly lastError: string | undefined;
  /** Where it listens, once it is up: as a URL. */
  readonly url: string | undefined;
}

export interface Source {
  readonly status: SourceStatus;
  /** Opens the source. Resolves when it is up, or at the first failure; it is tried again for ever. */
  start(): Promise<void>;
  /** Stops reading. Resolves when all that was read is accepted or dropped, and all connections are closed. */
  stop(): Promise<void>;
}
