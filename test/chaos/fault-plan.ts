// Draws the fate of each connection by a seeded lot, until so many cuts and kills have been.
import type { PacketType } from "@aiko/mqtt/codec";
import type { SeededRandom } from "@aiko/mqtt/testing";
import { type Aim, type Blow, type Fate, type Pace, UNHURT } from "../fixtures/fate.ts";

export interface FaultQuota {
  readonly cuts: number;
  readonly kills: number;
  /** Connections that go silent instead of ending; each costs 1.5 × keep alive. */
  readonly halfOpen: number;
  /** So many times further apart are the blows, with nothing slow between. Default 1. */
  readonly spread?: number;
}

/** Packets of the flow before the one that is aimed at, at the most. */
const MOST_SKIPPED = 12;
/** Bytes of both directions before a blow at random, at the most. */
const MOST_BYTES = 1_500;

const exchanged: Readonly<Record<1 | 2, readonly PacketType[]>> = {
  1: ["publish", "puback"],
  2: ["publish", "pubrec", "pubrel", "pubcomp"],
};

export class FaultPlan {
  private cutsLeft: number;
  private killsLeft: number;
  private halfOpenLeft: number;
  private stopped = false;

  constructor(
    private readonly random: SeededRandom,
    private readonly qos: 1 | 2,
    private readonly quota: FaultQuota,
    /** Kills the client process. */
    private readonly kill: () => void,
  ) {
    this.cutsLeft = quota.cuts;
    this.killsLeft = quota.kills;
    this.halfOpenLeft = quota.halfOpen;
  }

  get isOver(): boolean {
    return this.stopped || this.cutsLeft + this.killsLeft + this.halfOpenLeft === 0;
  }

  /** No further faults. */
  stop(): void {
    this.stopped = true;
  }

  /** Milliseconds after which the process that starts now is to be killed wherever it is; undefined: not by the clock. */
  killByClock(): number | undefined {
    if (this.isOver || this.killsLeft === 0 || this.random.next() >= 0.2) return undefined;
    this.killsLeft--;
    return this.random.integer(40);
  }

  /** For the next connection. A planned blow that no packet reaches is no blow: it is counted when it falls. */
  next(): Fate {
    if (this.isOver) return UNHURT;
    const pace = this.pace();
    const aim = this.aim();
    const { cutsLeft, killsLeft, halfOpenLeft, random } = this;
    const lot = random.integer(cutsLeft + killsLeft + halfOpenLeft);
    if (lot < killsLeft) {
      const then = () => {
        this.killsLeft = Math.max(0, this.killsLeft - 1);
        this.kill();
      };
      return { pace, strike: { aim, blow: "reset", then } };
    }
    if (lot < killsLeft + halfOpenLeft) {
      const then = () => {
        this.halfOpenLeft = Math.max(0, this.halfOpenLeft - 1);
      };
      return { pace, strike: { aim, blow: "half-open", then } };
    }
    const blow: Blow = random.next() < 0.5 ? "reset" : "end";
    const then = () => {
      this.cutsLeft = Math.max(0, this.cutsLeft - 1); // two connections may overlap, both with a blow to come
    };
    return { pace, strike: { aim, blow, then } };
  }

  private pace(): Pace {
    const { random } = this;
    const lot = random.next();
    if (lot < 0.8 || this.quota.spread !== undefined) return { of: "bytes" };
    if (lot < 0.9) return { of: "single bytes" };
    if (lot < 0.95) return { of: "delay", milliseconds: 1 + random.integer(3) };
    return { of: "throttle", bytes: 64 + random.integer(512), milliseconds: 1 };
  }

  private aim(): Aim {
    const { random } = this;
    const { spread = 1 } = this.quota;
    if (random.next() < 0.4) return { at: "bytes", count: 1 + random.integer(MOST_BYTES * spread) };
    const types = exchanged[this.qos];
    const type = types[random.integer(types.length)] as PacketType;
    const where = (["before", "middle", "after"] as const)[random.integer(3)] as "before" | "middle" | "after";
    return { at: "packet", type, skip: random.integer(MOST_SKIPPED * spread), where };
  }
}
