// broker.subscribe: the application subscribes within the process.
import { FakeClock, memoryPair, ScriptedPeer } from "@aiko/mqtt/testing";
import { type ApplicationMessage, Broker, type BrokerOptions, type BrokerSubscribeOptions } from "@aiko/mqtt-broker";
import { describe, expect, onTestFinished, test } from "vitest";
import { recordEvents } from "../../../../test/fixtures/broker-events.ts";
import { message, receive, subscribe } from "../bench.ts";
import { type Decision, decision } from "../hooks/decision.ts";

async function started(options: BrokerOptions = {}) {
  const clock = new FakeClock();
  const broker = await Broker.listen({ listeners: [], clock, ...options });
  onTestFinished(() => broker.close());
  const events = recordEvents(broker);
  const errors: unknown[] = [];
  broker.on("error", (error) => errors.push(error));
  const join = async (clientId: string, fields = {}): Promise<ScriptedPeer> => {
    const [client, server] = memoryPair(clock);
    broker.accept(server);
    const peer = new ScriptedPeer(client, clock, 5);
    peer.send({ type: "connect", protocolVersion: 5, clientId, cleanStart: true, keepAlive: 0, ...fields });
    await peer.expect("connack");
    return peer;
  };
  return { clock, broker, events, errors, join };
}

function shown(message: ApplicationMessage): string {
  const { topic, qos, retain, publisher } = message;
  return `${publisher}: ${topic}=${message.text()} q${qos}${retain ? " retained" : ""}`;
}

/** A handler that finishes a message when the test says so. */
function slowHandler() {
  const open: Decision<void>[] = [];
  const got: string[] = [];
  const onMessage = (given: ApplicationMessage): Promise<void> => {
    got.push(given.topic);
    const next = decision<void>();
    open.push(next);
    return next.promise;
  };
  return { open, got, onMessage };
}

describe("a handler", () => {
  test("receives retained messages first, then those of clients, wills, and those of the application", async () => {
    const { broker, clock, join } = await started();
    broker.publish("a/kept", "0", { retain: true });
    const will = { topic: "a/will", payload: Uint8Array.of(0x33), qos: 0, retain: false };
    const peer = await join("c", { will });
    const got: string[] = [];
    broker.subscribe(["a/#", "a/+"], (given) => got.push(shown(given)));
    peer.send(message("a/1", "1", { qos: 1, packetIdentifier: 1 }));
    expect((await peer.expect("puback")).reasonCode).toBe(0);
    expect(broker.publish("a/2", "2", { retain: true })).toBe(0);
    peer.cut();
    await clock.tick();
    expect(got).toEqual(["undefined: a/kept=0 q0 retained", "c: a/1=1 q1", "undefined: a/2=2 q0", "c: a/will=3 q0"]);
  });

  test("receives no retained messages with retained: false", async () => {
    const { broker, clock } = await started();
    broker.publish("a", "0", { retain: true });
    const got: string[] = [];
    broker.subscribe("a", { retained: false, onMessage: (given) => got.push(given.topic) });
    await clock.tick();
    expect(got).toEqual([]);
  });

  test("is not called within publish, and is called for one message at a time", async () => {
    const { broker, clock } = await started();
    const { open, got, onMessage } = slowHandler();
    broker.subscribe("#", onMessage);
    broker.publish("1", "");
    broker.publish("2", "");
    expect(got).toEqual([]);
    await clock.tick();
    expect(got).toEqual(["1"]);
    open[0]?.answer();
    await clock.tick();
    expect(got).toEqual(["1", "2"]);
  });

  test("may publish, also to its own topic", async () => {
    const { broker, clock } = await started();
    const got: string[] = [];
    broker.subscribe("count", (given) => {
      got.push(given.text());
      if (got.length < 1_000) broker.publish("count", String(got.length));
    });
    broker.publish("count", "0");
    await clock.tick();
    expect(got).toHaveLength(1_000);
  });

  test("that throws or rejects is an error event, and receives the next message", async () => {
    const { broker, clock, errors } = await started();
    broker.subscribe("#", ({ topic }) => {
      if (topic === "1") throw new Error("1");
      return Promise.reject(new Error("2"));
    });
    broker.publish("1", "");
    broker.publish("2", "");
    broker.publish("2", "");
    await clock.tick();
    expect(errors).toEqual([new Error("1"), new Error("2"), new Error("2")]);
  });

  test("owns the payload that it receives", async () => {
    const { broker, clock, join } = await started();
    const reader = await join("r");
    await subscribe(reader, "#");
    broker.subscribe("#", (given) => given.payload.fill(0));
    broker.publish("t", "text", { qos: 1, retain: true });
    await clock.tick();
    expect(await receive(reader)).toBe("t=text q1");
    broker.subscribe("#", (given) => expect(given.text()).toBe("text"));
    await clock.tick();
  });

  test("reads JSON; other text is a PayloadError", async () => {
    const { broker, clock, errors } = await started();
    const got: unknown[] = [];
    broker.subscribe("#", (given) => got.push(given.json()));
    broker.publish("t", '{"a":1}');
    broker.publish("t", "{");
    await clock.tick();
    expect(got).toEqual([{ a: 1 }]);
    expect(errors).toMatchObject([{ code: "PAYLOAD_NOT_JSON", topic: "t" }]);
  });

  test("does not receive messages that expired while they waited", async () => {
    const { broker, clock } = await started();
    const { open, got, onMessage } = slowHandler();
    broker.subscribe("#", onMessage);
    broker.publish("1", "");
    broker.publish("2", "", { properties: { messageExpiryInterval: 1 } });
    broker.publish("3", "");
    await clock.advance(1_001);
    open[0]?.answer();
    await clock.tick();
    expect(got).toEqual(["1", "3"]);
  });
});

