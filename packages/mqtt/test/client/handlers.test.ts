import type { Message } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { Bench, errorCodes, message, recordEvents, subscribed } from "./bench.ts";

test("a handler is given the message as it came", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online();
  const got: Message[] = [];
  await subscribed(bench, client, peer, "#", { onMessage: (each) => got.push(each) });
  peer.send({ ...message("a/b", '{"x": "é"}'), retain: true, properties: { contentType: "json" } });
  await bench.clock.tick();
  expect(got).toHaveLength(1);
  expect(got[0]).toMatchObject({ topic: "a/b", qos: 0, retain: true, dup: false, properties: { contentType: "json" } });
  expect(got[0]?.text()).toBe('{"x": "é"}');
  expect(got[0]?.json()).toEqual({ x: "é" });
  expect(client.statistics).toMatchObject({ messagesReceived: 1, pendingMessages: 0, subscriptions: 1 });
});

test("text replaces what is not UTF-8, json throws at what is not JSON", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online();
  const got: Message[] = [];
  await subscribed(bench, client, peer, "#", { onMessage: (each) => got.push(each) });
  peer.send({ ...message("a", ""), payload: Uint8Array.of(0x61, 0xff, 0x62) });
  await bench.clock.tick();
  expect(got[0]?.text()).toBe("a\ufffdb");
  expect(() => got[0]?.json()).toThrow(SyntaxError);
});

describe("a message is acknowledged", () => {
  test.each([
    [1, "puback"],
    [2, "pubrec"],
  ] as const)("at once when the handler returns: QoS %i", async (qos, type) => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    await subscribed(bench, client, peer, "#", { onMessage: () => undefined });
    peer.send(message("a", "x", qos, 7));
    expect(await peer.expect(type)).toMatchObject({ packetIdentifier: 7, reasonCode: 0 });
  });

  test("when the handler's promise resolves, one message at a time", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const started: string[] = [];
    const finish: (() => void)[] = [];
    await subscribed(bench, client, peer, "#", {
      onMessage: (each) => {
        started.push(each.text());
        return new Promise<void>((resolve) => finish.push(resolve));
      },
    });
    for (let i = 1; i <= 3; i++) peer.send(message("a", String(i), 1, i));
    await peer.expectNothing();
    expect(started).toEqual(["1"]);
    expect(client.statistics.pendingMessages).toBe(3);
    for (let i = 1; i <= 3; i++) {
      finish[i - 1]?.();
      expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: i });
      await peer.expectNothing();
    }
    expect(started).toEqual(["1", "2", "3"]);
  });

  test("in the order the messages came, whichever handler is done first", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    let finish: () => void = () => undefined;
    await subscribed(bench, client, peer, "slow", {
      onMessage: () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
    });
    await subscribed(bench, client, peer, "fast", { onMessage: () => undefined });
    peer.send(message("slow", "", 1, 1));
    peer.send(message("fast", "", 1, 2));
    await peer.expectNothing();
    finish();
    expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 1 });
    expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 2 });
  });

  test("not over another connection than it came over", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ cleanStart: false });
    let finish: () => void = () => undefined;
    const onMessage = () =>
      new Promise<void>((resolve) => {
        finish = resolve;
      });
    await subscribed(bench, client, peer, "#", { onMessage });
    peer.send(message("a", "", 1, 1));
    await bench.clock.tick();
    peer.cut();
    const again = await bench.acceptAgain({ sessionPresent: true });
    finish();
    await again.expectNothing();
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
  ] as const)("%s: an error event, and the acknowledgement says so on MQTT 5", async (_how, onMessage) => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const events = recordEvents(client);
    await subscribed(bench, client, peer, "#", { onMessage });
    peer.send(message("a", "", 1, 1));
    peer.send(message("a", "", 2, 2));
    expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 1, reasonCode: 0x83 });
    expect(await peer.expect("pubrec")).toMatchObject({ packetIdentifier: 2, reasonCode: 0x83 });
    expect(events.filter(({ name }) => name === "error").map(({ value }) => value)).toEqual([boom, boom]);
    expect(client.connected).toBe(true);
  });

  test("before MQTT 5 leaves its message unacknowledged, those after it not; it comes again with the next connection", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online({ protocolVersion: 4, cleanStart: false });
    const errors = errorCodes(client);
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
    peer.cut();
    const again = await bench.acceptAgain({ sessionPresent: true });
    again.send({ ...message("one", "", 1, 1), dup: true });
    again.send({ ...message("two", "", 2, 2), dup: true });
    expect(await again.expect("puback")).toMatchObject({ packetIdentifier: 1 });
    expect(await again.expect("pubrec")).toMatchObject({ packetIdentifier: 2 });
    expect(handled).toEqual(["fine", "one", "two"]);
    expect(errors).toEqual(["Error: no", "Error: no"]);
  });

  test("with nothing to say is told all the same", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const events = recordEvents(client);
    await subscribed(bench, client, peer, "#", { onMessage: () => Promise.reject(undefined) });
    peer.send(message("a", "", 1, 1));
    expect(await peer.expect("puback")).toMatchObject({ reasonCode: 0x83 });
    expect(events.at(-1)).toMatchObject({ name: "error", value: { message: /rejected/ } });
  });
});

