// Whatever happens to the connection and to the store, each publish, subscribe and unsubscribe settles exactly once. In
// the end the store has exactly the messages without an outcome.
import { type Client, MemoryStore, type OutboxPolicy, type Subscription } from "@aiko/mqtt";
import type { ClockKind, ScriptedPeer } from "@aiko/mqtt/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { recordsOf, storeAround } from "../../../../test/fixtures/stores.ts";
import { INCOMING } from "../../src/session/incoming/incoming-records.ts";
import { openRecords } from "../session/open-records.ts";
import { someClockKind } from "../testing/clock-kinds.ts";
import {
  answer,
  type ClientBench,
  type ClientCase,
  clients,
  message,
  type Outcome,
  type RecordedEvents,
  watch,
} from "./clients.ts";

const simple = [...(["answer", "answer", "answer", "refuse", "abort", "subscribe", "iterate", "unsubscribe"] as const)];
type Step =
  | { readonly do: "publish"; readonly qos: 0 | 1 | 2; readonly abortable: boolean }
  | { readonly do: (typeof simple)[number] | "cut" | "close" | "garbage" }
  | { readonly do: "deliver"; readonly qos: 0 | 1 | 2 }
  | { readonly do: "store"; readonly fails: boolean }
  | { readonly do: "wait"; readonly time: number }
  | { readonly do: "accept"; readonly sessionPresent: boolean; readonly reasonCode: number };

const qos = fc.constantFrom(0, 1, 2);
const reasonCode = fc.constantFrom(0, 0, 0, 0, 0, 3);
const boolean = fc.boolean();
const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant("publish"), qos, abortable: boolean }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constantFrom(...simple) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("deliver"), qos }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("cut", "close", "garbage") }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("store"), fails: boolean }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("accept"), sessionPresent: boolean, reasonCode }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("wait"), time: fc.constantFrom(10, 1_500, 70_000, 400_000) }) },
  ) as fc.Arbitrary<Step>,
  { maxLength: 40 },
);

class Run {
  readonly outcomes: { readonly what: string; readonly outcome: Outcome<unknown> }[] = [];
  readonly events: RecordedEvents;
  readonly bench: ClientBench;
  /** As the full client; it gets only what the small client supports too. */
  private readonly client: Client;
  private abort = new AbortController();
  private peer: ScriptedPeer | undefined;
  private answered = 0;
  private delivered = 0;
  private storeFails = false;