describe("an iterator", () => {
  test("returns messages as the application requests them, and ends with the broker", async () => {
    const { broker, clock } = await started();
    const subscription = broker.subscribe("#");
    const got: string[] = [];
    const reading = (async () => {
      for await (const { topic } of subscription) got.push(topic);
    })();
    broker.publish("1", "");
    broker.publish("2", "");
    await clock.tick();
    expect(got).toEqual(["1", "2"]);
    await broker.close();
    await reading;
    expect(subscription.closed).toBe(true);
    expect(() => broker.subscribe("#")).toThrow(expect.objectContaining({ code: "BROKER_CLOSED" }));
  });

  test("that is left ends the subscription", async () => {
    const { broker, clock } = await started();
    const subscription = broker.subscribe("#");
    broker.publish("1", "");
    for await (const { topic } of subscription) {
      expect(topic).toBe("1");
      break;
    }
    expect(subscription.closed).toBe(true);
    expect(broker.publish("2", "")).toBe(0x10);
    expect(await subscription[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
    expect(clock.nextTimer).toBe(Infinity);
  });

  test("serves several requests at once, in order", async () => {
    const { broker, clock } = await started();
    const iterator = broker.subscribe("#")[Symbol.asyncIterator]();
    const asked = [iterator.next(), iterator.next(), iterator.next()];
    broker.publish("1", "");
    broker.publish("2", "");
    await clock.tick();
    await iterator.return?.();
    expect((await Promise.all(asked)).map(({ value }) => value?.topic)).toEqual(["1", "2", undefined]);
  });
});

describe("a full subscription", () => {
  async function filled(options: Partial<BrokerSubscribeOptions> = {}) {
    const world = await started();
    const handler = slowHandler();
    const subscription = world.broker.subscribe("#", { maximumCount: 2, ...options, onMessage: handler.onMessage });
    return { ...world, ...handler, subscription };
  }

  test("drops QoS 0 messages, with an event", async () => {
    const { broker, clock, events, subscription } = await filled();
    for (let i = 1; i <= 4; i++) {
      broker.publish(`${i}`, "x");
      await clock.tick();
    }
    expect(events.filter(({ type }) => type === "dropped")).toMatchObject([{ clientId: undefined, topic: "4" }]);
    expect(subscription.queued).toEqual({ count: 2, bytes: 4 });
  });

  test("is bounded in bytes, too, but takes one message of any size", async () => {
    const { broker, clock, events, got } = await filled({ maximumCount: 10, maximumBytes: 10 });
    for (const topic of ["1", "2", "3"]) {
      broker.publish(topic, "x".repeat(20));
      await clock.tick();
    }
    expect(got).toEqual(["1"]);
    expect(events.filter(({ type }) => type === "dropped")).toMatchObject([{ topic: "3" }]);
  });

  test("makes the publisher of a QoS 1 or 2 message wait, but no other client", async () => {
    const { join, open, clock, got } = await filled();
    const [peer, other] = [await join("c"), await join("d")];
    for (let i = 1; i <= 3; i++) {
      peer.send(message(`${i}`, "", { qos: 1, packetIdentifier: i }));
      await peer.expect("puback");
    }
    peer.send(message("4", "", { qos: 1, packetIdentifier: 4 }));
    peer.send(message("5", "", { qos: 2, packetIdentifier: 5 }));
    peer.send({ type: "pingreq" });
    await peer.expectNothing();
    other.send({ type: "pingreq" });
    await other.expect("pingresp");
    open[0]?.answer();
    expect((await peer.expect("puback")).reasonCode).toBe(0);
    open[1]?.answer();
    expect((await peer.expect("pubrec")).reasonCode).toBe(0);
    await peer.expect("pingresp");
    for (let i = 2; i < 5; i++) {
      open[i]?.answer();
      await clock.tick();
    }
    expect(got).toEqual(["1", "2", "3", "4", "5"]);
  });

  test("refuses after maximumWait, and at once until the application takes a message", async () => {
    const { join, open, clock, events } = await filled({ maximumWait: 1_000 });
    const peer = await join("c");
    for (let i = 1; i <= 3; i++) {
      peer.send(message(`${i}`, "", { qos: 1, packetIdentifier: i }));
      await peer.expect("puback");
    }
    peer.send(message("4", "", { qos: 1, packetIdentifier: 4 }));
    await clock.advance(999);
    await peer.expectNothing();
    await clock.advance(1);
    expect((await peer.expect("puback")).reasonCode).toBe(0x97);
    peer.send(message("5", "", { qos: 1, packetIdentifier: 5 }));
    expect((await peer.expect("puback")).reasonCode).toBe(0x97);
    expect(events.filter(({ type }) => type === "dropped")).toMatchObject([{ topic: "4" }, { topic: "5" }]);
    open[0]?.answer();
    await clock.tick();
    peer.send(message("6", "", { qos: 1, packetIdentifier: 6 }));
    expect((await peer.expect("puback")).reasonCode).toBe(0);
  });

  test("lets publishers go when it ends", async () => {
    const { join, subscription, open } = await filled();
    const peer = await join("c");
    for (let i = 1; i <= 4; i++) peer.send(message(`${i}`, "", { qos: 1, packetIdentifier: i }));
    for (let i = 1; i <= 3; i++) await peer.expect("puback");
    await peer.expectNothing();
    const ended = subscription.unsubscribe();
    expect((await peer.expect("puback")).reasonCode).toBe(0);
    open[0]?.answer();
    await ended;
  });

  test("forgets a publisher that has gone", async () => {
    const { broker, join, open, clock } = await filled();
    const peer = await join("c");
    for (let i = 1; i <= 4; i++) peer.send(message(`${i}`, "", { qos: 1, packetIdentifier: i }));
    await clock.tick();
    peer.cut();
    await clock.advance(10_000);
    expect(broker.statistics).toMatchObject({ openConnections: 0, sessions: 0 });
    open[0]?.answer();
    await clock.tick();
    expect(clock.nextTimer).toBe(Infinity);
  });
});

test("unsubscribe waits for the running handler, for five seconds at most", async () => {
  const { broker, clock } = await started();
  const { got, onMessage } = slowHandler();
  const subscription = broker.subscribe("#", onMessage);
  broker.publish("1", "");
  broker.publish("2", "");
  await clock.tick();
  let ended = false;
  const ending = subscription.unsubscribe().then(() => {
    ended = true;
  });
  await clock.advance(4_999);
  expect(ended).toBe(false);
  await clock.advance(1);
  await ending;
  expect(got).toEqual(["1"]);
  expect(broker.publish("3", "")).toBe(0x10);
});

test.each<[string, unknown, unknown, string]>([
  ["no filter", [], undefined, "TOPIC_FILTER_INVALID"],
  ["a wrong filter", "a/#/b", undefined, "TOPIC_FILTER_INVALID"],
  ["a shared filter", "$share/g/a", undefined, "TOPIC_FILTER_INVALID"],
  ["a number", 5, undefined, "TOPIC_FILTER_INVALID"],
  ["more levels than allowed", "a/b/c/d", undefined, "TOPIC_FILTER_INVALID"],
  ["an unknown option", "a", { qos: 1 }, "OPTION_UNKNOWN"],
  ["a handler that is no function", "a", { onMessage: 5 }, "OPTION_INVALID"],
  ["no room at all", "a", { maximumCount: 0 }, "OPTION_INVALID"],
])("%s is refused, and nothing is subscribed", async (_, filters, options, code) => {
  const { broker } = await started({ maximumTopicLevels: 3 });
  expect(() => broker.subscribe(filters as string, options as object)).toThrow(expect.objectContaining({ code }));
  expect(broker.publish("a", "")).toBe(0x10);
});

test("printing a subscription shows no other part of the broker", async () => {
  const { broker } = await started();
  const subscription = broker.subscribe("#");
  expect(JSON.parse(JSON.stringify(subscription))).toEqual({ topicFilters: ["#"] });
});
