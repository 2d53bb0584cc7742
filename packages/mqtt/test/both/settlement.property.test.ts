// Whatever happens to the connection, each publish, subscribe and unsubscribe settles, and exactly once.
import type { Packet } from "@aiko/mqtt/codec";
import type { SmallClient, SmallSubscription } from "@aiko/mqtt/small";
import type { ScriptedPeer } from "@aiko/mqtt/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { someClockKind } from "../testing/clock-kinds.ts";
import { type ClientBench, clients, message, type Outcome, recordEvents, watch } from "./clients.ts";

type Step =
  | { readonly do: "publish"; readonly qos: 0 | 1 | 2; readonly abortable: boolean }
  | {
      readonly do:
        | "subscribe"
        | "iterate"
        | "unsubscribe"
        | "answer"
        | "refuse"
        | "cut"
        | "close"
        | "abort"
        | "garbage";
    }
  | { readonly do: "deliver"; readonly qos: 0 | 1 | 2 }
  | { readonly do: "wait"; readonly time: number }
  | { readonly do: "accept"; readonly sessionPresent: boolean; readonly reasonCode: number };

const qos = fc.constantFrom(0, 1, 2);
const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant("publish"), qos, abortable: fc.boolean() }) },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constantFrom("answer", "answer", "answer", "refuse", "abort", "subscribe", "iterate", "unsubscribe"),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("deliver"), qos }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("cut", "close", "garbage") }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant("accept"),
        sessionPresent: fc.boolean(),
        reasonCode: fc.constantFrom(0, 0, 0, 0, 0, 3),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("wait"), time: fc.constantFrom(10, 1_500, 400_000) }) },
  ) as fc.Arbitrary<Step>,
  { maxLength: 40 },
);

class Run {
  readonly outcomes: { readonly what: string; readonly outcome: Outcome<unknown> }[] = [];
  readonly events: { readonly name: string; readonly value: unknown }[];
  private readonly client: SmallClient;
  private abort = new AbortController();
  private peer: ScriptedPeer | undefined;
  private answered = 0;
  private delivered = 0;

  constructor(
    readonly bench: ClientBench,
    private readonly version: 3 | 4 | 5,
  ) {
    this.client = this.bench.create({
      protocolVersion: version,
      cleanStart: false,
      keepAlive: 30,
      outbox: { maximumCount: 10 },
    });
    this.events = recordEvents(this.client);
    this.note("connect", this.client.connect());
  }

  async play(plan: readonly Step[]): Promise<void> {
    for (const step of plan) {
      await this.step(step);
      await this.bench.clock.tick();
    }
    this.note("disconnect", this.client.disconnect({ drainTimeout: 1_000 }));
    await this.bench.clock.advance(5_000);
  }

  private async step(step: Step): Promise<void> {
    const { client, peer } = this;
    switch (step.do) {
      case "publish":
        this.note(
          `publish ${step.qos}`,
          client.publish("t", "x", { qos: step.qos, ...(step.abortable && { signal: this.abort.signal }) }),
        );
        break;
      case "subscribe":
        this.note("subscribe", client.subscribe("t", { onMessage: () => undefined }));
        break;
      case "iterate":
        this.note("loop", client.subscribe(["t", "u"]).then(readTwo));
        break;
      case "unsubscribe":
        this.note("unsubscribe", client.unsubscribe("t"));
        break;
      case "abort":
        this.abort.abort();
        this.abort = new AbortController();
        break;
      case "answer":
      case "refuse":
        this.answer(step.do === "refuse" && this.version === 5);
        break;
      case "deliver":
        if (this.peer?.isClosed === false && client.connected)
          peer?.send(message("t", "x", step.qos, step.qos && ++this.delivered));
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

/** Ends when the subscription does, or after two messages. */
async function readTwo(subscription: SmallSubscription): Promise<void> {
  let left = 2;
  for await (const _ of subscription) if (--left === 0) break;
}

function answerTo(packet: Packet, version: 3 | 4 | 5, reasonCode: number): Packet | undefined {
  switch (packet.type) {
    case "publish": {
      const { packetIdentifier, qos: level } = packet;
      return level === 0 ? undefined : { type: level === 1 ? "puback" : "pubrec", packetIdentifier, reasonCode };
    }
    case "pubrec":
      return { type: "pubrel", packetIdentifier: packet.packetIdentifier, reasonCode: 0 };
    case "pubrel":
      return { type: "pubcomp", packetIdentifier: packet.packetIdentifier, reasonCode: 0 };
    case "pingreq":
      return { type: "pingresp" };
    case "subscribe":
      return {
        type: "suback",
        packetIdentifier: packet.packetIdentifier,
        reasonCodes: packet.subscriptions.map(() => reasonCode),
      };
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

/** An iterator whose UNSUBACK does not come before the client ends: that is no error of its own, and nothing is told after "closed". */
const leftIterating: Step[] = [
  { do: "accept", sessionPresent: true, reasonCode: 0 },
  { do: "publish", qos: 2, abortable: false },
  { do: "deliver", qos: 1 },
  { do: "iterate" },
  { do: "answer" },
  { do: "deliver", qos: 0 },
];

describe.each(clients)("the $name client", ({ createBench, versions }) => {
  test.each(versions)("settles all, on version %i", async (version) => {
    await fc.assert(
      fc.asyncProperty(steps, someClockKind, async (plan, kind) => {
        const run = new Run(createBench(undefined, undefined, kind), version);
        await run.play(plan);
        const hanging = run.outcomes.filter(({ outcome }) => outcome.settled !== 1).map(({ what }) => what);
        expect(hanging).toEqual([]);
        for (const { what, outcome } of run.outcomes) {
          if (outcome.error !== undefined) expect(outcome.error, what).toHaveProperty("code");
        }
        const told = run.events.map(({ name }) => name);
        expect(told.filter((name) => name === "closed")).toHaveLength(1);
        expect(told.at(-1)).toBe("closed");
        for (const { name, value } of run.events) if (name === "error") expect(value).toHaveProperty("code");
        expect(run.bench.clock.nextTimer).toBe(Infinity);
      }),
      { numRuns: 250, examples: [[leftIterating, {}]] },
    );
  });
});
