// Ends of subscriptions and clients: what the application has is finished and acknowledged, what it has not is not given to it.
import type { MessageHandler } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { Bench, message, recordEvents, subscribed, watch } from "./bench.ts";

/** A client with a handler whose calls the test finishes one by one. */
async function working(options: { concurrency?: number; onMessage?: MessageHandler } = {}) {
  const bench = new Bench();
  const { client, peer } = await bench.online();
  const handled: string[] = [];
  const finish: ((error?: Error) => void)[] = [];
  const onMessage: MessageHandler = (each) => {
    handled.push(each.text());
    return new Promise<void>((resolve, reject) => {
      finish.push((error) => (error === undefined ? resolve() : reject(error)));
    });
  };
  const subscription = await subscribed(bench, client, peer, "a", { onMessage, ...options });
  const sent = () => peer.received.map(({ type }) => type).filter((type) => !["connect", "subscribe"].includes(type));
  return { bench, client, peer, subscription, handled, finish, sent };
}

describe("disconnect", () => {
  test.each([1, 2] as const)(
    "gives nothing more to a handler, lets the one that runs finish, acknowledges it, and leaves: QoS %i",
    async (qos) => {
      const { bench, client, peer, handled, finish, sent } = await working();
      for (let i = 1; i <= 3; i++) peer.send(message("a", String(i), qos, i));
      await bench.clock.tick();
      const done = watch(client.disconnect());
      peer.send(message("a", "4", qos, 4));
      await bench.clock.advance(1_000);
      expect(sent()).toEqual([]);
      finish[0]?.();
      await bench.clock.advance(100);
      expect(handled).toEqual(["1"]);
      expect(sent()).toEqual([qos === 1 ? "puback" : "pubrec", "disconnect"]);
      expect([done.settled, done.error]).toEqual([1, undefined]);
    },
  );

  test("lets running handlers publish, and waits for the acknowledgement", async () => {
    const { bench, client, peer, finish, sent } = await working();
    peer.send(message("a", "1", 1, 1));
    await bench.clock.tick();
    const done = watch(client.disconnect());
    const reply = watch(client.publish("reply", "x", { qos: 1 }));
    expect(await peer.expect("publish")).toMatchObject({ topic: "reply" });
    finish[0]?.();
    await bench.clock.advance(100);
    expect(done.settled).toBe(0);
    expect(watch(client.publish("late", "x")).settled).toBe(0);
    peer.send({ type: "puback", packetIdentifier: 2, reasonCode: 0 });
    await bench.clock.advance(100);
    expect(reply.value).toMatchObject({ qos: 1 });
    expect(done.settled).toBe(1);
    expect(sent()).toEqual(["publish", "puback", "disconnect"]);
  });

  test("takes no publish any more when the handlers are done", async () => {
    const { bench, client, peer, finish } = await working();
    peer.send(message("a", "1", 1, 1));
    await bench.clock.tick();
    watch(client.disconnect());
    finish[0]?.();
    await bench.clock.tick();
    await expect(client.publish("late", "x")).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
  });

  test("waits for handlers no longer than drainTimeout, and aborts their signal then", async () => {
    let aborted: unknown;
    const onMessage: MessageHandler = (_, { signal }) => {
      signal.addEventListener("abort", () => {
        aborted = signal.reason;
      });
      return new Promise(() => undefined);
    };
    const { bench, client, peer, sent } = await working({ onMessage });
    peer.send(message("a", "1", 1, 1));
    await bench.clock.tick();
    const done = watch(client.disconnect({ drainTimeout: 300 }));
    await bench.clock.advance(299);
    expect([sent(), aborted]).toEqual([[], undefined]);
    await bench.clock.advance(100);
    expect(sent()).toEqual(["disconnect"]);
    expect(aborted).toMatchObject({ code: "CLIENT_CLOSED" });
    expect(done.settled).toBe(1);
  });

  test("does not wait for the handler that calls it before its first await, which counts as done", async () => {
    const { bench, client, peer, sent } = await working({ onMessage: () => client.disconnect() });
    const done = recordEvents(client);
    peer.send(message("a", "1", 2, 1));
    peer.send(message("a", "2", 2, 2));
    await bench.clock.advance(100);
    expect(sent()).toEqual(["pubrec", "disconnect"]);
    expect(done.map(({ name }) => name)).toEqual(["closed"]);
  });

  test("waits for handlers while offline, and keeps what they are done with from being handled again", async () => {
    const { bench, client, peer, handled, finish } = await working();
    peer.send(message("a", "1", 2, 1));
    await bench.clock.tick();
    peer.cut();
    await bench.clock.tick();
    const done = watch(client.disconnect());
    await bench.clock.advance(100);
    expect(done.settled).toBe(0);
    finish[0]?.();
    await bench.clock.tick();
    expect(done.settled).toBe(1);
    expect(handled).toEqual(["1"]);
  });

  test("ends an iterator that waits", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const subscription = await subscribed(bench, client, peer, "a");
    const next = watch(subscription[Symbol.asyncIterator]().next());
    watch(client.disconnect());
    await bench.clock.tick();
    expect(next.value).toEqual({ done: true, value: undefined });
  });

  test("lets a loop finish the message that it has, and gives it no other", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const subscription = await subscribed(bench, client, peer, "a");
    const seen: string[] = [];
    let finish: (() => void) | undefined;
    const loop = watch(
      (async () => {
        for await (const each of subscription) {
          seen.push(each.text());
          await new Promise<void>((resolve) => {
            finish = resolve;
          });
        }
      })(),
    );
    peer.send(message("a", "1", 2, 1));
    peer.send(message("a", "2", 2, 2));
    await bench.clock.tick();
    const done = watch(client.disconnect());
    await bench.clock.advance(1_000);
    expect(done.settled).toBe(0);
    finish?.();
    await bench.clock.advance(100);
    expect(peer.received.slice(2).map(({ type }) => type)).toEqual(["pubrec", "disconnect"]);
    expect([seen, loop.settled, done.settled]).toEqual([["1"], 1, 1]);
  });

  test("does not wait for an iterator that has a QoS 0 message", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const subscription = await subscribed(bench, client, peer, "a");
    const next = watch(subscription[Symbol.asyncIterator]().next());
    peer.send(message("a", "1"));
    await bench.clock.tick();
    expect(next.settled).toBe(1);
    watch(client.disconnect());
    await peer.expect("disconnect");
  });

  test("`await using` does the same", async () => {
    const { bench, client, peer, finish, sent } = await working();
    peer.send(message("a", "1", 1, 1));
    peer.send(message("a", "2", 1, 2));
    await bench.clock.tick();
    const block = watch(
      (async () => {
        await using _owned = client;
      })(),
    );
    await bench.clock.tick();
    finish[0]?.();
    await bench.clock.advance(100);
    expect(sent()).toEqual(["puback", "disconnect"]);
    expect(block.settled).toBe(1);
  });
});

