// Whatever happens to the connection, and to the store, each publish, subscribe and unsubscribe settles, and exactly once; and the
// store ends up with the messages that have no outcome, and no others.
import type { OutboxPolicy, ProtocolVersion } from "@aiko/mqtt";
import type { Packet } from "@aiko/mqtt/codec";
import type { ClockKind, ScriptedPeer } from "@aiko/mqtt/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { recordsOf, storeAround } from "../../../../test/fixtures/stores.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { openRecords } from "../session/open-records.ts";
import { someClockKind } from "../testing/clock-kinds.ts";
import { Bench, type Outcome, watch } from "./bench.ts";

type Step =
  | { readonly do: "publish"; readonly qos: 0 | 1 | 2; readonly abortable: boolean }
  | { readonly do: "subscribe" | "unsubscribe" | "answer" | "refuse" | "cut" | "close" | "abort" | "garbage" }
  | { readonly do: "store"; readonly fails: boolean }
  | { readonly do: "wait"; readonly time: number }
  | { readonly do: "accept"; readonly sessionPresent: boolean };

const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant("publish"), qos: fc.constantFrom(0, 1, 2), abortable: fc.boolean() }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constantFrom("answer", "answer", "refuse", "abort", "subscribe", "unsubscribe") }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("cut", "close", "garbage") }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("store"), fails: fc.boolean() }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("accept"), sessionPresent: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("wait"), time: fc.constantFrom(10, 1_500, 70_000) }) },
  ) as fc.Arbitrary<Step>,
  { maxLength: 40 },
);

class Run {
  readonly bench: Bench;
  readonly outcomes: { readonly what: string; readonly outcome: Outcome<unknown> }[] = [];
  private readonly client;
  private abort = new AbortController();
  private peer: ScriptedPeer | undefined;
  private answered = 0;

  storeFails = false;

  constructor(
    private readonly version: ProtocolVersion,
    policy: OutboxPolicy,
    inner: MemoryStore | undefined,
    kind: ClockKind,
  ) {
    this.bench = Bench.on(kind);
    const store =
      inner &&
      storeAround(inner, (session) => ({
        write: async (changes) => {
          await undefined;
          if (this.storeFails) throw new Error("EIO");
          await session.write(changes);
        },
      }));
    this.client = this.bench.create({
      protocolVersion: version,
      cleanStart: false,
      outbox: { maximumCount: 10, policy },
      ...(store && { store }),
    });
    this.client.on("error", () => undefined); // which a test that fails a store provokes
    watch(this.client.connect());
  }

  async play(plan: readonly Step[]): Promise<void> {
    for (const step of plan) {
      await this.step(step);
      await this.bench.clock.tick();
    }
    this.storeFails = false;
    this.note("disconnect", this.client.disconnect({ drainTimeout: 1_000 }));
    await this.bench.clock.advance(5_000);
  }

  /** How many messages of QoS 1 and 2 rejected with one of these codes. */
  count(...codes: string[]): number {
    return this.outcomes.filter(
      ({ what, outcome }) =>
        what === "publish" && codes.includes((outcome.error as { code?: string } | undefined)?.code ?? ""),
    ).length;
  }

  private async step(step: Step): Promise<void> {
    const { client, peer } = this;
    switch (step.do) {
      case "publish":
        this.note(
          step.qos === 0 ? "publish QoS 0" : "publish",
          client.publish("t", "x", { qos: step.qos, ...(step.abortable && { signal: this.abort.signal }) }),
        );
        break;
      case "subscribe":
        this.note("subscribe", client.subscribe("t", { signal: this.abort.signal, onMessage: () => undefined }));
        break;
      case "unsubscribe":
        this.note("unsubscribe", client.unsubscribe("t", { signal: this.abort.signal }));
        break;
      case "abort":
        this.abort.abort();
        this.abort = new AbortController();
        break;
      case "answer":
      case "refuse":
        this.answer(step.do === "refuse" && this.version === 5);
        break;
      case "cut":
        peer?.cut();
        break;
      case "close":
        peer?.close();
        break;
      case "garbage":
        peer?.send(new Uint8Array(8));
        break;
      case "store":
        this.storeFails = step.fails;
        break;
      case "wait":
        await this.bench.clock.advance(step.time);
        break;
      case "accept":
        await this.accept(step.sessionPresent);
    }
  }

  private note(what: string, promise: Promise<unknown>): void {
    this.outcomes.push({ what, outcome: watch(promise) });
  }

  private async accept(sessionPresent: boolean): Promise<void> {
    if (this.peer?.isClosed === false) return;
    const next = watch(this.bench.server.next());
    await this.bench.clock.advance(2_000);
    if (next.value === undefined) return;
    this.peer = next.value;
    this.answered = 1;
    if (this.peer.isClosed) return;
    this.peer.send({ type: "connack", sessionPresent: sessionPresent && this.version !== 3, reasonCode: 0 });
  }

  /** Answers all that has come, rightly. */
  private answer(refuse: boolean): void {
    const { peer } = this;
    if (peer === undefined || peer.isClosed) return;
    for (; this.answered < peer.received.length; this.answered++) {
      const answer = answerTo(peer.received[this.answered] as Packet, this.version, refuse ? 0x80 : 0);
      if (answer !== undefined) peer.send(answer);
    }
  }
}

function answerTo(packet: Packet, version: ProtocolVersion, reasonCode: number): Packet | undefined {
  switch (packet.type) {
    case "publish": {
      const { packetIdentifier, qos } = packet;
      return qos === 0 ? undefined : { type: qos === 1 ? "puback" : "pubrec", packetIdentifier, reasonCode };
    }
    case "pubrel":
      return { type: "pubcomp", packetIdentifier: packet.packetIdentifier, reasonCode: 0 };
    case "subscribe":
      return { type: "suback", packetIdentifier: packet.packetIdentifier, reasonCodes: [reasonCode] };
    case "unsubscribe":
      return {
        type: "unsuback",
        packetIdentifier: packet.packetIdentifier,
        reasonCodes: version === 5 ? packet.topicFilters.map(() => reasonCode) : [],
      };
    default:
      return undefined;
  }
}

test.each([
  [3, "reject", false],
  [4, "drop-oldest", false],
  [5, "keep-latest", false],
  [3, "keep-latest", true],
  [4, "reject", true],
  [5, "drop-oldest", true],
  [5, "reject", true],
] as const)("on version %i, at the bound %s, with a store: %s", async (version, policy, stored) => {
  await fc.assert(
    fc.asyncProperty(steps, someClockKind, async (plan, kind) => {
      const store = stored ? new MemoryStore() : undefined;
      const run = new Run(version, policy, store, kind);
      await run.play(plan);
      const hanging = run.outcomes.filter(({ outcome }) => outcome.settled !== 1).map(({ what }) => what);
      expect(hanging).toEqual([]);
      for (const { what, outcome } of run.outcomes) {
        if (outcome.error !== undefined) expect(outcome.error, what).toHaveProperty("code");
      }
      expect(run.bench.clock.nextTimer).toBe(Infinity);
      if (store === undefined) return;
      const left = openRecords(await recordsOf(store)).length;
      const undecided = run.count("CLIENT_CLOSED", "DRAIN_TIMEOUT", "MESSAGE_KEPT");
      expect(left).toBeGreaterThanOrEqual(undecided);
      expect(left).toBeLessThanOrEqual(undecided + run.count("ABORTED")); // of those the promise was given up, perhaps no more
    }),
    { numRuns: 100 },
  );
});
