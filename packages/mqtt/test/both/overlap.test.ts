// Overlapping subscriptions at a server that sends one copy for each of them, or one for all: which handlers get each
// copy, in both clients.
import type { Packet, SubscribePacket } from "@aiko/mqtt/codec";
import type { SmallSubscription } from "@aiko/mqtt/small";
import type { ScriptedPeer } from "@aiko/mqtt/testing";
import { topicFilterMatches } from "@aiko/mqtt/topic";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ClientBench, clients } from "./clients.ts";

/** A server's subscriptions by topic filter, with the identifier of each [MQTT5-3.3.4-3, MQTT5-3.8.4-3]. */
class ModelServer {
  readonly subscriptions = new Map<string, number>();
  private handled = 0;

  constructor(
    private readonly clock: ClientBench["clock"],
    private readonly peer: ScriptedPeer,
  ) {}

  /** Answers the received packets. @param refuses filters that it denies */
  async answer(refuses: readonly string[] = []): Promise<void> {
    for (let quiet = 0; quiet < 5; quiet++) {
      await this.clock.tick();
      const packet = this.peer.received[this.handled];
      if (packet === undefined) continue;
      this.handled++;
      quiet = -1;
      if (packet.type === "subscribe") this.subscribe(packet, refuses);
      if (packet.type === "unsubscribe") {
        for (const filter of packet.topicFilters) this.subscriptions.delete(filter);
        const reasonCodes = packet.topicFilters.map(() => 0);
        this.peer.send({ type: "unsuback", packetIdentifier: packet.packetIdentifier, reasonCodes });
      }
    }
  }

  private subscribe(
    { packetIdentifier, subscriptions, properties }: SubscribePacket,
    refuses: readonly string[],
  ): void {
    const reasonCodes = subscriptions.map(({ topicFilter }) => {
      if (refuses.includes(topicFilter)) return 0x87;
      this.subscriptions.set(topicFilter, properties?.subscriptionIdentifier as number);
      return 0;
    });
    this.peer.send({ type: "suback", packetIdentifier, reasonCodes });
  }

  async publish(topic: string, payload: string, copies: "one each" | "one for all"): Promise<void> {
    const identifiers = [...this.subscriptions]
      .filter(([filter]) => topicFilterMatches(filter, topic))
      .map(([, each]) => each);
    if (copies === "one each") for (const identifier of identifiers) this.copy(topic, payload, [identifier]);
    else if (identifiers.length > 0) this.copy(topic, payload, identifiers);
    for (let i = 0; i < 3; i++) await this.clock.tick();
  }

  /**
   * How many of the copies are for the owner of these filters. One identifier stands for all filters of a SUBSCRIBE,
   * and does not tell which.
   */
  copiesFor(filters: readonly string[], topic: string): number {
    const matching = [...this.subscriptions].filter(([filter]) => topicFilterMatches(filter, topic));
    const named = matching.filter(([filter]) => filters.includes(filter)).map(([, identifier]) => identifier);
    return matching.filter(([, identifier]) => named.includes(identifier)).length;
  }

  copy(topic: string, payload: string, subscriptionIdentifiers: readonly number[]): void {
    const publish: Packet = {
      type: "publish",
      topic,
      payload: new TextEncoder().encode(payload),
      qos: 0,
      retain: false,
      dup: false,
      packetIdentifier: 0,
      properties: { subscriptionIdentifiers },
    };
    this.peer.send(publish);
  }
}

const FILTERS = ["a/#", "a/+", "a/b", "c", "+", "#"] as const;
const TOPICS = ["a/b", "a/x", "c"] as const;

interface Step {
  readonly does: "subscribe" | "unsubscribe" | "publish";
  readonly filters: readonly string[];
  readonly refused: boolean;
  readonly which: number;
  readonly topic: string;
}

const step: fc.Arbitrary<Step> = fc.record({
  does: fc.constantFrom("subscribe", "subscribe", "unsubscribe", "publish", "publish"),
  filters: fc.uniqueArray(fc.constantFrom(...FILTERS), { minLength: 1, maxLength: 3 }),
  /** Whether the server denies the last of several filters. */
  refused: fc.boolean(),
  which: fc.nat(10),
  topic: fc.constantFrom(...TOPICS),
});

