// authorizePublish and onPublish: what clients may publish, and what becomes of it.
import type { ConnectPacket, ProtocolVersion } from "@aiko/mqtt/codec";
import type { BrokerClient, BrokerMessage, BrokerOptions, PublishAnswer } from "@aiko/mqtt-broker";
import { describe, expect, test } from "vitest";
import { Bench, disconnect, kept, message, receive, subscribe } from "../bench.ts";
import { type Decision, decision } from "./decision.ts";

/** The topics that a client may publish to. */
const onlyA: BrokerOptions = { authorizePublish: (_, { topic }) => topic === "a" };

async function listening(options: BrokerOptions) {
  const bench = new Bench(options);
  const errors: unknown[] = [];
  bench.hub.events.on("error", (error) => errors.push(error));
  const reader = await bench.connect("reader");
  await subscribe(reader, "#");
  return { bench, reader, errors };
}

/** A broker whose hook answers later, once for each message. */
async function deciding(options: BrokerOptions = {}) {
  const open: Decision<PublishAnswer>[] = [];
  const onPublish = (): Promise<PublishAnswer> => {
    const next = decision<PublishAnswer>();
    open.push(next);
    return next.promise;
  };
  return { open, ...(await listening({ onPublish, ...options })) };
}

describe("a refused message", () => {
  test.each([
    [1, "puback"],
    [2, "pubrec"],
  ] as const)("at QoS %i is acknowledged with the reason code on MQTT 5", async (qos, type) => {
    const { bench, reader } = await listening(onlyA);
    const peer = await bench.connect("c");
    peer.send(message("b", "x", { qos, packetIdentifier: 1 }));
    expect(await peer.expect(type)).toMatchObject({ packetIdentifier: 1, reasonCode: 0x87 });
    peer.send(message("a", "y"));
    expect(await receive(reader)).toBe("a=y q0");
  });

  test.each<ProtocolVersion>([3, 4])(
    "is acknowledged and dropped on version %i [MQTT31-32]",
    async (protocolVersion) => {
      const { bench, reader } = await listening(onlyA);
      const peer = await bench.connect("c", { protocolVersion });
      peer.send(message("b", "x", { qos: 1, packetIdentifier: 1 }));
      await peer.expect("puback");
      peer.send(message("b", "x", { qos: 2, packetIdentifier: 2 }));
      await peer.expect("pubrec");
      await reader.expectNothing();
    },
  );

  test("has the reason code that the hook gives, and is reported", async () => {
    const { bench } = await listening({ authorizePublish: () => ({ reasonCode: 0x97, reason: "too much" }) });
    const peer = await bench.connect("c");
    peer.send(message("b", "x", { qos: 1, packetIdentifier: 1 }));
    expect(await peer.expect("puback")).toMatchObject({ reasonCode: 0x97, properties: { reasonString: "too much" } });
    expect(bench.events.at(-1)).toEqual({
      type: "publishRefused",
      clientId: "c",
      topic: "b",
      reasonCode: 0x97,
      reason: "too much",
    });
  });

  test("at QoS 2 frees its packet identifier", async () => {
    let allowed = false;
    const { bench, reader } = await listening({ authorizePublish: () => allowed });
    const peer = await bench.connect("c");
    peer.send(message("b", "x", { qos: 2, packetIdentifier: 1 }));
    await peer.expect("pubrec");
    allowed = true;
    peer.send(message("b", "y", { qos: 2, packetIdentifier: 1 }));
    expect((await peer.expect("pubrec")).reasonCode).toBe(0);
    expect(await receive(reader)).toBe("b=y q2");
  });

  test("is not retained", async () => {
    const { bench } = await listening(onlyA);
    const peer = await bench.connect("c");
    peer.send(message("b", "x", { retain: true, qos: 1, packetIdentifier: 1 }));
    await peer.expect("puback");
    expect(bench.hub.statistics.retainedMessages).toBe(0);
  });
});