describe("several subscriptions that match", () => {
  test("each get the message once; it is acknowledged when all are done, refused if one failed", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const got: string[] = [];
    let finish: () => void = () => undefined;
    await subscribed(bench, client, peer, ["a/+", "a/#"], { onMessage: () => got.push("one") });
    await subscribed(bench, client, peer, "#", {
      onMessage: () => {
        got.push("two");
        return new Promise<void>((resolve) => {
          finish = resolve;
        });
      },
    });
    await subscribed(bench, client, peer, "other", { onMessage: () => got.push("three") });
    peer.send(message("a/b", "", 1, 1));
    await peer.expectNothing();
    expect(got.sort()).toEqual(["one", "two"]);
    finish();
    expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 1, reasonCode: 0 });
  });

  test("a shared filter is matched without its share name", async () => {
    const bench = new Bench();
    const { client, peer } = await bench.online();
    const got: string[] = [];
    await subscribed(bench, client, peer, "$share/group/a/+", { onMessage: (each) => got.push(each.topic) });
    peer.send(message("a/b", ""));
    peer.send(message("b/b", ""));
    await bench.clock.tick();
    expect(got).toEqual(["a/b"]);
  });
});

test("a message that no subscription is for is an event, and acknowledged", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online();
  const events = recordEvents(client);
  peer.send(message("a", "x", 1, 1));
  await peer.expect("puback");
  expect(events).toMatchObject([{ name: "unclaimed", value: { topic: "a" } }]);
});

test("a QoS 2 message that the server repeats is handled once", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online({ cleanStart: false });
  const got: string[] = [];
  await subscribed(bench, client, peer, "#", { onMessage: (each) => got.push(each.text()) });
  peer.send(message("a", "x", 2, 1));
  await peer.expect("pubrec");
  peer.cut();
  const again = await bench.acceptAgain({ sessionPresent: true });
  again.send({ ...message("a", "x", 2, 1), dup: true });
  await again.expect("pubrec");
  again.send({ type: "pubrel", packetIdentifier: 1, reasonCode: 0 });
  await again.expect("pubcomp");
  again.send(message("a", "y", 2, 1));
  await again.expect("pubrec");
  expect(got).toEqual(["x", "y"]);
});

test("a topic alias is resolved before the message is routed", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online({ properties: { topicAliasMaximum: 5 } });
  const got: string[] = [];
  await subscribed(bench, client, peer, "a/b", { onMessage: (each) => got.push(each.topic) });
  peer.send({ ...message("a/b", "", 2, 1), properties: { topicAlias: 3 } });
  peer.send({ ...message("", "", 2, 2), properties: { topicAlias: 3 } });
  await bench.clock.tick();
  expect(got).toEqual(["a/b", "a/b"]);
});