/** A handler's filters as the server stores them, and the messages that it got. */
interface Handler {
  filters: string[];
  readonly subscription: Pick<SmallSubscription, "unsubscribe">;
  readonly got: string[];
}

describe.each(clients)("the $name client", ({ createBench }) => {
  describe.each(["one each", "one for all"] as const)(
    "overlapping subscriptions at a server that sends %s",
    (copies) => {
      test("give each handler a message once for each copy that is for its filters", async () => {
        await fc.assert(
          fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), (steps) =>
            run(createBench(), steps, copies),
          ),
          { numRuns: 150 },
        );
      });
    },
  );

  test("a copy for one of two overlapping subscriptions goes only to that one, although they share another filter", async () => {
    const { server, subscribe } = await started(createBench());
    const first = await subscribe("a/#", "c");
    const second = await subscribe("a/+", "c");
    await server.publish("a/x", "1", "one each");
    expect([first.got, second.got]).toEqual([["1"], ["1"]]);
    await server.publish("c", "2", "one each");
    expect([first.got, second.got]).toEqual([
      ["1", "2"],
      ["1", "2"],
    ]);
  });

  test("when a subscription ends, the identifier last used for a shared filter is kept", async () => {
    const { server, subscribe } = await started(createBench());
    const first = await subscribe("c");
    const second = await subscribe("c");
    const all = await subscribe("#");
    await Promise.all([second.subscription.unsubscribe(), server.answer()]);
    await server.publish("c", "1", "one each");
    expect([first.got, second.got, all.got]).toEqual([["1"], [], ["1"]]);
  });

  test("a copy with an identifier that was replaced meanwhile goes to the filter's subscriptions only", async () => {
    const { server, subscribe } = await started(createBench());
    const first = await subscribe("c");
    const replaced = server.subscriptions.get("c") as number;
    await subscribe("c");
    const all = await subscribe("#");
    server.copy("c", "1", [replaced]);
    await server.answer();
    expect([first.got, all.got]).toEqual([["1"], []]);
  });
});

async function started(bench: ClientBench) {
  const { client, peer } = await bench.online({ protocolVersion: 5 });
  const server = new ModelServer(bench.clock, peer);
  const subscribe = async (...filters: string[]): Promise<Handler> => {
    const got: string[] = [];
    const [subscription] = await Promise.all([
      client.subscribe(filters, { onMessage: (message) => got.push(message.text()) }),
      server.answer(),
    ]);
    return { filters, subscription, got };
  };
  return { client, server, subscribe };
}

async function run(bench: ClientBench, steps: readonly Step[], copies: "one each" | "one for all"): Promise<void> {
  const { client, server } = await started(bench);
  const handlers: Handler[] = [];
  const ended: Handler[] = [];
  let published = 0;
  for (const { does, filters, refused, which, topic } of steps) {
    if (does === "subscribe") {
      const refuses = refused && filters.length > 1 ? filters.slice(-1) : [];
      const got: string[] = [];
      const [subscription] = await Promise.all([
        client.subscribe(filters, { onMessage: (message) => got.push(message.text()) }),
        server.answer(refuses),
      ]);
      handlers.push({ filters: filters.filter((each) => !refuses.includes(each)), subscription, got });
    } else if (does === "unsubscribe" && handlers.length > 0) {
      const [handler] = handlers.splice(which % handlers.length, 1) as [Handler];
      await Promise.all([handler.subscription.unsubscribe(), server.answer()]);
      ended.push(handler);
    } else if (does === "publish") {
      const payload = String(++published);
      await server.publish(topic, payload, copies);
      for (const { filters, got } of handlers) {
        const meant = server.copiesFor(filters, topic);
        expect(got.filter((each) => each === payload)).toHaveLength(copies === "one each" ? meant : Math.min(1, meant));
      }
      for (const { got } of ended) expect(got).not.toContain(payload);
    }
  }
}