describe("onPublish", () => {
  test("changes a message", async () => {
    const { bench, reader } = await listening({
      onPublish: ({ topic }) => ({ topic: `site/${topic}`, payload: "changed", qos: 0, retain: true }),
    });
    const peer = await bench.connect("c");
    peer.send(message("a", "x", { qos: 1, packetIdentifier: 1, properties: { contentType: "text" } }));
    expect((await peer.expect("puback")).reasonCode).toBe(0);
    const { topic, payload, properties } = await reader.expect("publish");
    expect([topic, new TextDecoder().decode(payload), properties]).toEqual([
      "site/a",
      "changed",
      { contentType: "text" },
    ]);
    expect(bench.hub.statistics.retainedMessages).toBe(1);
  });

  test("changes some fields of a copy of the message", async () => {
    const { bench, reader, errors } = await listening({
      onPublish: (given) => ({ ...given, payload: "changed" }) as PublishAnswer,
    });
    const peer = await bench.connect("c");
    peer.send(message("a", "x"));
    expect(await receive(reader)).toBe("a=changed q0");
    expect(errors).toEqual([]);
  });

  test.each([
    [{ reason: "not JSON" }, "an object with reason"],
    [{ payoad: "x" }, "an object with payoad"],
    ["take", '"take"'],
    [{ reasonCode: 0x10 }, "{ reasonCode: 16 }"],
  ])("that answers %j refuses the message", async (answer, what) => {
    const { bench, reader, errors } = await listening({ onPublish: () => answer as PublishAnswer });
    const peer = await bench.connect("c");
    peer.send(message("a", "x", { qos: 1, packetIdentifier: 1 }));
    expect((await peer.expect("puback")).reasonCode).toBe(0x83);
    await reader.expectNothing();
    expect(errors).toMatchObject([{ code: "OPTION_INVALID", message: expect.stringContaining(`, not ${what}`) }]);
  });

  test("takes a message: it is acknowledged, but neither delivered nor retained", async () => {
    const { bench, reader } = await listening({ onPublish: () => "taken" });
    const peer = await bench.connect("c");
    peer.send(message("a", "x", { qos: 1, packetIdentifier: 1, retain: true }));
    expect((await peer.expect("puback")).reasonCode).toBe(0);
    await reader.expectNothing();
    expect(bench.hub.statistics.retainedMessages).toBe(0);
  });

  test("refuses a message, and is not asked about one that authorizePublish refuses", async () => {
    const seen: string[] = [];
    const { bench } = await listening({
      ...onlyA,
      onPublish: ({ topic }) => {
        seen.push(topic);
        return { reasonCode: 0x99 };
      },
    });
    const peer = await bench.connect("c");
    peer.send(message("a", "x", { qos: 1, packetIdentifier: 1 }));
    expect((await peer.expect("puback")).reasonCode).toBe(0x99);
    peer.send(message("b", "x", { qos: 1, packetIdentifier: 2 }));
    expect((await peer.expect("puback")).reasonCode).toBe(0x87);
    expect(seen).toEqual(["a"]);
  });

  test("receives the message and its client", async () => {
    const seen: [BrokerMessage, BrokerClient][] = [];
    const { bench } = await listening({ onPublish: (...given) => void seen.push(given) });
    const fields: Partial<ConnectPacket> = { username: "ann", protocolVersion: 4 };
    (await bench.connect("c", fields)).send(message("a", "x", { qos: 1, packetIdentifier: 7 }));
    await bench.clock.tick();
    const [[given, client]] = seen as [[BrokerMessage, BrokerClient]];
    expect(given).toMatchObject({ topic: "a", qos: 1, retain: false, publisher: "c" });
    expect(client).toBe(bench.hub.clientList.get("c"));
    expect(client).toMatchObject({ clientId: "c", username: "ann", protocolVersion: 4, connected: true });
  });

  test.each<[string, unknown]>([
    ["a wildcard", { topic: "a/#" }],
    ["a wrong QoS", { qos: 3 }],
    ["a number", { payload: 5 }],
    ["a reason code of success", { reasonCode: 0 }],
    ["a reason code of another packet", { reasonCode: 0x81 }],
    ["null", null],
    ["a text", "yes"],
    ["an unknown property", { properties: { contentType: 5 } }],
  ])("that answers %s refuses, with an error event", async (_, answer) => {
    const { bench, reader, errors } = await listening({ onPublish: () => answer as PublishAnswer });
    const peer = await bench.connect("c");
    peer.send(message("a", "x", { qos: 1, packetIdentifier: 1 }));
    expect((await peer.expect("puback")).reasonCode).toBe(0x83);
    expect(errors).toEqual([expect.objectContaining({ name: "UsageError" })]);
    await reader.expectNothing();
  });
});

