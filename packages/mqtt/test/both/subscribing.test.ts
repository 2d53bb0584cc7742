import type { SmallClient, SmallSubscribeOptions } from "@aiko/mqtt/small";
import type { ScriptedPeer } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import { type ClientBench, clients, message, subscribed, watch } from "./clients.ts";

describe.each(clients)(
  "the $name client",
  ({ name, createBench, expectStatistics, patience, subscribesFirst, versions, words }) => {
    test.each(versions)("SUBSCRIBE carries the requested options, on version %i", async (protocolVersion) => {
      const { client, peer } = await createBench().online({ protocolVersion });
      const ofVersion5 = { noLocal: true, retainAsPublished: true, retainHandling: 1 } as const;
      const asked: SmallSubscribeOptions = { qos: 2, ...(protocolVersion === 5 && ofVersion5) };
      watch(client.subscribe(["a/+", "b"], asked));
      const packet = await peer.expect("subscribe");
      expect(packet).toMatchObject({
        packetIdentifier: 1,
        subscriptions: [
          { topicFilter: "a/+", ...asked },
          { topicFilter: "b", ...asked },
        ],
      });
      expect(packet.properties).toEqual(protocolVersion === 5 ? { subscriptionIdentifier: 1 } : undefined);
    });

    test("an option that only MQTT 5 has is an error on older versions, and the subscription ends", async () => {
      const { client, peer } = await createBench().online({ protocolVersion: 4 });
      await expect(client.subscribe("a", { noLocal: true })).rejects.toMatchObject({ code: "PACKET_INVALID" });
      await peer.expectNothing();
    });

    describe("SUBACK", () => {
      const answered = async (reasonCodes: readonly number[], protocolVersion: 3 | 4 | 5 = 5) => {
        const { bench, client, peer } = await createBench().online({ protocolVersion });
        const filters = reasonCodes.map((_, i) => `f${i}`);
        const outcome = watch(client.subscribe(filters, { qos: 2, onMessage: () => undefined }));
        await peer.expect("subscribe");
        await bench.deliver(peer, { type: "suback", packetIdentifier: 1, reasonCodes: [...reasonCodes] });
        return { bench, outcome, client, peer };
      };

      test("resolves with the granted QoS, which may be lower than requested", async () => {
        const { outcome } = await answered([0, 1, 2]);
        expect(outcome.value?.granted).toEqual([
          { topicFilter: "f0", reasonCode: 0, qos: 0, error: undefined },
          { topicFilter: "f1", reasonCode: 1, qos: 1, error: undefined },
          { topicFilter: "f2", reasonCode: 2, qos: 2, error: undefined },
        ]);
        expect(outcome.value?.topicFilters).toEqual(["f0", "f1", "f2"]);
      });

      test("that denies one filter shows it in granted; the others are requested again after a lost session", async () => {
        const { bench, client, outcome, peer } = await answered([1, 0x87]);
        expect(outcome.value?.granted[1]).toMatchObject({
          topicFilter: "f1",
          reasonCode: 0x87,
          qos: undefined,
          error: {
            name: "RefusedError",
            code: "SUBSCRIBE_REFUSED",
            reasonCode: 0x87,
            message: expect.stringMatching(`"f1".*${words(0x87, "Not authorized")}`),
          },
        });
        expectStatistics(client, { subscriptions: 1 });
        const again = await bench.reconnected(peer);
        expect((await again.expect("subscribe")).subscriptions.map(({ topicFilter }) => topicFilter)).toEqual(["f0"]);
      });

      test.each(versions)("that denies all rejects and leaves nothing behind, on version %i", async (version) => {
        const { bench, outcome, client, peer } = await answered([0x80, 0x80], version);
        expect(outcome.error).toMatchObject({ name: "RefusedError", code: "SUBSCRIBE_REFUSED", reasonCode: 0x80 });
        expectStatistics(client, { subscriptions: 0 });
        const events = bench.recordEvents(client);
        await bench.deliver(peer, message("f0", ""));
        expect(events).toMatchObject([{ name: "unclaimed" }]);
      });

      test.each([
        ["too few reason codes", { type: "suback", packetIdentifier: 1, reasonCodes: [0] }],
        ["UNSUBACK for SUBSCRIBE", { type: "unsuback", packetIdentifier: 1, reasonCodes: [0, 0] }],
      ] as const)("%s breaks the protocol", async (_name, packet) => {
        const { client, peer } = await createBench().online();
        watch(client.subscribe(["a", "b"]));
        await peer.expect("subscribe");
        peer.send({ ...packet, reasonCodes: [...packet.reasonCodes] });
        expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 0x82 });
      });
    });

    test("a subscription requested before connecting is sent once, before messages published at `connected`", async () => {
      const bench = createBench();
      const client = bench.create();
      client.on("connected", () => {
        watch(client.publish("question", "?", { qos: 1 }));
        watch(client.subscribe("more"));
      });
      const outcome = watch(client.subscribe("answer"));
      const peer = await bench.connected(client);
      const { packetIdentifier } = await peer.expect("subscribe");
      if (!subscribesFirst) await peer.expect("publish");
      expect(await peer.expect("subscribe")).toMatchObject({ subscriptions: [{ topicFilter: "more" }] });
      if (subscribesFirst) await peer.expect("publish");
      await peer.expectNothing();
      await bench.deliver(peer, { type: "suback", packetIdentifier, reasonCodes: [0] });
      expect(outcome.settled).toBe(1);
    });

    describe("unsubscribing", () => {
      const two = async (protocolVersion: 3 | 4 | 5 = 5) => {
        const { bench, client, peer } = await createBench().online({ protocolVersion });
        const open = (filters: string | string[]) => subscribed(bench, client, peer, filters);
        return { bench, client, peer, open };
      };
      const reasonCodes = (version: 3 | 4 | 5, ...codes: number[]) => (version === 5 ? codes : []);

      test.each(versions)("keeps a filter at the server that another subscription shares, on %i", async (version) => {
        const { bench, client, peer, open } = await two(version);
        const one = await open(["a", "b"]);
        const other = await open("b");
        const ending = watch(one.unsubscribe());
        const { packetIdentifier, topicFilters } = await peer.expect("unsubscribe");
        expect(topicFilters).toEqual(["a"]);
        await bench.deliver(peer, { type: "unsuback", packetIdentifier, reasonCodes: reasonCodes(version, 0) });
        expect([ending.settled, one.closed, other.closed]).toEqual([1, true, false]);
        expectStatistics(client, { subscriptions: 1 });
      });

      test("the first of two that share their filter sends nothing, the second does", async () => {
        const { bench, peer, open } = await two();
        const one = await open("a");
        const other = await open("a");
        await one.unsubscribe();
        await peer.expectNothing();
        expect(one.closed).toBe(true);
        watch(other.unsubscribe());
        await peer.expect("unsubscribe");
        await bench.clock.tick();
      });

      test("with a filter ends it in all subscriptions", async () => {
        const { bench, client, peer, open } = await two();
        const one = await open(["a", "b"]);
        const other = await open("b");
        const ending = watch(client.unsubscribe("b"));
        await bench.answer(peer, "unsubscribe", 0x11);
        expect([ending.settled, one.closed, other.closed]).toEqual([1, false, true]);
      });

      test("with a filter that only the server's session knows sends a request", async () => {
        const { client, peer } = await two();
        watch(client.unsubscribe("of an earlier process"));
        expect(await peer.expect("unsubscribe")).toMatchObject({ topicFilters: ["of an earlier process"] });
      });

      test("rejects if the server refuses, and the subscription ends nevertheless", async () => {
        const { bench, peer, open } = await two();
        const one = await open("a");
        const ending = watch(one.unsubscribe());
        await bench.answer(peer, "unsubscribe", 0x87);
        expect(ending.error).toMatchObject({ code: "UNSUBSCRIBE_REFUSED", reasonCode: 0x87 });
        expect(one.closed).toBe(true);
      });

      test("twice sends one request", async () => {
        const { bench, peer, open } = await two();
        const one = await open("a");
        const first = watch(one.unsubscribe());
        await bench.answer(peer, "unsubscribe", 0);
        await one.unsubscribe();
        await peer.expectNothing();
        expect(first.settled).toBe(1);
      });
    });

    describe("a message goes", () => {
      /** The messages that each of these subscriptions gets, by their filters. */
      const open = async (bench: ClientBench, client: SmallClient, peer: ScriptedPeer, all: readonly string[][]) => {
        const got: string[] = [];
        for (const filters of all)
          await subscribed(bench, client, peer, filters, {
            onMessage: (each) => got.push(`${filters.join()}: ${each.text()}`),
          });
        return got;
      };

      test("once to every matching subscription, if the server does not send an identifier", async () => {
        const { bench, client, peer } = await createBench().online();
        const got = await open(bench, client, peer, [["a/+", "a/#"], ["#"], ["other"]]);
        await bench.deliver(peer, message("a/b", "x"));
        expect(got.sort()).toEqual(["#: x", "a/+,a/#: x"]);
      });

      test("to the subscription that the server names, so that one copy for each causes no duplicates", async () => {
        const { bench, client, peer } = await createBench().online();
        const got = await open(bench, client, peer, [["a/+"], ["a/#"]]);
        for (const id of [1, 2]) peer.send({ ...message("a/b", "x"), properties: { subscriptionIdentifiers: [id] } });
        await bench.deliver(peer, { ...message("a/b", "y"), properties: { subscriptionIdentifiers: [1, 2] } });
        expect(got.sort()).toEqual(["a/#: x", "a/#: y", "a/+: x", "a/+: y"]);
      });

      test("to both of two under one filter, which the server knows under the later one's identifier", async () => {
        const { bench, client, peer } = await createBench().online();
        const got = await open(bench, client, peer, [["a"], ["a"]]);
        await bench.deliver(peer, { ...message("a", "x"), properties: { subscriptionIdentifiers: [2] } });
        expect(got).toEqual(["a: x", "a: x"]);
      });

      test("once to two subscriptions that share a filter which does not match", async () => {
        const { bench, client, peer } = await createBench().online();
        const got = await open(bench, client, peer, [
          ["a/#", "b"],
          ["b", "a/+"],
        ]);
        for (const id of [1, 2]) peer.send({ ...message("a/x", "x"), properties: { subscriptionIdentifiers: [id] } });
        await bench.clock.tick();
        expect(got.sort()).toEqual(["a/#,b: x", "b,a/+: x"]);
      });

      test("to a shared filter, without its share name", async () => {
        const { bench, client, peer } = await createBench().online();
        const got = await open(bench, client, peer, [["$share/group/a/+"]]);
        await bench.deliver(peer, message("a/b", "x"), message("b/b", "y"));
        expect(got).toEqual(["$share/group/a/+: x"]);
      });

      test("to no subscription: there is an event, and the message is acknowledged", async () => {
        const { peer, events } = await createBench().online();
        peer.send(message("a", "x", 1, 1));
        await peer.expect("puback");
        expect(events).toMatchObject([{ name: "unclaimed", value: { topic: "a" } }]);
      });
    });

    test("subscription identifiers are not sent to a server that does not support them", async () => {
      const { client, peer } = await createBench().online(
        {},
        { properties: { subscriptionIdentifiersAvailable: false } },
      );
      watch(client.subscribe("a"));
      expect((await peer.expect("subscribe")).properties).toBeUndefined();
    });

    describe("a server that keeps the connection alive and does not answer SUBSCRIBE", () => {
      async function unanswered() {
        const { bench, client, peer, events } = await createBench().online();
        const subscribing = watch(client.subscribe("a"));
        await peer.expect("subscribe");
        return { bench, client, peer, events, subscribing };
      }

      test("is disconnected after a while, and asked again over another connection", async () => {
        const { bench, events, subscribing } = await unanswered();
        await bench.clock.advance(patience);
        expect(events[0]).toMatchObject({ name: "disconnected", value: { error: { code: "ANSWER_TIMEOUT" } } });
        const again = await bench.acceptAgain();
        await bench.answer(again, "subscribe", 0);
        expect([subscribing.settled, subscribing.error]).toEqual([1, undefined]);
        // The small client continues to check its session once a minute; the full client checks it once more.
        await bench.clock.advance(60_000);
        if (name === "small") expect(bench.clock.nextTimer - bench.clock.now()).toBeGreaterThan(59_000);
        else expect(bench.clock.nextTimer).toBe(Infinity);
      });

      test("over ten connections ends the subscription", async () => {
        const { bench, subscribing } = await unanswered();
        for (let i = 0; i < 9; i++) {
          await bench.clock.advance(patience);
          const again = await bench.acceptAgain();
          await again.expect("subscribe");
        }
        expect(subscribing.settled).toBe(0);
        await bench.clock.advance(patience);
        expect(subscribing.error).toMatchObject({ code: "SUBSCRIBE_UNANSWERED" });
      });

      test("but is only slow is given time while it answers others", async () => {
        const { bench, client, peer, events } = await unanswered();
        await bench.clock.advance(patience - 1_000);
        peer.send({ type: "suback", packetIdentifier: 1, reasonCodes: [0] });
        watch(client.subscribe("b"));
        await peer.expect("subscribe");
        await bench.clock.advance(patience - 1_000);
        expect(events).toEqual([]);
      });
    });
  },
);
