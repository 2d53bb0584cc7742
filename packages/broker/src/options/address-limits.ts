/** The option `perAddress`: what the clients of one address may use. */

import { boolean, group, integer } from "@aiko/mqtt/options";

/** Limits for each address from which clients connect. */
export interface AddressLimits {
  /** The number of connections at one time, from 1. Default: `maximumShare` of the broker's `maximumConnections`. */
  readonly maximumConnections?: number | undefined;
  /** The number of connections at one time whose client is not accepted yet, from 1. Default 500. */
  readonly maximumHandshakes?: number | undefined;
  /**
   * New connections per second, from 1. An address that was quiet may open ten times as many at once. Default 100.
   */
  readonly connectRate?: number | undefined;
  /**
   * Whether the limits also hold for the loopback addresses of this machine. Default false. They never hold for Unix
   * sockets and for `accept`.
   */
  readonly loopback?: boolean | undefined;
}

const MOST = 2 ** 31;

export const addressLimits = group({
  maximumConnections: integer(1, MOST),
  maximumHandshakes: integer(1, MOST, 500),
  connectRate: integer(1, MOST, 100),
  loopback: boolean(false),
} satisfies Record<keyof AddressLimits, unknown>);

/** The limits with the default that depends on other options. */
export type AddressSettings = { readonly [Name in keyof AddressLimits]-?: NonNullable<AddressLimits[Name]> };
