// A handler that does not return, or an iterator that is not asked, affects only its own messages.
import type { HandlerContext } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { Bench, errorCodes, message, subscribed, watch } from "./bench.ts";

const never = () => new Promise<never>(() => undefined);
const stuck = { onMessage: never, handlerTimeout: 10_000 };

describe("a handler that does not return within handlerTimeout", () => {
  test.each([
    [1, "puback"],
    [2, "pubrec"],
  ] as const)(
    "has failed: QoS %i is acknowledged with an error on MQTT 5, and later acknowledgements are sent",
    async (qos, type) => {
      const { bench, client, peer, events } = await new Bench().online();
      const got: string[] = [];
      await subscribed(bench, client, peer, "stuck", stuck);
      await subscribed(bench, client, peer, "fine", { onMessage: (each) => got.push(each.text()) });
      peer.send(message("stuck", "", qos, 1));
      peer.send(message("fine", "x", qos, 2));
      await peer.expectNothing();
      expect(got).toEqual(["x"]);
      await bench.clock.advance(9_999);
      await peer.expectNothing();
      await bench.clock.advance(1);
      expect(await peer.expect(type)).toMatchObject({ packetIdentifier: 1, reasonCode: 0x83 });
      expect(await peer.expect(type)).toMatchObject({ packetIdentifier: 2, reasonCode: 0 });
      expect(events).toMatchObject([
        {
          name: "error",
          value: {
            name: "TimeoutError",
            code: "HANDLER_TIMEOUT",
            message: expect.stringMatching(/subscription to "stuck".*10000 ms/),
          },
        },
      ]);
    },
  );

  test("before MQTT 5 leaves its message unacknowledged, but not later ones", async () => {
    const { bench, client, peer } = await new Bench().online({ protocolVersion: 4, cleanStart: false });
    const errors = errorCodes(client);
    await subscribed(bench, client, peer, "stuck", stuck);
    await subscribed(bench, client, peer, "fine", { onMessage: () => undefined });
    peer.send(message("stuck", "", 1, 1));
    peer.send(message("fine", "", 1, 2));
    await bench.clock.advance(10_000);
    expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 2 });
    await peer.expectNothing();
    expect(errors).toEqual(["HANDLER_TIMEOUT"]);
  });

  test("is not called concurrently with itself: until it returns, its further messages fail at once and are reported as dropped", async () => {
    const { bench, client, peer } = await new Bench().online();
    const errors = errorCodes(client);
    const dropped: string[] = [];
    client.on("dropped", (each) => dropped.push(each.text()));
    const started: string[] = [];
    let comeBack: () => void = () => undefined;
    await subscribed(bench, client, peer, "a", {
      handlerTimeout: 10_000,
      onMessage: (each) => {
        started.push(each.text());
        return new Promise<void>((resolve) => {
          comeBack = resolve;
        });
      },
    });
    for (let i = 1; i <= 3; i++) peer.send(message("a", String(i), 1, i));
    await bench.clock.advance(10_000);
    for (let i = 1; i <= 3; i++) {
      expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: i, reasonCode: 0x83 });
    }
    peer.send(message("a", "4", 1, 4));
    expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 4, reasonCode: 0x83 });
    expect(started).toEqual(["1"]);
    expect(dropped).toEqual(["2", "3", "4"]);
    comeBack();
    await bench.clock.tick();
    peer.send(message("a", "5", 1, 5));
    await peer.expectNothing();
    expect(started).toEqual(["1", "5"]);
    comeBack();
    expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 5, reasonCode: 0 });
    expect(client.statistics).toMatchObject({ pendingMessages: 0, messagesDropped: 3 });
    expect(errors).toEqual(["HANDLER_TIMEOUT"]);
  });

  test("does not occupy the other places of its subscription", async () => {
    const { bench, client, peer } = await new Bench().online();
    const errors = errorCodes(client);
    const got: string[] = [];
    await subscribed(bench, client, peer, "#", {
      concurrency: 2,
      handlerTimeout: 10_000,
      onMessage: async (each) => {
        if (each.text() === "stuck") await never();
        got.push(each.text());
      },
    });
    peer.send(message("a", "stuck", 1, 1));
    for (let i = 2; i <= 4; i++) peer.send(message("a", String(i), 1, i));
    await bench.clock.advance(10_000);
    for (const [packetIdentifier, reasonCode] of [
      [1, 0x83],
      [2, 0],
      [3, 0],
      [4, 0],
    ] as const) {
      expect(await peer.expect("puback")).toMatchObject({ packetIdentifier, reasonCode });
    }
    peer.send(message("a", "5", 1, 5));
    expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 5, reasonCode: 0 });
    expect(got).toEqual(["2", "3", "4", "5"]);
    expect(errors).toEqual(["HANDLER_TIMEOUT"]);
  });

  test("is not reported if it is on time, however many there are", async () => {
    const { bench, client, peer, events } = await new Bench().online();
    await subscribed(bench, client, peer, "#", {
      handlerTimeout: 10_000,
      onMessage: () => new Promise<void>((resolve) => void bench.clock.schedule(4_000, resolve)),
    });
    for (let i = 1; i <= 10; i++) peer.send(message("a", "", 1, i));
    await bench.clock.advance(50_000);
    for (let i = 1; i <= 10; i++) expect(await peer.expect("puback")).toMatchObject({ reasonCode: 0 });
    expect(events).toEqual([]);
  });

  test("has five minutes by default", async () => {
    const { bench, client, peer } = await new Bench().online();
    const errors = errorCodes(client);
    await subscribed(bench, client, peer, "#", { onMessage: never });
    peer.send(message("a", "", 1, 1));
    await bench.clock.advance(299_999);
    await peer.expectNothing();
    await bench.clock.advance(1);
    await peer.expect("puback");
    expect(errors).toEqual(["HANDLER_TIMEOUT"]);
  });

  test("leaves no timer behind when the client closes", async () => {
    const { bench, client, peer } = await new Bench().online();
    await subscribed(bench, client, peer, "#", stuck);
    await bench.deliver(peer, message("a", "", 1, 1));
    await bench.passing(client.disconnect());
    expect(bench.clock.nextTimer).toBe(Infinity);
  });
});

