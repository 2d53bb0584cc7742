// Selects the fate of each connection with a seeded random generator, until the planned number of cuts and kills is
// reached.
import type { PacketType } from "@aiko/mqtt/codec";
import type { SeededRandom } from "@aiko/mqtt/testing";
import { type Aim, type Blow, type Fate, type Pace, UNHURT } from "../fixtures/fate.ts";

export interface FaultQuota {
  readonly cuts: number;
  readonly kills: number;
  /** Connections that go silent instead of ending; each costs 1.5 × keep alive. */
  readonly halfOpen: number;
  /** A factor for the distance between faults, with no slow links between them. Default 1. */
  readonly spread?: number;
}

/** The maximum of packets of the flow before the target packet. */
const MOST_SKIPPED = 12;
/** The maximum of bytes in both directions before a random fault. */
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

  /** Milliseconds after which the process that starts now is killed in any state; undefined: not after a time. */
  killByClock(): number | undefined {
    if (this.isOver || this.killsLeft === 0 || this.random.next() >= 0.2) return undefined;
    this.killsLeft--;
    return this.random.integer(40);
  }

  /** For the next connection. A planned fault that no packet reaches does not count: it is counted when it happens. */
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
      this.cutsLeft = Math.max(0, this.cutsLeft - 1); // two connections may overlap, both with a planned fault
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
