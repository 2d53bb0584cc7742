/**
 * How a client finds a gateway [SN 6.1]: SEARCHGW to all, after a random time so that clients that start together do not
 * answer each other's searches; GWINFO and ADVERTISE name a gateway. Time and datagrams are arguments.
 */

import { decodeFrame, encodeFrame } from "../codec/frame.js";

/** A gateway that was found. */
export interface FoundGateway {
  /** Its identifier, 0 … 255. */
  readonly gatewayId: number;
  /** Where it sent its message from. */
  readonly address: string;
}

/** T_SEARCHGW: the most milliseconds before the first search, and the least until the next one [SN 7.2]. */
const SEARCH = 5_000;
/** The most milliseconds between two searches, which become rarer: the specification wants few of them. */
const RAREST = 300_000;

export class GatewaySearch {
  private searchAt: number;
  private pause = SEARCH;

  /**
   * @param radius the hops of the search, 0 … 255; 0: all nodes
   * @param random a number in [0, 1)
   * @param broadcast sends to all
   */
  constructor(
    private readonly radius: number,
    now: number,
    random: number,
    private readonly broadcast: (datagram: Uint8Array) => void,
  ) {
    this.searchAt = now + Math.ceil(random * SEARCH);
  }

  /** Returns the gateway that the datagram names. */
  receive(datagram: Uint8Array, from: string, now: number): FoundGateway | undefined {
    const { packet } = decodeFrame(datagram);
    if (packet?.type === "searchgw") {
      this.searched(now); // another client asks: its answer is for all
    } else if (packet?.type === "advertise" || (packet?.type === "gwinfo" && packet.gatewayAddress === undefined)) {
      // With an address, GWINFO is that of another client. What the address means, the specification leaves open.
      return { gatewayId: packet.gatewayId, address: from };
    }
    return undefined;
  }

  /** When `advance` must be called. */
  deadline(): number {
    return this.searchAt;
  }

  advance(now: number): void {
    if (now < this.searchAt) return;
    this.searched(now);
    this.broadcast(encodeFrame({ type: "searchgw", radius: this.radius }));
  }

  private searched(now: number): void {
    this.searchAt = now + this.pause;
    this.pause = Math.min(RAREST, 2 * this.pause);
  }
}
