// Compares the outbox with a model that is a plain array: any sequence of add, take, put back, remove and expire.
import type { QoS } from "@aiko/mqtt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { effort } from "../../../../test/fixtures/effort.ts";
import { type GiveUp, Outbox, type OutboxBounds, type OutboxPolicy } from "../../src/session/outgoing/outbox.ts";
import { messageSize } from "../../src/session/outgoing/outgoing-message.ts";
import { ServerOutbox } from "../../src/session/outgoing/server-outbox.ts";
import { KeptMessage } from "./sessions.ts";

const bounds = { maximumCount: 5, maximumBytes: 40, maximumAge: 50 };

/** With `drop-qos0`, the outbox of a server. */
type Policy = OutboxPolicy | "drop-qos0";

function outboxOf(policy: Policy, limits: OutboxBounds, giveUp: GiveUp): Outbox {
  return policy === "drop-qos0" ? new ServerOutbox(limits, giveUp) : new Outbox({ ...limits, policy }, giveUp);
}

class Model {
  waiting: KeptMessage[] = [];
  readonly sent = new Set<KeptMessage>();
  readonly gone = new Map<KeptMessage, string>();

  constructor(private readonly policy: Policy) {}

  add(message: KeptMessage): void {
    const { policy, waiting } = this;
    const at = waiting.findIndex((each) => each.topic === message.topic && !this.sent.has(each));
    if (policy === "keep-latest" && at >= 0) {
      const before = waiting[at] as KeptMessage;
      const growth = messageSize(message) - messageSize(before);
      if (growth > 0 && this.bytes + growth > bounds.maximumBytes) {
        this.gone.set(message, "OUTBOX_FULL");
      } else {
        this.gone.set(before, "OUTBOX_REPLACED");
        waiting[at] = message;
      }
      return;
    }
    while (policy === "drop-oldest" && !this.fits(message) && messageSize(message) <= bounds.maximumBytes) {
      const oldest = waiting.find((each) => !this.sent.has(each));
      if (oldest === undefined) break;
      waiting.splice(waiting.indexOf(oldest), 1);
      this.gone.set(oldest, "OUTBOX_DROPPED");
    }
    const droppable = waiting.filter((each) => each.qos === 0 && !this.sent.has(each));
    if (policy === "drop-qos0" && this.fits(message, droppable)) {
      while (!this.fits(message)) {
        const oldest = droppable.shift() as KeptMessage;
        waiting.splice(waiting.indexOf(oldest), 1);
        this.gone.set(oldest, "OUTBOX_DROPPED");
      }
    }
    if (this.fits(message)) waiting.push(message);
    else this.gone.set(message, policy === "drop-newest" ? "OUTBOX_DROPPED" : "OUTBOX_FULL");
  }

  expire(now: number): void {
    for (const each of this.waiting)
      if (each.expiresAt <= now || each.queuedAt + bounds.maximumAge <= now) this.gone.set(each, "MESSAGE_EXPIRED");
    this.waiting = this.waiting.filter((each) => !this.gone.has(each));
  }

  get bytes(): number {
    return this.waiting.reduce((sum, each) => sum + messageSize(each), 0);
  }

  private fits(message: KeptMessage, without: readonly KeptMessage[] = []): boolean {
    const bytes = this.bytes - without.reduce((sum, each) => sum + messageSize(each), 0);
    if (this.waiting.length - without.length >= bounds.maximumCount) return false;
    return bytes + messageSize(message) <= bounds.maximumBytes;
  }
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("add" as const),
      topic: fc.constantFrom("a", "b", "c"),
      size: fc.nat(20),
      qos: fc.constantFrom(0, 1),
      expiresIn: fc.option(fc.nat(60)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("add" as const), topic: fc.constant("large"), size: fc.constant(60) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("shift" as const, "put back" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("remove" as const), at: fc.nat(4) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), time: fc.nat(40) }) },
);