describe("unsubscribe", () => {
  /** The handler has message 1, and 2 waits. */
  async function unsubscribing() {
    const place = await working();
    const { bench, peer, subscription } = place;
    peer.send(message("a", "1", 1, 1));
    peer.send(message("a", "2", 1, 2));
    await bench.clock.tick();
    const done = watch(subscription.unsubscribe());
    const { packetIdentifier } = await peer.expect("unsubscribe");
    peer.send({ type: "unsuback", packetIdentifier, reasonCodes: [0] });
    await bench.clock.tick();
    return { ...place, done };
  }

  test("resolves when the handler that runs is done", async () => {
    const { bench, handled, finish, sent, done } = await unsubscribing();
    expect(done.settled).toBe(0);
    finish[0]?.();
    await bench.clock.tick();
    expect([done.settled, done.error]).toEqual([1, undefined]);
    expect([handled, sent()]).toEqual([["1"], ["unsubscribe", "puback"]]);
  });

  test("resolves after five seconds if the handler is not done", async () => {
    const { bench, done } = await unsubscribing();
    await bench.clock.advance(4_999);
    expect(done.settled).toBe(0);
    await bench.clock.advance(1);
    expect(done.settled).toBe(1);
  });

  test("leaves what the handler was not given unacknowledged if the client disconnects next", async () => {
    const { bench, client, handled, finish, sent, done } = await unsubscribing();
    finish[0]?.();
    await bench.clock.tick();
    expect(done.settled).toBe(1);
    watch(client.disconnect());
    await bench.clock.advance(2_000);
    expect([handled, sent()]).toEqual([["1"], ["unsubscribe", "puback", "disconnect"]]);
  });

  test("acknowledges it after a second otherwise, and reports it as unclaimed", async () => {
    const { bench, client, handled, finish, sent } = await unsubscribing();
    const events = recordEvents(client);
    finish[0]?.();
    await bench.clock.advance(1_000);
    expect(events).toMatchObject([{ name: "unclaimed", value: { topic: "a" } }]);
    expect([handled, sent()]).toEqual([["1"], ["unsubscribe", "puback", "puback"]]);
    expect(client.statistics.pendingMessages).toBe(0);
  });

  test("disconnect waits for a handler of a subscription that is being ended", async () => {
    const { bench, client, finish, sent } = await unsubscribing();
    const done = watch(client.disconnect());
    await bench.clock.advance(1_000);
    expect(done.settled).toBe(0);
    finish[0]?.();
    await bench.clock.advance(100);
    expect(done.settled).toBe(1);
    expect(sent()).toEqual(["unsubscribe", "puback", "disconnect"]);
  });

  test("keeps nothing of a connection that is lost meanwhile", async () => {
    const { bench, client, peer, finish } = await unsubscribing();
    const events = recordEvents(client);
    peer.cut();
    finish[0]?.();
    const again = await bench.acceptAgain({ sessionPresent: true });
    await bench.clock.advance(2_000);
    await again.expectNothing();
    expect(events.map(({ name }) => name)).not.toContain("unclaimed");
    expect(client.statistics.pendingMessages).toBe(0);
  });

  test("does not wait for the handler that calls it before its first await", async () => {
    const { bench, peer, sent } = await (async () => {
      const place = await working({ onMessage: () => place.subscription.unsubscribe() });
      return place;
    })();
    peer.send(message("a", "1", 1, 1));
    await bench.clock.tick();
    expect(sent()).toEqual(["unsubscribe", "puback"]);
  });

  test("a message that another subscription handles too is acknowledged when that has", async () => {
    const { bench, client, peer, subscription, finish } = await working();
    const others: string[] = [];
    await subscribed(bench, client, peer, "+", { onMessage: (each) => others.push(each.text()) });
    peer.send(message("a", "1", 1, 1));
    peer.send(message("a", "2", 1, 2));
    await bench.clock.tick();
    watch(subscription.unsubscribe());
    const { packetIdentifier } = await peer.expect("unsubscribe");
    peer.send({ type: "unsuback", packetIdentifier, reasonCodes: [0] });
    finish[0]?.();
    await bench.clock.advance(1_000);
    expect(others).toEqual(["1", "2"]);
    await peer.expect("puback");
    await peer.expect("puback");
  });

  test("what is being ended is not subscribed to again after a lost connection", async () => {
    const { bench, peer, subscription } = await working();
    watch(subscription.unsubscribe());
    await peer.expect("unsubscribe");
    peer.cut();
    const again = await bench.acceptAgain({ sessionPresent: false });
    await again.expect("unsubscribe");
    await again.expectNothing();
  });

  test("takes properties on MQTT 5", async () => {
    const { bench, client, peer } = await working();
    watch(client.unsubscribe("a", { properties: { userProperties: [["why", "test"]] } }));
    expect(await peer.expect("unsubscribe")).toMatchObject({ properties: { userProperties: [["why", "test"]] } });
    await expect(client.unsubscribe("a", { nonsense: 1 } as object)).rejects.toMatchObject({ code: "OPTION_UNKNOWN" });
    await bench.clock.tick();
  });
});
