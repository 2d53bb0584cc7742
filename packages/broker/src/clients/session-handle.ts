/** A client's session, as the application sees and ends it. */

import { UsageError } from "@aiko/mqtt";
import { type DisconnectProperties, encode, type ProtocolVersion, ReasonCode } from "@aiko/mqtt/codec";
import type { BrokerClient } from "./broker-client.js";

/** What a handle shows and does. The rest of the broker implements it. */
export interface HandledClient {
  readonly clientId: string;
  readonly identity: string | undefined;
  readonly version: ProtocolVersion;
  readonly isOnline: boolean;
  readonly topicFilters: Iterable<string>;
  readonly queued: BrokerClient["queued"];
  readonly origin: ConnectionOrigin;
  /** Ends its connection, if it has one. */
  end(reasonCode: number, reason: string, properties?: DisconnectProperties): void;
  /** Ends its session. */
  discard(): void;
}

/** Where the last connection of a client came from. */
export interface ConnectionOrigin {
  readonly username: string | undefined;
  readonly address: string | undefined;
  readonly listener: string | undefined;
  /** In the milliseconds of the clock. */
  readonly connectedAt: number;
}

/** The method that `util.inspect` and `console.log` call. */
const inspected: unique symbol = Symbol.for("nodejs.util.inspect.custom") as never;

/** The first reason code of an error. */
const LEAST = ReasonCode.UNSPECIFIED_ERROR;

export class SessionHandle implements BrokerClient {
  /** Private, so that printing a handle does not print the broker. */
  readonly #client: HandledClient;

  constructor(client: HandledClient) {
    this.#client = client;
  }

  get clientId(): string {
    return this.#client.clientId;
  }

  get identity(): string | undefined {
    return this.#client.identity;
  }

  get username(): string | undefined {
    return this.#client.origin.username;
  }

  get protocolVersion(): ProtocolVersion {
    return this.#client.version;
  }

  get address(): string | undefined {
    return this.#client.origin.address;
  }

  get listener(): string | undefined {
    return this.#client.origin.listener;
  }

  get connected(): boolean {
    return this.#client.isOnline;
  }

  get connectedAt(): number {
    return this.#client.origin.connectedAt;
  }

  get subscriptions(): readonly string[] {
    return [...this.#client.topicFilters];
  }

  get queued(): BrokerClient["queued"] {
    return this.#client.queued;
  }

  disconnect(reasonCode: number = ReasonCode.ADMINISTRATIVE_ACTION, reason = "ended by the application"): void {
    if (!Number.isInteger(reasonCode) || reasonCode < LEAST) {
      const rule = `disconnect: reasonCode ${reasonCode} must be one of DISCONNECT, from 0x80 on`;
      throw new UsageError("OPTION_INVALID", rule, { option: "reasonCode" });
    }
    const properties = { reasonString: String(reason) };
    encode({ type: "disconnect", reasonCode, properties }, 5); // throws if DISCONNECT must not carry it
    this.#client.end(reasonCode, properties.reasonString, properties);
  }

  endSession(): void {
    this.#client.end(ReasonCode.ADMINISTRATIVE_ACTION, "the application ended the session");
    this.#client.discard();
  }

  /** Shows what `toJSON` returns. */
  [inspected](_depth: number, options: object, inspect?: (value: unknown, options: object) => string): unknown {
    return inspect === undefined ? this.toJSON() : `BrokerClient ${inspect(this.toJSON(), options)}`;
  }

  /** Returns what identifies the client in logs. */
  toJSON(): Pick<BrokerClient, "clientId" | "identity" | "connected"> {
    const { clientId, identity, connected } = this;
    return { clientId, identity, connected };
  }
}
