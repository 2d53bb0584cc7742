// The parameters of one exploration: the client, the version, the actions of the applications, and the number of
// faults. Owns their names.
import type { ProtocolVersion, QoS } from "@aiko/mqtt/codec";

/** A step of the applications: who publishes at which QoS, or that the client subscribes to the server's messages. */
export type Step = `up${QoS}` | `down${QoS}` | "subscribe";

export interface Faults {
  /** The number of network connections if each fault causes another: one more than faults. */
  readonly connections: number;
  /** Both ends notice at once, and data in transit is lost. */
  readonly cuts: number;
  /** The client abandons the connection, or its attempt. Data that it has written may still arrive. */
  readonly losses: number;
  /** The server abandons the connection. Data that it has written may still arrive. */
  readonly drops: number;
  /**
   * The client's process is killed and another one starts; data that it has written may still arrive. It keeps its
   * store.
   */
  readonly kills: number;
  /** The same, and its store is lost. */
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
  /**
   * In this order, at any time. If a client's programme has messages from the server but no "subscribe", the client
   * subscribes at its start.
   */
  readonly programme: readonly Step[];
  /** Whether the handler of each message returns only when the explorer lets it. */
  readonly slowHandlers: boolean;
  readonly faults: Faults;
}

export const PEACE: Faults = { connections: 3, cuts: 0, losses: 0, drops: 0, kills: 0, wipes: 0, expiries: 0 };

/** The time limit of one attempt, in milliseconds. */
export const CONNECT_TIMEOUT = 10_000;

/**
 * Milliseconds for which a server keeps a session in scenarios where sessions expire: before MQTT 5, at least an hour.
 */
export function expiryOf({ version }: Scenario): number {
  return version === 5 ? 5_000 : 3_600_000;
}

export function subscribesAtStart({ programme }: Scenario): boolean {
  return !programme.includes("subscribe") && programme.some((step) => step.startsWith("down"));
}
