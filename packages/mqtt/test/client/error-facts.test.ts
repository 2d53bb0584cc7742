// The fields of errors for programs: the wrong option, the topic, and whether a message may have arrived.
import { AbortedError, type ConnectOptions, createClient, MemoryStore, type MqttError, StoreError } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { storeAround } from "../../../../test/fixtures/stores.ts";
import { Bench, subscribed, watch } from "./bench.ts";

const wrong = (value: unknown): never => value as never;

describe("an error names its option as it is written in the program:", () => {
  test.each([
    [{ keepalive: 5 }, "keepalive"],
    [{ keepAlive: -1 }, "keepAlive"],
    [{ outbox: { maximumCount: 0 } }, "outbox.maximumCount"],
    [{ outbox: { count: 1 } }, "outbox.count"],
    [{ reconnect: { initialDelay: 5_000, maximumDelay: 1 } }, "reconnect.maximumDelay"],
    [{ reconnect: true }, "reconnect"],
    [{ tls: { ca: 5 } }, "tls.ca"],
    [{ tls: { ca: "ca.pem" } }, "tls.ca"],
    [{ tls: { key: "x" } }, "tls.key"],
    [{ tls: { rejectUnauthorized: false } }, "tls.rejectUnauthorized"],
    [{ tls: 5 }, "tls"],
    [{ webSocket: { subprotocol: "no spaces" } }, "webSocket.subprotocol"],
    [{ proxy: 5 }, "proxy"],
    [{ password: 5 }, "password"],
    [{ password: "x" }, "password"],
    [{ credentials: () => ({}), username: "ann" }, "credentials"],
    [{ store: new MemoryStore() }, "store"],
    [{ protocolVersion: 3, clientId: "" }, "clientId"],
    [{ will: { topic: "a/#" } }, "will.topic"],
    [{ will: { topic: "a", qos: 3 } }, "will.qos"],
    [{ will: { topic: "a", payload: 5 } }, "will.payload"],
    [{ signal: {} }, "signal"],
    [{ serverReference: "always" }, "serverReference"],
  ])("%o", (options, option) => {
    expect(() => createClient("mqtt://h", options as ConnectOptions)).toThrow(
      expect.objectContaining({ name: "UsageError", option }),
    );
  });

  test("of a call", async () => {
    const { client } = await new Bench().online();
    const calls = [
      [client.publish("a", "b", { qos: wrong(3) }), "qos"],
      [client.publish("a", "b", { properties: wrong({ topicAlias: 1 }) }), "properties.topicAlias"],
      [client.publish("a", wrong(5)), "payload"],
      [client.subscribe("a", { concurrency: wrong(2) }), "concurrency"],
      [client.request("a", "b", { timeout: 0 }), "timeout"],
      [client.disconnect({ drainTimeout: -1 }), "drainTimeout"],
      [client.connect(wrong({ signals: 1 })), "signals"],
    ] as const;
    for (const [call, option] of calls) await expect(call).rejects.toMatchObject({ name: "UsageError", option });
  });
});

test("an error names the one topic or topic filter that it is about", async () => {
  const { bench, client, peer } = await new Bench().online();
  await expect(client.publish("a/#", "b")).rejects.toMatchObject({ code: "TOPIC_NAME_INVALID", topic: "a/#" });
  await expect(client.subscribe("a#")).rejects.toMatchObject({ code: "TOPIC_FILTER_INVALID", topicFilter: "a#" });
  const refused = watch(client.subscribe("secret/#"));
  await bench.answer(peer, "subscribe", 0x87);
  expect(refused.error).toMatchObject({ code: "SUBSCRIBE_REFUSED", topicFilter: "secret/#" });
});

