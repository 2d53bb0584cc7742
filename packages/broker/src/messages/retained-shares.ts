/** Counts the retained messages, of all publishers together and of each, and holds both to their limits. */

import type { Bounds } from "@aiko/mqtt";
import type { MemoryBudget } from "./memory-budget.js";
import type { PublishedMessage } from "./published-message.js";

/** What is counted, for all or for one publisher. */
interface Tally {
  count: number;
  bytes: number;
}

export class RetainedShares {
  private readonly all: Tally = { count: 0, bytes: 0 };
  private readonly byPublisher = new Map<string, Tally>();
  private readonly ofOne: Bounds;

  /** @param share the part of the bounds that one publisher may use, up to 1 */
  constructor(
    private readonly bounds: Bounds,
    private readonly share: number,
    private readonly budget: MemoryBudget,
  ) {
    this.ofOne = {
      maximumCount: Math.ceil(bounds.maximumCount * share),
      maximumBytes: Math.ceil(bounds.maximumBytes * share),
    };
  }

  get bytes(): number {
    return this.all.bytes;
  }

  /**
   * Returns the limit that the message would exceed; undefined if none. The application itself has no share: only the
   * common limits hold for its messages.
   *
   * @param former the message that it would replace
   */
  refusal(
    { publisher }: PublishedMessage,
    size: number,
    former: PublishedMessage | undefined,
    formerSize = 0,
  ): string | undefined {
    const { all, bounds, ofOne, share } = this;
    const freed = former === undefined ? NOTHING : { count: 1, bytes: formerSize };
    const limit = exceeded(all, freed, size, bounds);
    if (limit !== undefined) return `the limit retained.${limit} ${bounds[limit]} is reached`;
    const own = publisher === undefined ? undefined : this.byPublisher.get(publisher);
    if (publisher === undefined) return undefined;
    const mine = exceeded(own ?? NOTHING, former?.publisher === publisher ? freed : NOTHING, size, ofOne);
    if (mine === undefined) return undefined;
    return `the client has its share of retained.${mine}: ${ofOne[mine]}, maximumShare ${share}`;
  }

  add({ publisher }: PublishedMessage, size: number): void {
    count(this.all, 1, size);
    this.budget.take(size);
    if (publisher === undefined) return;
    let own = this.byPublisher.get(publisher);
    if (own === undefined) {
      own = { count: 0, bytes: 0 };
      this.byPublisher.set(publisher, own);
    }
    count(own, 1, size);
  }

  remove({ publisher }: PublishedMessage, size: number): void {
    count(this.all, -1, -size);
    this.budget.take(-size);
    const own = publisher === undefined ? undefined : this.byPublisher.get(publisher);
    if (own === undefined) return;
    count(own, -1, -size);
    if (own.count === 0) this.byPublisher.delete(publisher as string);
  }
}

const NOTHING: Readonly<Tally> = { count: 0, bytes: 0 };

function exceeded(
  used: Readonly<Tally>,
  freed: Readonly<Tally>,
  size: number,
  bounds: Bounds,
): keyof Bounds | undefined {
  if (used.count - freed.count + 1 > bounds.maximumCount) return "maximumCount";
  return used.bytes - freed.bytes + size > bounds.maximumBytes ? "maximumBytes" : undefined;
}

function count(tally: Tally, messages: number, bytes: number): void {
  tally.count += messages;
  tally.bytes += bytes;
}
