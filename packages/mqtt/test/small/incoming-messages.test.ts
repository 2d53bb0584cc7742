import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OutputBuffer } from "../../src/codec/output-buffer.ts";
import type { PublishPacket } from "../../src/codec/packets.ts";
import { ProtocolError } from "../../src/errors.ts";
import { MessageReceiver, type Delivery as WholeDelivery } from "../../src/session/incoming/message-receiver.ts";
import { type Delivery, IncomingMessages, NOT_GIVEN } from "../../src/small/incoming-messages.ts";
import { toHex } from "../codec/vectors.ts";
import type { SmallVersion } from "./reading.ts";

function publishing(qos: 1 | 2, packetIdentifier: number): PublishPacket {
  return { type: "publish", topic: "t", payload: new Uint8Array(), qos, retain: false, dup: false, packetIdentifier };
}

/** The receiving half, and the bytes that it wrote. */
class Kept {
  private written: string[] = [];
  readonly messages: IncomingMessages;

  constructor(version: SmallVersion = 5) {
    this.messages = new IncomingMessages(version, (packet) => this.written.push(toHex(packet)));
    this.messages.opened(false);
  }

  /** What was written since the last call. */
  taken(): string {
    return this.written.splice(0).join(" ");
  }

  /** A message that is new to the application. */
  given(qos: 1 | 2, packetIdentifier: number): Delivery {
    const delivery = this.messages.publish(publishing(qos, packetIdentifier));
    if (delivery === undefined) throw new Error("it was known");
    return delivery;
  }

  /** Whether the application has got this message already. */
  isKnown(packetIdentifier: number): boolean {
    return this.messages.publish(publishing(2, packetIdentifier)) === undefined;
  }

  reopened(resumed = true): void {
    this.messages.lost();
    this.messages.opened(resumed);
  }
}

function faultOf(run: () => unknown): ProtocolError {
  try {
    run();
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
  return expect.unreachable("nothing was thrown");
}

describe.each([4, 5] as const)("on version %i", (version) => {
  test("in a session that may be another one, a message without DUP is a new message", () => {
    const kept = new Kept(version);
    for (const packetIdentifier of [1, 2]) kept.messages.finished(kept.given(2, packetIdentifier), 0);
    kept.reopened();
    kept.messages.doubt();
    expect(kept.messages.publish({ ...publishing(2, 1), dup: true })).toBeUndefined();
    kept.messages.finished(kept.given(2, 2), 0);
    expect(kept.isKnown(2)).toBe(true);
  });

  test("a message that is withheld from the application is not acknowledged, and blocks nothing", () => {
    const kept = new Kept(version);
    const [a, b, c] = [kept.given(1, 1), kept.given(2, 2), kept.given(1, 3)];
    kept.messages.finished(a, NOT_GIVEN);
    kept.messages.finished(b, NOT_GIVEN);
    kept.messages.finished(c, 0);
    expect(kept.taken()).toBe("40020003");
  });
});

/** Actions of a server, the network and the application. `pick` selects one of the possible ones. */
type Step =
  | { does: "publish"; qos: 1 | 2; packetIdentifier: number }
  | { does: "finish"; pick: number; reasonCode: number }
  | { does: "pubrel"; packetIdentifier: number }
  | { does: "lose"; resumed: boolean; finished: number };

const packetIdentifier = fc.integer({ min: 1, max: 4 });
const reasonCode = fc.constantFrom(0, 0, 0, 0x83);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant("publish"), qos: fc.constantFrom(1, 2), packetIdentifier }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constant("finish"), pick: fc.nat(), reasonCode }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("pubrel"), packetIdentifier }) },
  {
    weight: 1,
    arbitrary: fc.record({ does: fc.constant("lose"), resumed: fc.boolean(), finished: fc.nat({ max: 2 }) }),
  },
) as fc.Arbitrary<Step>;

/** The full client's receiving half with the same interface. */
class Whole {
  private out = new OutputBuffer();
  private readonly receiver = new MessageReceiver(undefined);

