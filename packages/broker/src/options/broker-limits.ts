/** The limits of a broker that may change while it runs. */

import { integer, type OptionsRead, readOptions } from "@aiko/mqtt/options";
import { type AddressLimits, type AddressSettings, addressLimits } from "./address-limits.js";

/** Limits of a broker. `broker.setLimits` changes them while it runs. Undefined stands for the default. */
export interface BrokerLimits {
  /**
   * The number of connections at one time, including those in a TLS or WebSocket handshake, 1 … 2,147,483,648. Default
   * 10,000.
   */
  readonly maximumConnections?: number | undefined;
  /**
   * The number of sessions at one time, with or without a connection, 1 … 16,777,216. Clients that would start another
   * one are refused with 0x89 (Server busy), and may retry. Default 100,000.
   */
  readonly maximumSessions?: number | undefined;
  /**
   * The number of subscriptions of one client, from 1. Further ones are refused. Default 10,000. Of shared subscriptions
   * with the same topic filter, a client may have 16.
   */
  readonly maximumSubscriptions?: number | undefined;
  /**
   * The approximate memory in bytes of all sessions, subscriptions, retained messages and waiting messages together, from
   * 1,048,576. When it is reached, waiting QoS 0 messages are dropped, the longest queue first. Then new sessions,
   * subscriptions and retained messages are refused, and a client that has an unfinished message gets no further one: see
   * the events `refused`, `dropped` and `notRetained`. Default 1,073,741,824 (1 GiB).
   */
  readonly maximumMemory?: number | undefined;
  /**
   * Limits for each address from which clients connect. By default, they do not hold for loopback addresses. Clients
   * beyond are refused, which the event `refused` reports.
   */
  readonly perAddress?: AddressLimits | undefined;
  /**
   * The longest keep-alive of a client in seconds, 0 … 65,535. 0 means no limit: a silent client can stay connected
   * forever. Default 0. On MQTT 5, the broker tells the client to use this value instead. Clients before MQTT 5 that
   * request a longer one, or none, are refused with return code 2 (Identifier rejected), as by `max_keepalive` of
   * mosquitto.
   */
  readonly maximumKeepAlive?: number | undefined;
  /** The longest time in seconds that a session without a connection is kept, 0 … 4,294,967,295. Default 86,400. */
  readonly maximumSessionExpiry?: number | undefined;
}

export const limitRules = {
  maximumConnections: integer(1, 2 ** 31, 10_000),
  maximumSessions: integer(1, 2 ** 24, 100_000),
  maximumSubscriptions: integer(1, Number.MAX_SAFE_INTEGER, 10_000),
  maximumMemory: integer(2 ** 20, Number.MAX_SAFE_INTEGER, 2 ** 30),
  perAddress: addressLimits,
  maximumKeepAlive: integer(0, 65_535, 0),
  maximumSessionExpiry: integer(0, 0xffff_ffff, 86_400),
} satisfies Record<keyof BrokerLimits, unknown>;

/** The limits, with the default that depends on other limits. */
export interface LimitSettings extends Omit<OptionsRead<typeof limitRules>, "perAddress"> {
  readonly perAddress: AddressSettings;
}

/**
 * @param share the option `maximumShare`
 * @throws UsageError OPTION_UNKNOWN or OPTION_INVALID
 */
export function parseLimits(limits: BrokerLimits, share: number): LimitSettings {
  return completeLimits(readOptions(limitRules, limits), share);
}

export function completeLimits<Limits extends OptionsRead<typeof limitRules>>(
  limits: Limits,
  share: number,
): Omit<Limits, "perAddress"> & LimitSettings {
  const { perAddress } = limits;
  const maximumConnections = perAddress.maximumConnections ?? Math.ceil(limits.maximumConnections * share);
  return { ...limits, perAddress: { ...perAddress, maximumConnections } };
}