describe("the handler's signal", () => {
  async function given() {
    const { bench, client, peer } = await new Bench().online();
    const errors = errorCodes(client);
    let context: HandlerContext | undefined;
    await subscribed(bench, client, peer, "#", {
      handlerTimeout: 10_000,
      onMessage: (_message, given) => {
        context = given;
        return never();
      },
    });
    await bench.deliver(peer, message("a", "", 1, 1));
    if (context === undefined) throw new Error("the handler was not called");
    return { bench, client, context, errors };
  }

  test("is accepted by the runtime's own functions, and aborts at the timeout", async () => {
    const { bench, context, errors } = await given();
    const { signal } = context;
    expect(signal).toBeInstanceOf(AbortSignal);
    let fired = 0;
    signal.addEventListener("abort", () => fired++);
    await bench.clock.advance(9_999);
    expect(signal.aborted).toBe(false);
    await bench.clock.advance(1);
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toMatchObject({ code: "HANDLER_TIMEOUT" });
    expect(fired).toBe(1);
    expect(errors).toEqual(["HANDLER_TIMEOUT"]);
  });

  test("has already aborted if it is first read after the timeout", async () => {
    const { bench, context, errors } = await given();
    await bench.clock.advance(10_000);
    expect(context.signal.aborted).toBe(true);
    expect(errors).toEqual(["HANDLER_TIMEOUT"]);
  });

  test("aborts when the client is closed", async () => {
    const { bench, client, context } = await given();
    const { signal } = context;
    await bench.passing(client.disconnect());
    expect(signal.reason).toMatchObject({ code: "CLIENT_CLOSED" });
  });

  test("a handler that rejects because of the signal is not reported a second time", async () => {
    const { bench, client, peer } = await new Bench().online();
    const errors = errorCodes(client);
    await subscribed(bench, client, peer, "#", {
      handlerTimeout: 10_000,
      onMessage: (_message, { signal }) =>
        new Promise<void>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    });
    peer.send(message("a", "", 1, 1));
    peer.send(message("a", "", 1, 2));
    await bench.clock.advance(10_000);
    expect(errors).toEqual(["HANDLER_TIMEOUT"]);
    peer.send(message("a", "", 1, 3));
    await bench.clock.advance(10_000);
    expect(errors).toHaveLength(2); // its place is free again
  });
});

describe("an iterator whose next() is not called within handlerTimeout", () => {
  test("fails the unacknowledged messages that it holds; after next() it continues with new messages and QoS 0", async () => {
    const { bench, client, peer, events } = await new Bench().online();
    const subscription = await subscribed(bench, client, peer, "late", { handlerTimeout: 10_000 });
    peer.send(message("late", "1", 1, 1));
    peer.send(message("late", "kept"));
    peer.send(message("other", "", 1, 2));
    await bench.clock.advance(9_999);
    await peer.expectNothing();
    await bench.clock.advance(1);
    expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 1, reasonCode: 0x83 });
    expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 2, reasonCode: 0 });
    expect(events.filter(({ name }) => name === "error")).toMatchObject([
      { value: { code: "HANDLER_TIMEOUT", message: expect.stringMatching(/"late".*while 1 waited/) } },
    ]);
    peer.send(message("late", "2", 1, 3));
    expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 3, reasonCode: 0x83 });
    const messages = subscription[Symbol.asyncIterator]();
    expect((await messages.next()).value?.text()).toBe("kept");
    const next = watch(messages.next());
    await bench.deliver(peer, message("late", "3", 1, 4));
    expect(next.value?.value?.text()).toBe("3");
    watch(messages.next());
    expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 4, reasonCode: 0 });
  });

  test("also fails the message that its loop is handling", async () => {
    const { bench, client, peer, events } = await new Bench().online();
    const subscription = await subscribed(bench, client, peer, "a", { handlerTimeout: 10_000 });
    const messages = subscription[Symbol.asyncIterator]();
    await bench.deliver(peer, message("a", "1", 2, 1));
    await messages.next();
    await bench.clock.advance(10_000);
    expect(await peer.expect("pubrec")).toMatchObject({ packetIdentifier: 1, reasonCode: 0x83 });
    expect(events).toMatchObject([{ name: "error", value: { code: "HANDLER_TIMEOUT" } }]);
    watch(messages.next());
    await peer.expectNothing();
    expect(client.statistics.pendingMessages).toBe(0);
  });

  test("does not time out with QoS 0 messages or without messages", async () => {
    const { bench, client, peer, events } = await new Bench().online();
    const subscription = await subscribed(bench, client, peer, "a", { handlerTimeout: 10_000 });
    peer.send(message("a", "x"));
    await bench.clock.advance(1_000_000);
    expect(events).toEqual([]);
    expect((await subscription[Symbol.asyncIterator]().next()).value?.text()).toBe("x");
  });
});