  constructor(private readonly version: SmallVersion) {
    this.opened(false);
  }

  opened(resumed: boolean): void {
    this.out = new OutputBuffer();
    const outlet = { out: this.out, congested: false, takes: 0, touch: () => undefined };
    this.receiver.opened({ outlet, version: this.version, receiveMaximum: 0xffff, tolerated: 0xffff }, resumed, true);
  }

  lost(): void {
    this.receiver.lost();
  }

  publish(packet: PublishPacket): WholeDelivery | undefined {
    return this.receiver.publish(packet);
  }

  finished(delivery: WholeDelivery, reasonCode: number): void {
    this.receiver.finished(delivery, reasonCode);
  }

  pubrel(packetIdentifier: number): void {
    this.receiver.pubrel({ type: "pubrel", packetIdentifier, reasonCode: 0 });
  }

  taken(): string {
    return this.out.take().map(toHex).join("");
  }
}

test.each([4, 5] as const)(
  "on version %i, it does the same as the full client's receiving half, step by step",
  (version) => {
    const seen = { known: 0, faults: 0, acknowledgements: 0 };
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const small = new Kept(version);
        const whole = new Whole(version);
        let open: [Delivery, WholeDelivery][] = [];
        /**
         * QoS 2 messages that were resent and wait for another PUBREC: the full client sends one for each, the small
         * client one for all.
         */
        const again = new Set<number>();
        /** QoS 2 messages whose PUBREC may be waiting in the order: only the small client accepts a PUBREL then. */
        const finished = new Set<number>();
        const finish = (pick: number, code: number): void => {
          const [pair] = open.splice(pick % Math.max(1, open.length), 1);
          if (pair === undefined) return;
          if (pair[0].qos === 2) finished.add(pair[0].packetIdentifier);
          small.messages.finished(pair[0], code);
          whole.finished(pair[1], code);
        };
        const lose = (resumed: boolean, count: number): void => {
          small.messages.lost();
          whole.lost();
          again.clear();
          for (let i = 0; i < count; i++) finish(0, i === 0 ? 0 : 0x83);
          small.messages.opened(resumed);
          whole.opened(resumed);
          // Messages that a lost session leaves with the application no longer belong to a session.
          if (!resumed) open = [];
        };
        for (const each of steps) {
          if (each.does === "publish") {
            const { qos, packetIdentifier } = each;
            if (qos === 2 && again.has(packetIdentifier)) continue;
            const packet = publishing(qos, packetIdentifier);
            const [a, b] = [small.messages.publish(packet), whole.publish(packet)];
            expect(a === undefined).toBe(b === undefined);
            if (a && b) {
              open.push([a, b]);
              if (qos === 2) finished.delete(packetIdentifier);
            } else {
              again.add(packetIdentifier);
              seen.known++;
            }
          } else if (each.does === "finish") {
            finish(each.pick, each.reasonCode);
          } else if (each.does === "pubrel") {
            const { packetIdentifier } = each;
            if (again.has(packetIdentifier)) continue;
            let fault: ProtocolError | undefined;
            try {
              whole.pubrel(packetIdentifier);
            } catch (error) {
              fault = error as ProtocolError;
            }
            if (fault === undefined) {
              small.messages.pubrel(packetIdentifier);
            } else if (!finished.has(packetIdentifier)) {
              seen.faults++;
              expect(faultOf(() => small.messages.pubrel(packetIdentifier)).reasonCode).toBe(fault.reasonCode);
              lose(true, 0);
            }
          } else {
            lose(each.resumed, each.finished);
          }
          const written = small.taken();
          expect(written.replaceAll(" ", "")).toBe(whole.taken());
          if (written) seen.acknowledgements++;
          for (const one of written.split(" "))
            if (one.startsWith("50")) again.delete(Number.parseInt(one.slice(4, 8), 16));
        }
      }),
      { numRuns: 3000 },
    );
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(50); // the least is 155 on average
  },
);