  constructor(
    private readonly subject: ClientCase,
    kind: ClockKind,
    private readonly version: 3 | 4 | 5,
    policy?: OutboxPolicy,
    inner?: MemoryStore,
  ) {
    this.bench = subject.createBench(undefined, undefined, kind);
    const store =
      inner &&
      storeAround(inner, (session) => ({
        write: async (changes) => {
          await undefined;
          if (this.storeFails) throw new Error("EIO");
          await session.write(changes);
        },
      }));
    const outbox = { maximumCount: 10, ...(policy && { policy }) };
    const options = { protocolVersion: version, cleanStart: false, keepAlive: 30, outbox, ...(store && { store }) };
    this.client = this.bench.create(options) as Client;
    this.events = this.bench.recordEvents(this.client);
    this.note("connect", this.client.connect());
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

  /** How many messages of QoS 1 and 2 were rejected with one of these codes. */
  count(...codes: string[]): number {
    const rejected = this.outcomes.filter(({ what }) => what === "publish 1" || what === "publish 2");
    return rejected.filter(({ outcome }) =>
      codes.includes((outcome.error as { code?: string } | undefined)?.code ?? ""),
    ).length;
  }

  private async step(step: Step): Promise<void> {
    const { client, peer } = this;
    const { signal } = this.abort;
    const options = this.subject.abortsRequests ? { signal } : {};
    switch (step.do) {
      case "publish":
        this.note(
          `publish ${step.qos}`,
          client.publish("t", "x", { qos: step.qos, ...(step.abortable && { signal }) }),
        );
        break;
      case "subscribe":
        this.note("subscribe", client.subscribe("t", { ...options, onMessage: () => undefined }));
        break;
      case "iterate":
        this.note("loop", client.subscribe(["t", "u"]).then(readTwo));
        break;
      case "unsubscribe":
        this.note("unsubscribe", client.unsubscribe("t", options));
        break;
      case "abort":
        this.abort.abort();
        this.abort = new AbortController();
        break;
      case "answer":
      case "refuse":
        this.answer(step.do === "refuse" && this.version === 5 ? [0x80] : []);
        break;
      case "deliver":
        if (peer?.isClosed === false && client.connected)
          peer.send(message("t", "x", step.qos, step.qos && ++this.delivered));
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
        await this.accept(step.sessionPresent, step.reasonCode);
    }
  }

  private note(what: string, promise: Promise<unknown>): void {
    this.outcomes.push({ what, outcome: watch(promise) });
  }

  private async accept(sessionPresent: boolean, reasonCode: number): Promise<void> {
    if (this.peer?.isClosed === false) return;
    const next = watch(this.bench.server.next());
    await this.bench.clock.advance(2_000);
    if (next.value === undefined) return;
    this.peer = next.value;
    this.answered = 1;
    if (this.peer.isClosed) return;
    if (reasonCode === 0)
      this.peer.send({ type: "connack", sessionPresent: sessionPresent && this.version > 3, reasonCode });
    else this.peer.send({ type: "connack", sessionPresent: false, reasonCode: this.version === 5 ? 0x88 : reasonCode });
  }

  /** Answers all received packets correctly. */
  private answer(reasonCodes: readonly number[]): void {
    const { peer } = this;
    if (peer === undefined || peer.isClosed) return;
    for (const packet of peer.received.slice(this.answered)) {
      const isRelease = packet.type === "pubrec" || packet.type === "pubrel";
      answer(peer, packet, isRelease ? [] : reasonCodes);
    }
    this.answered = peer.received.length;
  }
}

/** Ends when the subscription ends, or after two messages. */
async function readTwo(subscription: Subscription): Promise<void> {
  let left = 2;
  for await (const _ of subscription) if (--left === 0) break;
}

/** Runs a plan, and expects what both clients promise for every plan. */
async function settlesAll(run: Run, plan: readonly Step[]): Promise<void> {
  await run.play(plan);
  const hanging = run.outcomes.filter(({ outcome }) => outcome.settled !== 1).map(({ what }) => what);
  expect(hanging).toEqual([]);
  for (const { what, outcome } of run.outcomes) {
    if (outcome.error !== undefined) expect(outcome.error, what).toHaveProperty("code");
  }
  for (const { name, value } of run.events) if (name === "error") expect(value).toHaveProperty("code");
  expect(run.bench.clock.nextTimer).toBe(Infinity);
}

/**
 * An iterator whose UNSUBACK does not arrive before the client ends is not an error, and nothing is reported after
 * "closed".
 */
const leftIterating: Step[] = [
  { do: "accept", sessionPresent: true, reasonCode: 0 },
  { do: "publish", qos: 2, abortable: false },
  { do: "deliver", qos: 1 },
  { do: "iterate" },
  { do: "answer" },
  { do: "deliver", qos: 0 },
];

describe.each(clients)("the $name client", (subject) => {
  const { outboxes, versions } = subject;
  test.each(versions)("every promise settles, on version %i", async (version) => {
    await fc.assert(
      fc.asyncProperty(steps, someClockKind, async (plan, kind) => {
        const run = new Run(subject, kind, version);
        await settlesAll(run, plan);
        const told = run.events.map(({ name }) => name);
        expect(told.filter((name) => name === "closed")).toHaveLength(1);
        expect(told.at(-1)).toBe("closed");
      }),
      { numRuns: 250, examples: [[leftIterating, {}]] },
    );
  });

  test.each(outboxes)(
    "every promise settles on version %i, at the limit %s, with a store: %s",
    async (version, policy, stored) => {
      await fc.assert(
        fc.asyncProperty(steps, someClockKind, async (plan, kind) => {
          const store = stored ? new MemoryStore() : undefined;
          const run = new Run(subject, kind, version, policy, store);
          await settlesAll(run, plan);
          if (store === undefined) return;
          const left = openRecords(await recordsOf(store)).filter(({ key }) => key < INCOMING).length;
          const undecided = run.count("CLIENT_CLOSED", "DRAIN_TIMEOUT", "MESSAGE_KEPT");
          expect(left).toBeGreaterThanOrEqual(undecided);
          expect(left).toBeLessThanOrEqual(undecided + run.count("ABORTED")); // aborted messages may have been sent
        }),
        { numRuns: 100 },
      );
    },
  );
});