describe("an error of publish tells whether the message may have arrived:", () => {
  const message = (outcome: { error?: unknown }) => {
    const { code, topic, mayHaveArrived } = outcome.error as MqttError;
    return { code, topic, mayHaveArrived };
  };

  test("no if it was queued in the outbox, or if the outbox was full", async () => {
    const bench = new Bench();
    const client = bench.create({ outbox: { maximumCount: 1 } });
    const outcomes = ["queued", "full"].map((topic) => watch(client.publish(topic, "", { qos: 1 })));
    await client.disconnect();
    expect(outcomes.map(message)).toEqual([
      { code: "CLIENT_CLOSED", topic: "queued", mayHaveArrived: false },
      { code: "OUTBOX_FULL", topic: "full", mayHaveArrived: false },
    ]);
  });

  test("yes if it was sent but is unacknowledged when the client is closed; no if it was still queued", async () => {
    const { bench, client } = await new Bench().online({ maximumInflight: 1 });
    const outcomes = ["sent", "waiting"].map((topic) => watch(client.publish(topic, "", { qos: 1 })));
    await bench.passing(client.disconnect({ drainTimeout: 100 }));
    expect(outcomes.map(message)).toEqual([
      { code: "DRAIN_TIMEOUT", topic: "sent", mayHaveArrived: true },
      { code: "DRAIN_TIMEOUT", topic: "waiting", mayHaveArrived: false },
    ]);
  });

  test("yes if the client stopped by itself after sending it", async () => {
    const { bench, client, peer } = await new Bench().online({ reconnect: false });
    const outcome = watch(client.publish("t", "", { qos: 1 }));
    await peer.expect("publish");
    peer.cut();
    await bench.clock.advance(1_000);
    expect(message(outcome)).toEqual({ code: "CLIENT_CLOSED", topic: "t", mayHaveArrived: true });
  });

  test("yes if the server lost the session while a QoS 2 message was unacknowledged", async () => {
    const { bench, client, peer } = await new Bench().online();
    const outcome = watch(client.publish("t", "", { qos: 2 }));
    await peer.expect("publish");
    await bench.reconnected(peer, { sessionPresent: false });
    expect(outcome.error).toMatchObject({ name: "OutboxError", code: "SESSION_LOST", mayHaveArrived: true });
  });

  test("no if the server refused it, or had announced the limit in CONNACK", async () => {
    const { bench, client, peer } = await new Bench().online({}, { properties: { maximumQoS: 1 } });
    const outcomes = [
      watch(client.publish("refused", "", { qos: 1 })),
      watch(client.publish("announced", "", { qos: 2 })),
    ];
    await bench.answer(peer, "publish", 0x87);
    expect(outcomes.map(message)).toEqual([
      { code: "PUBLISH_REFUSED", topic: "refused", mayHaveArrived: false },
      { code: "MAXIMUM_QOS_EXCEEDED", topic: "announced", mayHaveArrived: false },
    ]);
  });

  test("yes for a QoS 0 message of which bytes were handed to the network when the connection was lost", async () => {
    const { bench, client, peer } = await new Bench().online({ outbox: { qos0: "drop" } });
    peer.pause();
    const handed = watch(client.publish("handed", new Uint8Array(100_000)));
    await bench.clock.tick();
    expect(handed.settled).toBe(0); // the transport is full
    peer.cut();
    await bench.clock.tick();
    expect(message(handed)).toEqual({ code: "CONNECTION_LOST", topic: "handed", mayHaveArrived: true });
  });

  test("when its signal aborts, depending on whether it was sent before", async () => {
    const { bench, client, peer } = await new Bench().online({ maximumInflight: 1 });
    const abort = new AbortController();
    const { signal } = abort;
    const outcomes = ["sent", "waiting"].map((topic) => watch(client.publish(topic, "", { qos: 1, signal })));
    await peer.expect("publish");
    abort.abort();
    await bench.clock.tick();
    expect(outcomes.map(message)).toEqual([
      { code: "ABORTED", topic: "sent", mayHaveArrived: true },
      { code: "ABORTED", topic: "waiting", mayHaveArrived: false },
    ]);
  });

  test("when the store keeps it for the next client, depending on whether this one sent it", async () => {
    const { bench, client } = await new Bench().online({ store: new MemoryStore(), maximumInflight: 1 });
    const outcomes = ["sent", "waiting"].map((topic) => watch(client.publish(topic, "", { qos: 1 })));
    await bench.clock.tick();
    await bench.passing(client.disconnect({ drainTimeout: 100 }));
    expect(outcomes.map(message)).toEqual([
      { code: "MESSAGE_KEPT", topic: "sent", mayHaveArrived: true },
      { code: "MESSAGE_KEPT", topic: "waiting", mayHaveArrived: false },
    ]);
  });

  test("no if the store could not take it, since nothing is sent before it is stored; all messages share one error", async () => {
    const write = () => Promise.reject(new StoreError("STORE_FULL", "the disk is full"));
    const store = storeAround(new MemoryStore(), () => ({ write }));
    const { bench, client } = await new Bench().online({ store });
    const outcomes = ["one", "two"].map((topic) => watch(client.publish(topic, "", { qos: 1 })));
    await bench.clock.tick();
    const refused = { code: "STORE_FULL", topic: undefined, mayHaveArrived: false };
    expect(outcomes.map(message)).toEqual([refused, refused]);
  });

  test("undefined if the call was rejected before a message existed", async () => {
    const { bench, client } = await new Bench().online();
    const invalid = watch(client.publish("t", "", { qos: wrong(3) }));
    await bench.passing(client.disconnect());
    const late = watch(client.publish("t", ""));
    await bench.clock.tick();
    expect([invalid, late].map(message)).toEqual([
      { code: "OPTION_INVALID", topic: undefined, mayHaveArrived: undefined },
      { code: "CLIENT_CLOSED", topic: undefined, mayHaveArrived: undefined },
    ]);
  });
});

describe("the class of an error determines what a program does next", () => {
  test("an aborted operation uses the platform's error name", async () => {
    const { bench, client, peer } = await new Bench().online();
    const error = await client.publish("t", "", { signal: AbortSignal.abort("enough") }).catch((reason) => reason);
    expect(error).toBeInstanceOf(AbortedError);
    expect([error.name, error.cause, String(error)]).toEqual([
      "AbortError",
      "enough",
      "AbortError: the operation was aborted by its signal",
    ]);
    expect(error.stack).toMatch(/^AbortError: /);
    await subscribed(bench, client, peer, "fine");
  });

  test("a signal that aborts while a list of servers is tried ends the attempts", async () => {
    const abort = new AbortController();
    const bench = new Bench();
    const connecting = watch(bench.create({}, ["mqtt://one", "mqtt://two"]).connect({ signal: abort.signal }));
    await bench.server.next();
    abort.abort();
    await bench.clock.tick();
    expect(connecting.error).toBeInstanceOf(AbortedError);
    expect(bench.dialled).toEqual(["one"]);
  });
});
