import type { Message } from "@aiko/mqtt/small";
import { describe, expect, test } from "vitest";
import { clients, holding, message, subscribed, watch } from "./clients.ts";

describe.each(clients)("the $name client", ({ name, createBench, expectStatistics, notJson }) => {
  test("a handler gets the message unchanged", async () => {
    const { bench, client, peer } = await createBench().online();
    const got: Message[] = [];
    await subscribed(bench, client, peer, "#", { onMessage: (each) => got.push(each) });
    peer.send({ ...message("a/b", '{"x": "é"}'), retain: true, properties: { contentType: "json" } });
    await bench.deliver(peer, { ...message("a", ""), payload: Uint8Array.of(0x61, 0xff, 0x62) });
    expect(got[0]).toMatchObject({
      topic: "a/b",
      qos: 0,
      retain: true,
      dup: false,
      properties: { contentType: "json" },
    });
    expect(got[0]?.text()).toBe('{"x": "é"}');
    expect(got[0]?.json()).toEqual({ x: "é" });
    expect(got[1]?.text()).toBe("a\ufffdb");
    expect(() => got[1]?.json()).toThrow(expect.objectContaining({ name: notJson }));
    expectStatistics(client, { messagesReceived: 2, pendingMessages: 0, subscriptions: 1 });
  });

  describe("a message is acknowledged", () => {
    test.each([
      [1, "puback"],
      [2, "pubrec"],
    ] as const)("at once when a synchronous handler returns: QoS %i", async (qos, type) => {
      const { bench, client, peer } = await createBench().online();
      await subscribed(bench, client, peer, "#", { onMessage: () => undefined });
      peer.send(message("a", "x", qos, 7));
      expect(await peer.expect(type)).toMatchObject({ packetIdentifier: 7, reasonCode: 0 });
    });

    test("when its handler has finished; then the next one begins", async () => {
      const { bench, client, peer } = await createBench().online();
      const { got, finish, onMessage } = holding();
      await subscribed(bench, client, peer, "#", { onMessage });
      for (let i = 1; i <= 3; i++) peer.send(message("a", String(i), i === 2 ? 2 : 1, i));
      await peer.expectNothing();
      expect(got).toEqual(["1"]);
      expectStatistics(client, { pendingMessages: 3 });
      for (let i = 1; i <= 3; i++) {
        finish();
        expect(await peer.expect(i === 2 ? "pubrec" : "puback")).toMatchObject({ packetIdentifier: i });
        await peer.expectNothing();
      }
      expect(got).toEqual(["1", "2", "3"]);
    });

    test("in the order the messages arrived, whichever handler finishes first", async () => {
      const { bench, client, peer } = await createBench().online();
      const { finish, onMessage } = holding();
      await subscribed(bench, client, peer, "slow", { onMessage });
      await subscribed(bench, client, peer, "fast", { onMessage: () => undefined });
      peer.send(message("slow", "", 1, 1));
      peer.send(message("fast", "", 1, 2));
      await peer.expectNothing();
      finish();
      expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 1 });
      expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 2 });
    });

    test("when all subscriptions that got it have finished, and as refused if one of them failed", async () => {
      const { bench, client, peer, events } = await createBench().online();
      const { finish, onMessage } = holding();
      await subscribed(bench, client, peer, "a", { onMessage: () => Promise.reject(new Error("boom")) });
      await subscribed(bench, client, peer, "#", { onMessage });
      peer.send(message("a", "", 1, 1));
      await peer.expectNothing();
      finish();
      expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 1, reasonCode: 0x83 });
      expect(events).toMatchObject([{ name: "error", value: { message: "boom" } }]);
    });

    test("not over another connection than the one it arrived on", async () => {
      const { bench, client, peer } = await createBench().online({ cleanStart: false });
      const { finish, onMessage } = holding();
      await subscribed(bench, client, peer, "#", { onMessage });
      await bench.deliver(peer, message("a", "", 1, 1));
      const again = await bench.reconnected(peer, { sessionPresent: true });
      finish();
      await again.expectNothing();
    });

    test("when its handler has finished, even if the server has meanwhile denied the subscription", async () => {
      const { client, peer } = await createBench().online();
      const { finish, onMessage } = holding();
      const outcome = watch(client.subscribe("a", { qos: 1, onMessage }));
      const { packetIdentifier } = await peer.expect("subscribe");
      for (const i of [1, 2]) peer.send(message("a", "of the session", 1, i));
      peer.send({ type: "suback", packetIdentifier, reasonCodes: [0x87] });
      await peer.expectNothing();
      expect(outcome.error).toMatchObject({ code: "SUBSCRIBE_REFUSED" });
      finish();
      for (const i of [1, 2]) expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: i });
    });
  });

  describe("a handler that fails", () => {
    const boom = new Error("boom");
    test.each([
      [
        "throws",
        () => {
          throw boom;
        },
      ],
      ["rejects", () => Promise.reject(boom)],
    ] as const)("%s: an error event, and an acknowledgement with an error code on MQTT 5", async (_how, onMessage) => {
      const { bench, client, peer, events } = await createBench().online();
      await subscribed(bench, client, peer, "#", { onMessage });
      peer.send(message("a", "", 1, 1));
      peer.send(message("a", "", 2, 2));
      expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 1, reasonCode: 0x83 });
      expect(await peer.expect("pubrec")).toMatchObject({ packetIdentifier: 2, reasonCode: 0x83 });
      expect(events.filter(({ name }) => name === "error").map(({ value }) => value)).toEqual([boom, boom]);
      expect(client.connected).toBe(true);
    });

    test("before MQTT 5 leaves its message unacknowledged, but not later ones; the server resends it on the next connection", async () => {
      const { bench, client, peer, events } = await createBench().online({ protocolVersion: 4, cleanStart: false });
      const handled: string[] = [];
      let broken = true;
      await subscribed(bench, client, peer, "#", {
        onMessage: ({ topic }) => {
          if (broken && topic !== "fine") throw new Error("no");
          handled.push(topic);
        },
      });
      peer.send(message("one", "", 1, 1));
      peer.send(message("two", "", 2, 2));
      peer.send(message("fine", "", 1, 3));
      expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 3 });
      broken = false;
      const again = await bench.reconnected(peer, { sessionPresent: true });
      again.send({ ...message("one", "", 1, 1), dup: true });
      again.send({ ...message("two", "", 2, 2), dup: true });
      expect(await again.expect("puback")).toMatchObject({ packetIdentifier: 1 });
      expect(await again.expect("pubrec")).toMatchObject({ packetIdentifier: 2 });
      expect(handled).toEqual(["fine", "one", "two"]);
      const errors = events.filter(({ name }) => name === "error").map(({ value }) => String(value));
      expect(errors).toEqual(["Error: no", "Error: no"]);
    });

    test.each([[Promise.reject.bind(Promise)], [() => Promise.reject(null)]])(
      "without a reason is reported nevertheless",
      async (fail) => {
        const { bench, client, peer, events } = await createBench().online();
        await subscribed(bench, client, peer, "#", { onMessage: () => fail(undefined) });
        peer.send(message("a", "", 1, 1));
        expect(await peer.expect("puback")).toMatchObject({ reasonCode: 0x83 });
        expect(events.at(-1)).toMatchObject({
          name: "error",
          value: { message: expect.stringContaining(name === "whole" ? "rejected" : "failed") },
        });
      },
    );

    test("after the client was closed is reported too", async () => {
      const { bench, client, peer, events } = await createBench().online();
      let fail: (error: Error) => void = () => undefined;
      const onMessage = () =>
        new Promise<void>((_, reject) => {
          fail = reject;
        });
      await subscribed(bench, client, peer, "#", { onMessage });
      await bench.deliver(peer, message("a", "", 1, 1));
      await bench.passing(client.disconnect());
      fail(boom);
      await bench.clock.tick();
      expect(events.map(({ name }) => name)).toEqual(["closed", "error"]);
    });

    test.each([
      [
        "throws",
        () => {
          throw new Error("then threw");
        },
      ],
      [
        "answers twice",
        (done: () => void) => {
          done();
          done();
          throw new Error("then threw");
        },
      ],
    ])("by returning an object whose `then` %s: the connection and the subscription continue", async (_, then) => {
      const { bench, client, peer, events } = await createBench().online();
      const texts: string[] = [];
      await subscribed(bench, client, peer, "a", {
        onMessage: (each) => {
          texts.push(each.text());
          return { then };
        },
      });
      for (const text of ["1", "2", "3"]) peer.send(message("a", text));
      await bench.clock.tick();
      await bench.clock.tick();
      expect(texts).toEqual(["1", "2", "3"]);
      expect(events.filter(({ name }) => name !== "error")).toEqual([]);
    });
  });

  test("a message for several subscriptions is acknowledged when all of them have handled it", async () => {
    const { bench, client, peer } = await createBench().online();
    const { got, finish, onMessage } = holding();
    await subscribed(bench, client, peer, ["a/+", "a/#"], { onMessage: (each) => void got.push(each.topic) });
    await subscribed(bench, client, peer, "#", { onMessage });
    peer.send(message("a/b", "text", 1, 1));
    await peer.expectNothing();
    expect(got.sort()).toEqual(["a/b", "text"]);
    finish();
    expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 1, reasonCode: 0 });
  });

  test.each([
    {
      what: "throws",
      fail: (): void => {
        throw new Error("listener");
      },
    },
    { what: "rejects", fail: () => Promise.reject(new Error("listener")) },
    {
      what: "rejects later",
      fail: async () => {
        await undefined;
        throw new Error("listener");
      },
    },
  ])("a listener that $what causes an error event, and the others are still called", async ({ fail }) => {
    const { bench, client, peer } = await createBench().online();
    const told: string[] = [];
    client.on("disconnected", fail);
    client.on("disconnected", () => told.push("second"));
    client.on("error", (error) => told.push(String(error)));
    await bench.reconnected(peer);
    expect(told.sort()).toEqual(["Error: listener", "second"]);
  });

  test("a listener is removed by off, and by the function that on returned", async () => {
    const bench = createBench();
    const client = bench.create();
    const told: number[] = [];
    const off = client.on("connected", () => told.push(1));
    const second = () => told.push(2);
    client.on("connected", second);
    client.on("connected", () => told.push(3));
    off();
    client.off("connected", second);
    await bench.connected(client);
    expect(told).toEqual([3]);
  });
});