describe("a will", () => {
  const will = { topic: "w", payload: Uint8Array.of(0x78), qos: 0, retain: false } as const;

  test.each(["authorizePublish", "onPublish"] as const)("is not published if %s refuses it", async (hook) => {
    const { bench, reader } = await listening({ [hook]: () => false });
    (await bench.connect("c", { will })).cut();
    await bench.clock.tick();
    await reader.expectNothing();
    expect(bench.events.at(-1)).toMatchObject({ type: "publishRefused", clientId: "c", topic: "w" });
  });

  test("is decided later, also when its session has ended", async () => {
    const { bench, reader, open } = await deciding();
    (await bench.connect("c", { will })).cut();
    await bench.clock.tick();
    expect(bench.hub.statistics.sessions).toBe(1);
    open[0]?.answer({ topic: "changed" });
    expect(await receive(reader)).toBe("changed=x q0");
  });
});

describe("while a hook has not answered", () => {
  test("the packets of its client wait in order, and other clients go on", async () => {
    const { bench, reader, open } = await deciding();
    const peer = await bench.connect("c");
    peer.send(message("a", "1", { qos: 1, packetIdentifier: 1 }));
    peer.send({ type: "pingreq" });
    peer.send(message("a", "2"));
    const other = await bench.connect("d");
    other.send({ type: "pingreq" });
    await other.expect("pingresp");
    await peer.expectNothing();
    open[0]?.answer(true);
    await peer.expect("puback");
    await peer.expect("pingresp");
    expect(open).toHaveLength(2);
    open[1]?.answer(undefined);
    expect([await receive(reader), await receive(reader)]).toEqual(["a=1 q1", "a=2 q0"]);
  });

  test("at most one further chunk is read", async () => {
    const { bench, open } = await deciding();
    const peer = await bench.connect("c");
    for (let i = 0; i < 100; i++) {
      peer.send(message("a", "x".repeat(1_000)));
      await bench.clock.tick();
    }
    expect(open).toHaveLength(1);
    for (let i = 0; i < 100; i++) {
      open[i]?.answer(true);
      await bench.clock.tick();
    }
    expect(open).toHaveLength(100);
  });

  test("silence does not count against the keep-alive", async () => {
    const { bench, open } = await deciding({ hookTimeout: 100_000 });
    const peer = await bench.connect("c", { keepAlive: 10 });
    peer.send(message("a", "1"));
    await bench.clock.advance(60_000);
    await peer.expectNothing();
    open[0]?.answer(true);
    await bench.clock.advance(14_000);
    await peer.expectNothing();
    await bench.clock.advance(2_000);
    expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 0x8d });
  });

  test("a client that leaves with DISCONNECT has left, and what it sent before is handled", async () => {
    const { bench, reader, open } = await deciding();
    const will = { topic: "w", payload: new Uint8Array(1), qos: 0, retain: false } as const;
    const peer = await bench.connect("c", { will });
    peer.send(message("a", "1"));
    peer.send(message("a", "2"));
    peer.send(disconnect);
    peer.close();
    await bench.clock.tick();
    expect(bench.hub.statistics.openConnections).toBe(2);
    open[0]?.answer(true);
    await bench.clock.tick();
    open[1]?.answer(true);
    await bench.clock.tick();
    expect([await receive(reader), await receive(reader)]).toEqual(["a=1 q0", "a=2 q0"]);
    await reader.expectNothing();
    expect(bench.events.filter(({ type }) => type === "disconnected")).toEqual([
      { type: "disconnected", clientId: "c", reason: "DISCONNECT" },
    ]);
    expect(bench.hub.statistics).toMatchObject({ openConnections: 1, sessions: 1 });
  });

  test("a client that is cut is gone when the hook has answered, and its will is published", async () => {
    const { bench, reader, open } = await deciding();
    const will = { topic: "w", payload: Uint8Array.of(0x78), qos: 0, retain: false } as const;
    const peer = await bench.connect("c", { will });
    peer.send(message("a", "1"));
    await bench.clock.tick();
    peer.cut();
    await bench.clock.tick();
    open[0]?.answer(true);
    await bench.clock.tick();
    open[1]?.answer(true);
    expect([await receive(reader), await receive(reader)]).toEqual(["a=1 q0", "w=x q0"]);
    expect(bench.hub.statistics).toMatchObject({ openConnections: 1, sessions: 1 });
  });

  test("messages for a client that was cut are kept for its session, and the next connection takes over", async () => {
    const { bench, open } = await deciding();
    const peer = await bench.connect("c", kept);
    await subscribe(peer, "for/c");
    peer.send(message("a", "1", { qos: 2, packetIdentifier: 1 }));
    await bench.clock.tick();
    peer.cut();
    await bench.clock.tick();
    const other = await bench.connect("d");
    other.send(message("for/c", "0"));
    other.send(message("for/c", "1", { qos: 1, packetIdentifier: 1 }));
    await bench.clock.tick();
    open[1]?.answer(true);
    await bench.clock.tick();
    open[2]?.answer(true);
    await bench.clock.tick();
    const { peer: again, connack } = await bench.introduce("c", kept);
    expect(connack.sessionPresent).toBe(true);
    expect(await receive(again)).toBe("for/c=1 q1");
    open[0]?.answer(true); // of the connection that is gone
    again.send(message("a", "1", { qos: 2, packetIdentifier: 1, dup: true }));
    await again.expect("pubrec");
    expect(open).toHaveLength(3); // the repeated message was not decided again
    expect(bench.hub.statistics.openConnections).toBe(3);
  });

  test("a broker that closes ends everything", async () => {
    const { bench, open, errors } = await deciding();
    const peer = await bench.connect("c");
    peer.send(message("a", "1"));
    await bench.clock.tick();
    bench.hub.close();
    open[0]?.answer(true);
    await bench.clock.advance(20_000);
    expect(errors).toEqual([]);
    expect(bench.hub.statistics).toMatchObject({ openConnections: 0, sessions: 0 });
  });
});

