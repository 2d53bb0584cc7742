// What one exploration varies: the client, the version, what the applications do, and how much may go wrong. Owns the words for it.
import type { ProtocolVersion, QoS } from "@aiko/mqtt/codec";

/** A step of the applications: who publishes at which QoS, or that the client subscribes to what the server publishes. */
export type Step = `up${QoS}` | `down${QoS}` | "subscribe";

export interface Faults {
  /** How many network connections there are if each fault leads to another: one more than faults. */
  readonly connections: number;
  /** Both ends notice at once, and what is on its way is lost. */
  readonly cuts: number;
  /** The client gives the connection up, or its attempt at one. What it has written may still arrive. */
  readonly losses: number;
  /** The server gives the connection up. What it has written may still arrive. */
  readonly drops: number;
  /** The client's process is killed and another one begins; what it has written may still arrive. It keeps its store. */
  readonly kills: number;
  /** The same, and its store is gone. */
  readonly wipes: number;
  /** More time passes than the server keeps a session without a connection. */
  readonly expiries: number;
}

export interface Scenario {
  readonly name: string;
  readonly client: "whole" | "small";
  readonly version: ProtocolVersion;
  readonly cleanStart: boolean;
  readonly store: boolean;
  /** In this order, at any moment. A client whose programme has no "subscribe" but messages from the server subscribes at its start. */
  readonly programme: readonly Step[];
  /** Whether the handler of each message is done only when the explorer says so. */
  readonly slowHandlers: boolean;
  readonly faults: Faults;
}

export const PEACE: Faults = { connections: 3, cuts: 0, losses: 0, drops: 0, kills: 0, wipes: 0, expiries: 0 };

/** Milliseconds of one attempt. */
export const CONNECT_TIMEOUT = 10_000;

/** Milliseconds for which a server keeps a session where sessions are to expire: before MQTT 5, an hour at the least. */
export function expiryOf({ version }: Scenario): number {
  return version === 5 ? 5_000 : 3_600_000;
}

export function subscribesAtStart({ programme }: Scenario): boolean {
  return !programme.includes("subscribe") && programme.some((step) => step.startsWith("down"));
}
