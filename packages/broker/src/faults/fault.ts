/** One fault: which packets it affects, what it does to them, and how often it did. */

import { UsageError } from "@aiko/mqtt";
import { type PacketType, packetTypes } from "@aiko/mqtt/codec";
import { holds, integer, readOptions } from "@aiko/mqtt/options";

/** Which packets a fault affects. A field that is not set does not restrict them. */
export interface FaultTarget {
  /** The client: its identifier, an expression that matches it, or a function that returns whether it is meant. */
  readonly client?: string | RegExp | ((clientId: string) => boolean) | undefined;
  /** The types of packets, such as "publish" or ["puback", "pubrec"]. */
  readonly packet?: PacketType | readonly PacketType[] | undefined;
  /** Packets that the broker receives from clients, or packets that it sends to them. */
  readonly direction?: "received" | "sent" | undefined;
  /** The number of these packets that pass before the first one is affected, from 0. Default 0. */
  readonly skip?: number | undefined;
  /** The number of packets that are affected, from 1. Default: no limit. */
  readonly times?: number | undefined;
}

/** A fault that was added. */
export interface Fault {
  /** The number of packets that it has affected. */
  readonly count: number;
  /** Removes the fault. Further packets pass. */
  remove(): void;
}

/** What happens to a packet. */
export type FaultAction =
  | { readonly kind: "drop" | "duplicate" | "close" }
  | { readonly kind: "delay"; readonly milliseconds: number }
  | { readonly kind: "refuse"; readonly reasonCode: number };

export type Direction = "received" | "sent";

/** A packet on its way. */
export interface PacketOnItsWay {
  /** Undefined if the bytes are not a packet. */
  readonly type: PacketType | undefined;
  readonly direction: Direction;
  /** Empty before CONNECT. */
  readonly clientId: string;
}

type Client = NonNullable<FaultTarget["client"]>;
type Types = NonNullable<FaultTarget["packet"]>;

const isType = (value: unknown): boolean => value !== undefined && packetTypes.includes(value as PacketType);

const rules = {
  client: holds<Client>(
    (value) => typeof value === "string" || typeof value === "function" || value instanceof RegExp,
    "must be a client identifier, a regular expression or a function",
  ),
  packet: holds<Types>(
    (value) => isType(value) || (Array.isArray(value) && value.length > 0 && value.every(isType)),
    'must be a type of packet, as in "publish", or a list of these',
  ),
  direction: holds<Direction>((value) => value === "received" || value === "sent", 'must be "received" or "sent"'),
  skip: integer(0, Number.MAX_SAFE_INTEGER, 0),
  times: integer(1, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
} satisfies Record<keyof FaultTarget, unknown>;

export class ActiveFault implements Fault {
  count = 0;
  private readonly target;
  private skipped = 0;

  /**
   * @param affected the types that this action can affect; undefined for all
   * @throws UsageError OPTION_UNKNOWN or OPTION_INVALID
   */
  constructor(
    readonly action: FaultAction,
    target: FaultTarget,
    private readonly removed: (fault: ActiveFault) => void,
    affected?: readonly PacketType[],
  ) {
    const { packet, ...others } = readOptions(rules, target);
    const types = packet === undefined ? affected : [packet].flat();
    const wrong = types?.find((type) => affected !== undefined && !affected.includes(type));
    if (wrong !== undefined) {
      const rule = `packet "${wrong}": cannot be refused; only ${affected?.join(", ")} can`;
      throw new UsageError("OPTION_INVALID", rule, { option: "packet" });
    }
    this.target = { ...others, types };
  }

  /** Returns whether it affects this packet, and counts it. */
  hits(packet: PacketOnItsWay): boolean {
    const { direction, skip, times } = this.target;
    if (packet.type === undefined || this.count >= times) return false;
    if (direction !== undefined && direction !== packet.direction) return false;
    if (this.target.types?.includes(packet.type) === false || !this.means(packet.clientId)) return false;
    if (this.skipped < skip) {
      this.skipped++;
      return false;
    }
    this.count++;
    return true;
  }

  remove(): void {
    this.removed(this);
  }

  private means(clientId: string): boolean {
    const { client } = this.target;
    if (client === undefined || client === clientId) return true;
    if (client instanceof RegExp) return clientId.search(client) >= 0;
    return typeof client === "function" && client(clientId) === true;
  }
}
