/**
 * Bounds what one address may use: connections, connections whose client is not accepted yet, and new connections per
 * second. So one host cannot take the place of all others.
 */

import type { Clock } from "@aiko/mqtt";
import type { Visit } from "../connecting/visit.js";
import type { AddressSettings } from "../options/address-limits.js";

/** What is known of an address. */
interface Visitors {
  connections: number;
  handshakes: number;
  /** How many connections it may open now, at `filledAt`. Grows with time. */
  allowance: number;
  filledAt: number;
}

/** Seconds for which an address can save its allowance. */
const SAVED = 10;
/** Addresses without a connection that are remembered, because they may have used up their allowance. */
const MOST_REMEMBERED = 10_000;
const MS_PER_SECOND = 1_000;

const UNLIMITED: Visit = { accepted: () => undefined, ended: () => undefined };

export class Addresses {
  private readonly byKey = new Map<string, Visitors>();
  /** Those without a connection, the one that was left first at the front. */
  private readonly left = new Set<string>();

  constructor(
    private readonly clock: Clock,
    public limits: AddressSettings,
  ) {}

  /** Lets a connection in, or returns the reason why not. @param address undefined if it has none */
  enter(address: string | undefined): Visit | string {
    const { limits } = this;
    if (address === undefined || (isLoopback(address) && !limits.loopback)) return UNLIMITED;
    const key = addressKey(address);
    const visitors = this.visitorsOf(key);
    if (visitors.connections >= limits.maximumConnections)
      return `${address} has ${visitors.connections} connections; perAddress.maximumConnections is ${limits.maximumConnections}`;
    if (visitors.handshakes >= limits.maximumHandshakes)
      return `${address} has ${visitors.handshakes} connections without an accepted client; perAddress.maximumHandshakes is ${limits.maximumHandshakes}`;
    if (visitors.allowance < 1)
      return `${address} connects more often than perAddress.connectRate, ${limits.connectRate} per second, allows`;
    visitors.allowance--;
    visitors.connections++;
    visitors.handshakes++;
    this.left.delete(key);
    return this.visit(key, visitors);
  }

  private visit(key: string, visitors: Visitors): Visit {
    let isStranger = true;
    let isOver = false;
    const accepted = (): void => {
      if (isStranger) visitors.handshakes--;
      isStranger = false;
    };
    const ended = (): void => {
      if (isOver) return;
      isOver = true;
      accepted();
      visitors.connections--;
      if (visitors.connections === 0) this.remember(key);
    };
    return { accepted, ended };
  }

  private visitorsOf(key: string): Visitors {
    const now = this.clock.now();
    const most = this.limits.connectRate * SAVED;
    const known = this.byKey.get(key);
    if (known === undefined) {
      const fresh = { connections: 0, handshakes: 0, allowance: most, filledAt: now };
      this.byKey.set(key, fresh);
      this.remember(key);
      return fresh;
    }
    const earned = ((now - known.filledAt) / MS_PER_SECOND) * this.limits.connectRate;
    known.allowance = Math.min(most, known.allowance + earned);
    known.filledAt = now;
    return known;
  }

  private remember(key: string): void {
    const { left, byKey } = this;
    left.delete(key);
    left.add(key);
    if (left.size <= MOST_REMEMBERED) return;
    const [first] = left;
    left.delete(first as string);
    byKey.delete(first as string);
  }
}

export function isLoopback(address: string): boolean {
  return address === "::1" || withoutMapping(address).startsWith("127.");
}

/** An IPv4 address. Of an IPv6 address the first 64 bits, since a host usually has all addresses of such a network. */
export function addressKey(address: string): string {
  const plain = withoutMapping(address);
  if (!plain.includes(":")) return plain;
  const [before = "", after] = (plain.split("%", 1)[0] as string).split("::");
  const groups = groupsOf(before);
  if (after === undefined) return groups.slice(0, NETWORK_GROUPS).join(":");
  const end = groupsOf(after);
  const zeros = Array.from({ length: Math.max(0, GROUPS - groups.length - end.length) }, () => "0");
  return [...groups, ...zeros, ...end].slice(0, NETWORK_GROUPS).join(":");
}

function groupsOf(text: string): string[] {
  return text === "" ? [] : text.split(":");
}

/** Groups of 16 bits in an IPv6 address, and in the part of it that names the network. */
const GROUPS = 8;
const NETWORK_GROUPS = 4;

/** A socket that takes both versions shows an IPv4 address as `::ffff:192.0.2.1`. */
function withoutMapping(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice("::ffff:".length) : address;
}