test.each<Policy>(["reject", "drop-oldest", "drop-newest", "keep-latest", "drop-qos0"])("policy %s", (policy) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const model = new Model(policy);
      const gone = new Map<KeptMessage, string>();
      const outbox = outboxOf(policy, bounds, (message, { code }) => {
        expect(gone.has(message as KeptMessage)).toBe(false);
        gone.set(message as KeptMessage, code);
      });
      let now = 1_000;
      let taken: KeptMessage[] = [];
      for (const each of steps) {
        switch (each.do) {
          case "add": {
            const expiresIn = "expiresIn" in each ? each.expiresIn : undefined;
            const message = new KeptMessage(each.topic, "qos" in each ? (each.qos as QoS) : 1, {
              payload: new Uint8Array(each.size),
              ...(typeof expiresIn === "number" && { expiresAt: now + expiresIn }),
            });
            message.queuedAt = now;
            outbox.add(message, false);
            model.add(message);
            break;
          }
          case "shift": {
            const message = outbox.peek() as KeptMessage | undefined;
            expect(message).toBe(model.waiting.shift());
            if (message === undefined) break;
            outbox.remove(message);
            model.sent.add(message);
            taken.push(message);
            break;
          }
          case "put back":
            outbox.putBack(taken);
            model.waiting.unshift(...taken);
            taken = [];
            break;
          case "remove": {
            const message = model.waiting[each.at];
            if (message === undefined) break;
            expect(outbox.remove(message)).toBe(true);
            expect(outbox.remove(message)).toBe(false);
            model.waiting.splice(each.at, 1);
            break;
          }
          case "wait":
            now += each.time;
            model.expire(now);
            expect(outbox.expire(now)).toBe(
              Math.min(
                ...model.waiting.map(({ expiresAt, queuedAt }) => Math.min(expiresAt, queuedAt + bounds.maximumAge)),
              ),
            );
        }
        expect([outbox.length, outbox.bytes]).toEqual([model.waiting.length, model.bytes]);
        expect(outbox.peek()).toBe(model.waiting[0]);
        expect(outbox.peekReturned()).toBe(model.waiting.slice(0, 1).find((message) => model.sent.has(message)));
        expect(gone).toEqual(model.gone);
      }
      const count = (code: string) => [...gone.values()].filter((each) => each === code).length;
      const { refused, droppedOldest, droppedNewest, replaced, expired, tooOld } = outbox.counts;
      expect([refused, droppedOldest + droppedNewest, replaced, expired + tooOld]).toEqual(
        ["OUTBOX_FULL", "OUTBOX_DROPPED", "OUTBOX_REPLACED", "MESSAGE_EXPIRED"].map(count),
      );
      expect(outbox.drain()).toEqual(model.waiting);
      expect([outbox.length, outbox.bytes, outbox.peek()]).toEqual([0, 0, undefined]);
    }),
    { numRuns: 300 },
  );
});

describe("the cost of a message does not depend on the number of queued messages:", () => {
  /** Milliseconds for this many messages into an outbox that holds `waiting` messages. */
  const cost = (policy: Policy, waiting: number): Promise<number> => {
    const outbox = outboxOf(policy, { maximumCount: waiting, maximumBytes: 1e9 }, () => undefined);
    const add = (i: number): void =>
      void outbox.add(new KeptMessage(`t/${i % waiting}`, policy === "drop-qos0" ? 0 : 1), false);
    for (let i = 0; i < waiting; i++) add(i);
    return effort(() => {
      for (let i = 0; i < 20_000; i++) add(i);
    });
  };

  test.each<Policy>(["drop-oldest", "keep-latest", "drop-qos0"])("%s", async (policy) => {
    const few = await cost(policy, 10);
    const many = await cost(policy, 100_000);
    expect(many).toBeLessThan(few * 20 + 20); // a search through 100,000 would take a thousand times as long
  });
});