describe("a hook that fails", () => {
  test.each<[string, () => Promise<boolean> | boolean]>([
    [
      "throws",
      () => {
        throw new Error("mine");
      },
    ],
    ["rejects", () => Promise.reject(new Error("mine"))],
  ])("because it %s refuses, and others are served", async (_, authorizePublish) => {
    const { bench, errors, reader } = await listening({
      authorizePublish: (client) => client.clientId === "d" || authorizePublish(),
    });
    const peer = await bench.connect("c");
    peer.send(message("a", "x", { qos: 1, packetIdentifier: 1 }));
    expect((await peer.expect("puback")).reasonCode).toBe(0x83);
    expect(errors).toEqual([new Error("mine")]);
    (await bench.connect("d")).send(message("a", "y"));
    expect(await receive(reader)).toBe("a=y q0");
  });

  test("because it does not answer in time refuses, and its late answer has no effect", async () => {
    const { bench, errors, open, reader } = await deciding();
    const peer = await bench.connect("c");
    peer.send(message("a", "x", { qos: 1, packetIdentifier: 1 }));
    await bench.clock.advance(9_999);
    await peer.expectNothing();
    await bench.clock.advance(2);
    expect((await peer.expect("puback")).reasonCode).toBe(0x83);
    expect(errors).toMatchObject([{ code: "HANDLER_TIMEOUT", message: expect.stringContaining("hookTimeout 10000") }]);
    open[0]?.answer(true);
    await reader.expectNothing();
    open[0]?.fail(new Error("late"));
    expect(bench.clock.nextTimer).toBe(Infinity);
  });

  test("after its client has gone is reported only", async () => {
    const { bench, errors, open } = await deciding();
    const peer = await bench.connect("c");
    peer.send(message("a", "x", { qos: 1, packetIdentifier: 1 }));
    await bench.clock.tick();
    peer.cut();
    await bench.clock.tick();
    open[0]?.fail(new Error("mine"));
    await bench.clock.tick();
    expect(errors).toEqual([new Error("mine")]);
    expect(bench.hub.statistics).toMatchObject({ openConnections: 1, sessions: 1 });
  });
});

test("ending a client or its session within its own hook is safe", async () => {
  const { bench, reader } = await listening({
    onPublish: ({ topic }, client) => {
      if (topic === "end") client.endSession();
      else client.disconnect(0x96, "too many messages");
    },
  });
  const one = await bench.connect("c");
  one.send(message("end", "x", { qos: 1, packetIdentifier: 1 }));
  expect(await one.expect("disconnect")).toMatchObject({ reasonCode: 0x98 });
  await one.expectClose();
  const other = await bench.connect("c");
  other.send(message("rate", "x", { qos: 2, packetIdentifier: 1 }));
  expect(await other.expect("disconnect")).toMatchObject({ reasonCode: 0x96 });
  expect([await receive(reader), await receive(reader)]).toEqual(["end=x q1", "rate=x q2"]);
});
