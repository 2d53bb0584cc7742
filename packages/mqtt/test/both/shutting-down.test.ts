// The end of subscriptions and clients: messages that the application has are finished and acknowledged, and it gets no
// further ones.
import type { Message, SmallSubscribeOptions } from "@aiko/mqtt/small";
import { describe, expect, test } from "vitest";
import { clients, message, subscribed, watch } from "./clients.ts";

describe.each(clients)("the $name client", ({ createBench, expectStatistics, unclaimedOfLost, versions }) => {
  /** A client with a handler whose calls the test finishes one by one. */
  async function working(protocolVersion: 3 | 4 | 5 = 5, onMessage?: SmallSubscribeOptions["onMessage"]) {
    const { bench, client, peer } = await createBench().online({ protocolVersion });
    const handled: string[] = [];
    const finish: (() => void)[] = [];
    const handler = (each: Message) => {
      handled.push(each.text());
      return new Promise<void>((resolve) => {
        finish.push(resolve);
      });
    };
    const subscription = await subscribed(bench, client, peer, "a", { onMessage: onMessage ?? handler });
    const sent = () => peer.received.map(({ type }) => type).filter((type) => !["connect", "subscribe"].includes(type));
    return { bench, client, peer, subscription, handled, finish, sent };
  }

  describe("disconnect", () => {
    test.each(versions.flatMap((version) => [1, 2].map((qos) => [version, qos as 1 | 2] as const)))(
      "delivers nothing more to a handler, and acknowledges the message of the running one: version %i, QoS %i",
      async (version, qos) => {
        const { bench, client, peer, handled, finish, sent } = await working(version);
        for (let i = 1; i <= 3; i++) peer.send(message("a", String(i), qos, i));
        await bench.clock.tick();
        const events = bench.recordEvents(client);
        const done = watch(client.disconnect());
        peer.send(message("a", "4", qos, 4));
        peer.send(message("a", "5"));
        await bench.clock.advance(1_000);
        expect(sent()).toEqual([]);
        finish[0]?.();
        await bench.clock.advance(100);
        expect(handled).toEqual(["1"]);
        expect(sent()).toEqual([qos === 1 ? "puback" : "pubrec", "disconnect"]);
        expect([done.settled, done.error]).toEqual([1, undefined]);
        expect(events.map(({ name }) => name)).toEqual(["closed"]);
        expect(bench.clock.nextTimer).toBe(Infinity);
      },
    );

    test("lets running handlers publish, and waits for the acknowledgement", async () => {
      const { bench, client, peer, finish, sent } = await working();
      await bench.deliver(peer, message("a", "1", 1, 1));
      const done = watch(client.disconnect());
      const reply = watch(client.publish("reply", "x", { qos: 1 }));
      const { packetIdentifier, topic } = await peer.expect("publish");
      expect(topic).toBe("reply");
      finish[0]?.();
      await bench.clock.advance(100);
      await expect(client.publish("late", "x")).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
      expect(done.settled).toBe(0);
      peer.send({ type: "puback", packetIdentifier, reasonCode: 0 });
      await bench.clock.advance(100);
      expect(reply.value).toMatchObject({ qos: 1 });
      expect(done.settled).toBe(1);
      expect(sent()).toEqual(["publish", "puback", "disconnect"]);
    });

    test("waits for handlers no longer than drainTimeout", async () => {
      const { bench, client, peer, sent } = await working();
      await bench.deliver(peer, message("a", "1", 1, 1));
      const done = watch(client.disconnect({ drainTimeout: 300 }));
      await bench.clock.advance(299);
      expect(sent()).toEqual([]);
      await bench.clock.advance(100);
      expect(sent()).toEqual(["disconnect"]);
      expect(done.settled).toBe(1);
    });

    test("waits for handlers while offline", async () => {
      const { bench, client, peer, handled, finish } = await working();
      await bench.deliver(peer, message("a", "1", 2, 1), message("a", "2", 2, 2));
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

    test("does not wait for a handler that calls it before its first await", async () => {
      const place = await working(5, () => place.client.disconnect());
      const { bench, client, peer, sent } = place;
      const events = bench.recordEvents(client);
      peer.send(message("a", "1", 2, 1));
      peer.send(message("a", "2", 2, 2));
      await bench.clock.advance(100);
      expect(sent()).toEqual(["pubrec", "disconnect"]);
      expect(events.map(({ name }) => name)).toEqual(["closed"]);
    });

    test("lets a loop finish its message, and gives it no further one", async () => {
      const { bench, client, peer } = await createBench().online();
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
      await bench.deliver(peer, message("a", "1", 2, 1), message("a", "2", 2, 2));
      const done = watch(client.disconnect());
      await bench.clock.advance(1_000);
      expect(done.settled).toBe(0);
      finish?.();
      await bench.clock.advance(100);
      expect(peer.received.slice(2).map(({ type }) => type)).toEqual(["pubrec", "disconnect"]);
      expect([seen, loop.settled, done.settled]).toEqual([["1"], 1, 1]);
    });

    test("does not wait for an iterator that holds a QoS 0 message", async () => {
      const { bench, client, peer } = await createBench().online();
      const subscription = await subscribed(bench, client, peer, "a");
      const next = watch(subscription[Symbol.asyncIterator]().next());
      await bench.deliver(peer, message("a", "1"));
      expect(next.settled).toBe(1);
      watch(client.disconnect());
      await peer.expect("disconnect");
    });

    test("ends a waiting iterator", async () => {
      const { bench, client, peer } = await createBench().online();
      const subscription = await subscribed(bench, client, peer, "a");
      const next = watch(subscription[Symbol.asyncIterator]().next());
      watch(client.disconnect());
      await bench.clock.tick();
      expect(next.value).toEqual({ done: true, value: undefined });
    });

    test("accepts no publish after the handlers have finished", async () => {
      const { bench, client, peer, finish } = await working();
      await bench.deliver(peer, message("a", "1", 1, 1));
      watch(client.disconnect());
      finish[0]?.();
      await bench.clock.tick();
      await expect(client.publish("late", "x")).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
    });

    test("`await using` does the same", async () => {
      const { bench, client, peer, finish, sent } = await working();
      await bench.deliver(peer, message("a", "1", 1, 1), message("a", "2", 1, 2));
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
    /** The handler has message 1, and message 2 waits. */
    async function unsubscribing() {
      const place = await working();
      const { bench, peer, subscription } = place;
      await bench.deliver(peer, message("a", "1", 1, 1), message("a", "2", 1, 2));
      const done = watch(subscription.unsubscribe());
      const { packetIdentifier } = await peer.expect("unsubscribe");
      await bench.deliver(peer, message("a", "3", 1, 3), { type: "unsuback", packetIdentifier, reasonCodes: [0] });
      return { ...place, done };
    }

    test("resolves when the running handler has finished", async () => {
      const { bench, handled, finish, sent, done } = await unsubscribing();
      expect(done.settled).toBe(0);
      finish[0]?.();
      await bench.clock.tick();
      expect([done.settled, done.error]).toEqual([1, undefined]);
      expect([handled, sent()]).toEqual([["1"], ["unsubscribe", "puback"]]);
    });

    test("resolves after five seconds if the handler has not finished", async () => {
      const { bench, done } = await unsubscribing();
      await bench.clock.advance(4_999);
      expect(done.settled).toBe(0);
      await bench.clock.advance(1);
      expect(done.settled).toBe(1);
    });

    test("leaves messages that the handler did not get unacknowledged if the client disconnects next", async () => {
      const { bench, client, handled, finish, sent } = await unsubscribing();
      const events = bench.recordEvents(client);
      finish[0]?.();
      await bench.clock.tick();
      watch(client.disconnect());
      await bench.clock.advance(2_000);
      expect([handled, sent()]).toEqual([["1"], ["unsubscribe", "puback", "disconnect"]]);
      expect(events.map(({ name }) => name)).toEqual(["closed"]);
      expect(bench.clock.nextTimer).toBe(Infinity);
    });

    test("otherwise acknowledges them after a second and reports them as unclaimed", async () => {
      const { bench, client, handled, finish, sent } = await unsubscribing();
      const events = bench.recordEvents(client);
      finish[0]?.();
      await bench.clock.advance(999);
      expect(events).toEqual([]);
      await bench.clock.advance(1);
      expect(events.map(({ name }) => name)).toEqual(["unclaimed", "unclaimed"]);
      expect([handled, sent()]).toEqual([["1"], ["unsubscribe", "puback", "puback", "puback"]]);
      expectStatistics(client, { pendingMessages: 0 });
    });

    test("disconnect also waits for a handler of a subscription that is ending", async () => {
      const { bench, client, finish, sent } = await unsubscribing();
      const done = watch(client.disconnect());
      await bench.clock.advance(1_000);
      expect(done.settled).toBe(0);
      finish[0]?.();
      await bench.clock.advance(100);
      expect(done.settled).toBe(1);
      expect(sent()).toEqual(["unsubscribe", "puback", "disconnect"]);
    });

    test("does not wait for a handler that calls it before its first await", async () => {
      const place = await working(5, () => place.subscription.unsubscribe());
      const { bench, peer, sent } = place;
      await bench.deliver(peer, message("a", "1", 1, 1));
      expect(sent()).toEqual(["unsubscribe", "puback"]);
    });

    test("a subscription that is ending is not restored after a lost connection", async () => {
      const { bench, peer, subscription } = await working();
      watch(subscription.unsubscribe());
      await peer.expect("unsubscribe");
      const again = await bench.reconnected(peer);
      await again.expect("unsubscribe");
      await again.expectNothing();
    });

    test("a message that another subscription also handles is acknowledged when that one has finished", async () => {
      const { bench, client, peer, subscription, finish } = await working();
      const others: string[] = [];
      await subscribed(bench, client, peer, "+", { onMessage: (each) => others.push(each.text()) });
      await bench.deliver(peer, message("a", "1", 1, 1), message("a", "2", 1, 2));
      watch(subscription.unsubscribe());
      await bench.answer(peer, "unsubscribe", 0);
      finish[0]?.();
      await bench.clock.advance(1_000);
      await peer.expect("puback");
      await peer.expect("puback");
      expect(others).toEqual(["1", "2"]);
    });

    test("keeps nothing of a connection that is lost meanwhile", async () => {
      const { bench, client, peer, finish } = await unsubscribing();
      const events = bench.recordEvents(client);
      peer.cut();
      finish[0]?.();
      const again = await bench.acceptAgain({ sessionPresent: true });
      await bench.clock.advance(2_000);
      await again.expectNothing();
      expect(events.filter(({ name }) => name === "unclaimed")).toHaveLength(unclaimedOfLost);
      expectStatistics(client, { pendingMessages: 0 });
    });
  });
});
