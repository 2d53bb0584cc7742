import { ClosedError, OutboxError, RefusedError, TimeoutError, TransportError, UsageError } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { PlainExchange } from "../../../src/sn/client/exchange.ts";
import { WillExchange } from "../../../src/sn/client/will-exchange.ts";
import type { PublishPacket, SnPacket } from "../../../src/sn/packets.ts";
import { Bench, named } from "./machine-harness.ts";

const will = { topic: "gone", message: Uint8Array.of(9), qos: 1, retain: true } as const;

function incoming(more: Partial<PublishPacket> = {}): PublishPacket {
  const topic = { kind: "predefined", id: 7 } as const;
  return { type: "publish", topic, qos: 1, dup: false, retain: false, messageId: 50, data: Uint8Array.of(1), ...more };
}

describe("connecting", () => {
  test("sends CONNECT and is active after CONNACK", () => {
    const bench = new Bench({ keepAlive: 30 });
    const connecting = bench.run((now, settle) => bench.machine.connect(now, settle));
    expect(bench.takeSent()).toEqual([
      { type: "connect", clientId: "n1", cleanSession: true, will: false, protocolId: 1, duration: 30 },
    ]);
    bench.gateway({ type: "connack", returnCode: 0 });
    expect([connecting.outcome, bench.states]).toEqual(["done", ["connecting", "active"]]);
  });

  test("answers the questions for the will, and repeats an answer that was lost", () => {
    const bench = new Bench({ will });
    bench.run((now, settle) => bench.machine.connect(now, settle));
    expect(bench.takeSent()).toMatchObject([{ type: "connect", will: true }]);
    bench.gateway({ type: "willtopicreq" });
    bench.gateway({ type: "willtopicreq" });
    const topic = { type: "willtopic", will: { topic: "gone", qos: 1, retain: true } };
    expect(bench.takeSent()).toEqual([topic, topic]);
    bench.pass(10_000);
    expect(bench.takeSent()).toEqual([topic]);
    bench.gateway({ type: "willmsgreq" }, { type: "willtopicreq" }, { type: "willmsgreq" });
    const message = { type: "willmsg", message: will.message };
    expect(bench.takeSent()).toEqual([message, message]);
    bench.gateway({ type: "connack", returnCode: 0 });
    expect(bench.machine.state).toBe("active");
  });

  test("fails with the gateway's return code", () => {
    const bench = new Bench();
    const connecting = bench.run((now, settle) => bench.machine.connect(now, settle));
    bench.gateway({ type: "connack", returnCode: 1 });
    expect(connecting.outcome).toBeInstanceOf(RefusedError);
    expect(connecting.outcome).toMatchObject({
      code: "CONNECT_REFUSED",
      reasonCode: 1,
      message: expect.stringMatching(/congestion/),
    });
    expect(bench.states).toEqual(["connecting", "disconnected"]);
  });

  test("is lost if the gateway never answers, after T_retry for each of N_retry repetitions", () => {
    const bench = new Bench();
    const connecting = bench.run((now, settle) => bench.machine.connect(now, settle));
    bench.pass(39_999);
    expect([bench.takeSent().length, connecting.outcome]).toEqual([4, "pending"]);
    bench.pass(1);
    expect(connecting.outcome).toBeInstanceOf(TimeoutError);
    expect([bench.takeSent(), bench.states, bench.machine.deadline()]).toEqual([[], ["connecting", "lost"], Infinity]);
  });

  test("a second call fails at once", () => {
    const bench = new Bench();
    bench.run((now, settle) => bench.machine.connect(now, settle));
    const second = bench.run((now, settle) => bench.machine.connect(now, settle));
    expect(second.outcome).toBeInstanceOf(UsageError);
    expect(bench.takeSent()).toHaveLength(1);
  });

  test("works again after the gateway was lost, with new identifiers of topics", () => {
    const bench = Bench.active();
    bench.publish({ topic: named("a"), qos: 0 });
    bench.gateway({ type: "regack", topicId: 3, messageId: 1, returnCode: 0 });
    bench.publish({ topic: named("a") });
    bench.pass(40_000);
    expect(bench.machine.state).toBe("lost");
    bench.run((now, settle) => bench.machine.connect(now, settle));
    bench.gateway({ type: "connack", returnCode: 0 });
    bench.takeSent();
    bench.publish({ topic: named("a"), qos: 0 });
    expect(bench.takeSent()).toMatchObject([{ type: "register", topicName: "a" }]);
  });
});

describe("publishing", () => {
  test("registers a name once, and publishes with its identifier", () => {
    const bench = Bench.active();
    const first = bench.publish({ topic: named("a/b"), qos: 0 });
    expect(bench.takeSent()).toEqual([{ type: "register", topicId: 0, messageId: 1, topicName: "a/b" }]);
    bench.gateway({ type: "regack", topicId: 3, messageId: 1, returnCode: 0 });
    bench.publish({ topic: named("a/b"), qos: 0, retain: true });
    const packet = { type: "publish", dup: false, qos: 0, topic: { kind: "normal", id: 3 }, messageId: 0 };
    expect(bench.takeSent()).toMatchObject([
      { ...packet, retain: false },
      { ...packet, retain: true },
    ]);
    expect(first.outcome).toBe("done");
  });

  test.each([[{ kind: "predefined", id: 7 }], [{ kind: "short", name: "ab" }]] as const)(
    "%o needs no REGISTER",
    (topic) => {
      const bench = Bench.active();
      bench.publish({ topic, qos: 1 });
      expect(bench.takeSent()).toMatchObject([{ type: "publish", topic, qos: 1, messageId: 1 }]);
    },
  );

  test("at QoS 1 settles at PUBACK, and repeats with DUP until then", () => {
    const bench = Bench.active();
    const publishing = bench.publish({ topic: { kind: "predefined", id: 7 } });
    bench.pass(10_000);
    expect(bench.takeSent().map((packet) => (packet as PublishPacket).dup)).toEqual([false, true]);
    bench.gateway({ type: "puback", topicId: 7, messageId: 99, returnCode: 0 });
    expect(publishing.outcome).toBe("pending");
    bench.gateway({ type: "puback", topicId: 7, messageId: 1, returnCode: 0 });
    expect(publishing.outcome).toBe("done");
    bench.pass(100_000);
    expect(bench.takeSent()).toEqual([]);
  });

  test("at QoS 2 releases the message after PUBREC, and settles at PUBCOMP", () => {
    const bench = Bench.active();
    const publishing = bench.publish({ topic: { kind: "predefined", id: 7 }, qos: 2 });
    bench.takeSent();
    bench.gateway({ type: "pubcomp", messageId: 1 }, { type: "puback", topicId: 7, messageId: 1, returnCode: 0 });
    expect(publishing.outcome).toBe("pending");
    bench.gateway({ type: "pubrec", messageId: 1 });
    bench.pass(10_000);
    bench.gateway({ type: "pubrec", messageId: 1 });
    const release = { type: "pubrel", messageId: 1 };
    expect(bench.takeSent()).toEqual([release, release, release]);
    bench.gateway({ type: "pubcomp", messageId: 1 });
    expect(publishing.outcome).toBe("done");
  });

  test("sends one message at QoS 1 or 2 at a time, in order", () => {
    const bench = Bench.active();
    const outcomes = [1, 2, 3].map((byte) =>
      bench.publish({ topic: { kind: "predefined", id: 7 }, payload: Uint8Array.of(byte) }),
    );
    expect(bench.takeSent()).toMatchObject([{ data: Uint8Array.of(1) }]);
    bench.gateway({ type: "puback", topicId: 7, messageId: 1, returnCode: 0 });
    expect(bench.takeSent()).toMatchObject([{ data: Uint8Array.of(2) }]);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(["done", "pending", "pending"]);
  });

  test("registers a name again if the gateway has forgotten it, once", () => {
    const bench = Bench.active();
    const publishing = bench.publish({ topic: named("a") });
    bench.gateway({ type: "regack", topicId: 3, messageId: 1, returnCode: 0 });
    bench.gateway({ type: "puback", topicId: 3, messageId: 2, returnCode: 2 });
    bench.gateway({ type: "regack", topicId: 4, messageId: 3, returnCode: 0 });
    expect(bench.takeSent().map(({ type }) => type)).toEqual(["register", "publish", "register", "publish"]);
    bench.gateway({ type: "puback", topicId: 4, messageId: 4, returnCode: 2 });
    expect(publishing.outcome).toMatchObject({ code: "PUBLISH_REFUSED", reasonCode: 2 });
  });

  test("at QoS 0 registers the name again for the next message", () => {
    const bench = Bench.active();
    bench.publish({ topic: named("a"), qos: 0 });
    bench.gateway({ type: "regack", topicId: 3, messageId: 1, returnCode: 0 });
    bench.gateway({ type: "puback", topicId: 3, messageId: 0, returnCode: 2 });
    bench.takeSent();
    bench.publish({ topic: named("a"), qos: 0 });
    expect(bench.takeSent()).toMatchObject([{ type: "register" }]);
  });

  test.each([1, 2] as const)("fails if the gateway refuses it at QoS %d", (qos) => {
    const bench = Bench.active();
    const publishing = bench.publish({ topic: { kind: "predefined", id: 7 }, qos });
    bench.gateway({ type: "puback", topicId: 7, messageId: 1, returnCode: 1 });
    expect(publishing.outcome).toMatchObject({ code: "PUBLISH_REFUSED", reasonCode: 1 });
  });

  test("fails if the gateway refuses its name, or assigns an identifier that is reserved", () => {
    const bench = Bench.active();
    const [first, second] = [bench.publish({ topic: named("a") }), bench.publish({ topic: named("b") })];
    bench.gateway({ type: "regack", topicId: 0, messageId: 1, returnCode: 3 });
    bench.gateway({ type: "regack", topicId: 0, messageId: 2, returnCode: 0 });
    expect(first.outcome).toMatchObject({
      code: "PUBLISH_REFUSED",
      reasonCode: 3,
      message: expect.stringMatching(/REGISTER of "a"/),
    });
    expect(second.outcome).toMatchObject({ code: "PROTOCOL_ERROR" });
  });

  test("fails if the message is longer than a datagram", () => {
    const bench = Bench.active();
    for (const qos of [0, 1] as const) {
      const publishing = bench.publish({ topic: { kind: "predefined", id: 7 }, qos, payload: new Uint8Array(94) });
      expect(publishing.outcome).toMatchObject({
        code: "PAYLOAD_INVALID",
        message: expect.stringMatching(/maximumDatagram/),
      });
    }
    expect(bench.publish({ topic: { kind: "predefined", id: 7 }, qos: 0, payload: new Uint8Array(93) }).outcome).toBe(
      "done",
    );
  });

  test("fails if too many wait already", () => {
    const bench = Bench.active({ maximumQueue: 2 });
    const outcomes = [1, 2, 3, 4].map(() => bench.publish({ topic: { kind: "predefined", id: 7 } }).outcome);
    expect(outcomes.slice(0, 3)).toEqual(["pending", "pending", "pending"]);
    expect(outcomes[3]).toBeInstanceOf(OutboxError);
  });

  test("says of each message whether it may have arrived, when the gateway is lost", () => {
    const bench = Bench.active();
    const [first, second] = [1, 2].map(() => bench.publish({ topic: { kind: "predefined", id: 7 } }));
    bench.pass(40_000);
    expect(first?.outcome).toMatchObject({ code: "ANSWER_TIMEOUT", mayHaveArrived: true, topic: "seven" });
    expect(second?.outcome).toMatchObject({ code: "CONNECTION_LOST", mayHaveArrived: false });
    expect(bench.states.at(-1)).toBe("lost");
  });

  test("fails without a connection", () => {
    const bench = new Bench();
    expect(bench.publish({ topic: named("a") }).outcome).toBeInstanceOf(ClosedError);
    expect(bench.takeSent()).toEqual([]);
  });

  test("waits for a connection that is being made, and fails with it", () => {
    const bench = new Bench();
    bench.run((now, settle) => bench.machine.connect(now, settle));
    const publishing = bench.publish({ topic: { kind: "predefined", id: 7 } });
    bench.gateway({ type: "connack", returnCode: 3 });
    expect(publishing.outcome).toMatchObject({ code: "NOT_CONNECTED" });
  });
});

describe("subscribing", () => {
  test("settles at SUBACK with the granted QoS, and knows the identifier", () => {
    const bench = Bench.active();
    const subscribing = bench.subscribe(named("a/b"), 2);
    expect(bench.takeSent()).toEqual([
      { type: "subscribe", dup: false, qos: 2, topic: { kind: "normal", name: "a/b" }, messageId: 1 },
    ]);
    bench.gateway({ type: "suback", qos: 1, topicId: 9, messageId: 1, returnCode: 0 });
    expect([subscribing.outcome, subscribing.exchange.granted]).toEqual(["done", 1]);
    bench.gateway(incoming({ topic: { kind: "normal", id: 9 }, qos: 0 }));
    expect(bench.messages).toMatchObject([["a/b", { data: Uint8Array.of(1) }]]);
  });

  test("with a wildcard, the gateway registers each name", () => {
    const bench = Bench.active();
    bench.subscribe(named("a/#"));
    bench.gateway({ type: "suback", qos: 1, topicId: 0, messageId: 1, returnCode: 0 });
    bench.takeSent();
    bench.gateway({ type: "register", topicId: 4, messageId: 30, topicName: "a/c" });
    bench.gateway(incoming({ topic: { kind: "normal", id: 4 }, qos: 0 }));
    expect(bench.takeSent()).toEqual([{ type: "regack", topicId: 4, messageId: 30, returnCode: 0 }]);
    expect(bench.messages.map(([topic]) => topic)).toEqual(["a/c"]);
  });

  test("fails with the gateway's return code", () => {
    const bench = Bench.active();
    const subscribing = bench.subscribe({ kind: "predefined", id: 8 });
    bench.gateway({ type: "suback", qos: 0, topicId: 0, messageId: 1, returnCode: 2 });
    expect(subscribing.outcome).toMatchObject({ code: "SUBSCRIBE_REFUSED", reasonCode: 2 });
  });

  test("is repeated with DUP", () => {
    const bench = Bench.active();
    bench.subscribe(named("a"));
    bench.pass(10_000);
    expect(bench.takeSent()).toMatchObject([{ dup: false }, { dup: true, messageId: 1 }]);
  });
});

describe("messages of the gateway", () => {
  test("at QoS 1 are acknowledged when the application is done, and not repeated to it before", () => {
    const bench = Bench.active();
    bench.gateway(incoming(), incoming({ dup: true }));
    expect([bench.messages.length, bench.takeSent()]).toEqual([1, []]);
    bench.handled(0);
    bench.handled(0);
    expect(bench.takeSent()).toEqual([{ type: "puback", topicId: 7, messageId: 50, returnCode: 0 }]);
  });

  test("at QoS 2 reach the application once, however often they come", () => {
    const bench = Bench.active();
    const packet = incoming({ qos: 2 });
    bench.gateway(packet, { ...packet, dup: true });
    bench.handled(0);
    bench.gateway({ ...packet, dup: true }, { type: "pubrel", messageId: 50 }, { type: "pubrel", messageId: 50 });
    expect(bench.messages).toHaveLength(1);
    expect(bench.takeSent().map(({ type }) => type)).toEqual(["pubrec", "pubrec", "pubcomp", "pubcomp"]);
    bench.gateway({ ...packet, data: Uint8Array.of(2) });
    expect(bench.messages).toHaveLength(2);
  });

  test("at QoS 2 are recognized for 5 s after PUBREL, as datagrams may be late", () => {
    const bench = Bench.active();
    const packet = incoming({ qos: 2 });
    bench.gateway(packet);
    bench.handled(0);
    bench.gateway({ type: "pubrel", messageId: 50 });
    bench.takeSent();
    bench.pass(4_999);
    bench.gateway(packet);
    expect([bench.messages.length, bench.takeSent()]).toEqual([1, [{ type: "pubrec", messageId: 50 }]]);
    bench.pass(1);
    bench.gateway(packet);
    expect(bench.messages).toHaveLength(2);
  });

  test("with an identifier that the gateway uses again are new, if they differ", () => {
    const bench = Bench.active();
    bench.gateway(incoming(), incoming({ data: Uint8Array.of(2) }));
    bench.handled(0);
    bench.handled(1);
    expect([bench.messages.length, bench.takeSent().length]).toEqual([2, 1]);
  });

  test("at QoS 2 stay known over a new connection that keeps the session", () => {
    const bench = Bench.active({ cleanSession: false });
    const packet = incoming({ qos: 2 });
    bench.gateway(packet);
    bench.handled(0);
    bench.gateway({ type: "disconnect" });
    bench.run((now, settle) => bench.machine.connect(now, settle));
    bench.gateway({ type: "connack", returnCode: 0 }, { ...packet, dup: true });
    expect(bench.messages).toHaveLength(1);
  });

  test.each([
    ["short", { kind: "short", name: "ab" }, 0x6162, "ab"],
    ["short, of one letter with two octets", { kind: "short", name: "é" }, 0xc3a9, "é"],
    ["predefined, without a name", { kind: "predefined", id: 8 }, 8, undefined],
  ] as const)("are acknowledged with their topic: %s", (_, topic, topicId, name) => {
    const bench = Bench.active();
    bench.gateway(incoming({ topic }));
    bench.handled(0);
    expect(bench.messages.map(([each]) => each)).toEqual([name]);
    expect(bench.takeSent()).toMatchObject([{ type: "puback", topicId }]);
  });

  test("with an unknown identifier are refused, so that the gateway registers the name", () => {
    const bench = Bench.active();
    bench.gateway(incoming({ topic: { kind: "normal", id: 3 } }));
    expect(bench.takeSent()).toEqual([{ type: "puback", topicId: 3, messageId: 50, returnCode: 2 }]);
    expect(bench.messages).toEqual([]);
  });

  test("are not accepted without a session", () => {
    const bench = new Bench();
    bench.gateway(incoming(), { type: "register", topicId: 3, messageId: 1, topicName: "a" });
    bench.gateway({ type: "pubrel", messageId: 1 }, { type: "pingreq" }, { type: "disconnect" });
    expect([bench.takeSent(), bench.messages, bench.states]).toEqual([[], [], []]);
  });

  test("REGISTER of a name that is not valid is refused", () => {
    const bench = Bench.active();
    bench.gateway({ type: "register", topicId: 3, messageId: 1, topicName: "a/#" });
    bench.gateway({ type: "register", topicId: 0, messageId: 2, topicName: "a" });
    expect(bench.takeSent()).toMatchObject([{ returnCode: 3 }, { returnCode: 3 }]);
  });

  test("identifiers have a bound, and the oldest is forgotten", () => {
    const bench = Bench.active();
    for (let id = 1; id <= 1001; id++)
      bench.gateway({ type: "register", topicId: id, messageId: 1, topicName: `t/${id}` });
    bench.takeSent();
    bench.gateway(incoming({ topic: { kind: "normal", id: 1 } }), incoming({ topic: { kind: "normal", id: 1001 } }));
    expect(bench.takeSent()).toMatchObject([{ topicId: 1, returnCode: 2 }]);
    expect(bench.messages.map(([topic]) => topic)).toEqual(["t/1001"]);
  });

  test("PINGREQ is answered", () => {
    const bench = Bench.active();
    bench.gateway({ type: "pingreq" });
    expect(bench.takeSent()).toEqual([{ type: "pingresp" }]);
  });

  test("DISCONNECT ends the session", () => {
    const bench = Bench.active();
    const publishing = bench.publish({ topic: { kind: "predefined", id: 7 } });
    bench.gateway({ type: "disconnect" });
    expect(publishing.outcome).toBeInstanceOf(TransportError);
    expect(publishing.outcome).toMatchObject({ code: "CONNECTION_LOST", mayHaveArrived: true, topic: "seven" });
    expect(bench.states.at(-1)).toBe("disconnected");
  });

  test("what is malformed, and what only clients send, is reported and has no effect", () => {
    const bench = Bench.active();
    bench.bytes(3, 0x17);
    bench.gateway({ type: "searchgw", radius: 0 }, { type: "willmsg", message: Uint8Array.of(1) });
    bench.gateway(incoming({ qos: -1 }));
    expect(bench.malformed).toHaveLength(4);
    expect([bench.takeSent(), bench.machine.state]).toEqual([[], "active"]);
  });

  test("answers that come late or again have no effect", () => {
    const bench = Bench.active();
    const late: SnPacket[] = [
      { type: "connack", returnCode: 1 },
      { type: "willtopicreq" },
      { type: "pubrec", messageId: 4 },
      { type: "pubcomp", messageId: 4 },
      { type: "puback", topicId: 1, messageId: 4, returnCode: 0 },
      { type: "suback", qos: 0, topicId: 1, messageId: 4, returnCode: 0 },
      { type: "pingresp" },
    ];
    bench.gateway(...late);
    expect([bench.takeSent(), bench.malformed, bench.machine.state]).toEqual([[], [], "active"]);
  });
});

describe("keep-alive", () => {
  test("PINGREQ is sent after the keep-alive without a message, and PINGRESP begins it anew", () => {
    const bench = Bench.active({ keepAlive: 60 });
    bench.pass(59_999);
    expect(bench.takeSent()).toEqual([]);
    bench.pass(1);
    bench.gateway({ type: "pingresp" });
    bench.pass(60_000);
    expect(bench.takeSent()).toEqual([{ type: "pingreq" }, { type: "pingreq" }]);
  });

  test("is sent although the client publishes, if the gateway is silent", () => {
    const bench = Bench.active({ keepAlive: 60 });
    for (let i = 0; i < 6; i++) {
      bench.pass(10_000);
      bench.publish({ topic: { kind: "predefined", id: 7 }, qos: 0 });
    }
    expect(bench.takeSent().filter(({ type }) => type === "pingreq")).toHaveLength(1);
  });

  test("a gateway that does not answer is lost within half the keep-alive more", () => {
    const bench = Bench.active({ keepAlive: 20 });
    bench.pass(29_999);
    expect(bench.machine.state).toBe("active");
    bench.pass(1);
    expect(bench.machine.state).toBe("lost");
    expect(bench.takeSent()).toHaveLength(4);
  });

  test("0 sends none", () => {
    const bench = Bench.active({ keepAlive: 0 });
    expect(bench.machine.deadline()).toBe(Infinity);
  });
});

describe("sleep", () => {
  test("DISCONNECT with a duration, and the client is asleep after the gateway's DISCONNECT", () => {
    const bench = Bench.active();
    const sleeping = bench.run((now, settle) => bench.machine.fallAsleep(60, now, settle));
    expect(bench.takeSent()).toEqual([{ type: "disconnect", duration: 60 }]);
    bench.gateway({ type: "disconnect" }, { type: "disconnect" });
    expect([sleeping.outcome, bench.machine.state, bench.machine.deadline()]).toEqual([
      "done",
      "asleep",
      bench.now + 60_000,
    ]);
  });

  test("falls asleep after what was published before", () => {
    const bench = Bench.active();
    bench.publish({ topic: { kind: "predefined", id: 7 } });
    bench.run((now, settle) => bench.machine.fallAsleep(60, now, settle));
    expect(bench.takeSent()).toHaveLength(1);
    bench.gateway({ type: "puback", topicId: 7, messageId: 1, returnCode: 0 });
    expect(bench.takeSent()).toEqual([{ type: "disconnect", duration: 60 }]);
  });

  test("wakes by itself, takes the messages, and sleeps again at PINGRESP", () => {
    const bench = Bench.asleep();
    bench.pass(60_000);
    expect([bench.takeSent(), bench.machine.state]).toEqual([[{ type: "pingreq", clientId: "n1" }], "awake"]);
    bench.gateway({ type: "register", topicId: 3, messageId: 1, topicName: "a" });
    bench.gateway(incoming({ topic: { kind: "normal", id: 3 } }));
    bench.handled(0);
    expect(bench.takeSent().map(({ type }) => type)).toEqual(["regack", "puback"]);
    bench.gateway({ type: "pingresp" });
    expect([bench.messages.length, bench.machine.state, bench.machine.deadline()]).toEqual([
      1,
      "asleep",
      bench.now + 60_000,
    ]);
  });

  test("while messages come, PINGREQ is not repeated", () => {
    const bench = Bench.asleep();
    bench.pass(60_000);
    bench.takeSent();
    for (let i = 0; i < 20; i++) {
      bench.pass(9_000);
      bench.gateway(incoming({ qos: 0 }));
    }
    expect([bench.takeSent(), bench.machine.state]).toEqual([[], "awake"]);
    bench.pass(10_000);
    expect(bench.takeSent()).toEqual([{ type: "pingreq", clientId: "n1" }]);
  });

  test("a gateway that does not answer PINGREQ is lost", () => {
    const bench = Bench.asleep();
    bench.pass(100_000);
    expect([bench.states.at(-1), bench.takeSent().length]).toEqual(["lost", 4]);
  });

  test("can be interrupted to take messages at once", () => {
    const bench = Bench.asleep();
    const waking = bench.run((now, settle) => bench.machine.wake(now, settle));
    bench.gateway({ type: "pingresp" });
    expect([waking.outcome, bench.machine.state]).toEqual(["done", "asleep"]);
  });

  test("publishing needs a connection", () => {
    const bench = Bench.asleep();
    expect(bench.publish({ topic: named("a") }).outcome).toMatchObject({
      code: "NOT_CONNECTED",
      message: expect.stringMatching(/ends the sleep/),
    });
  });

  test("CONNECT ends it, and keeps the session and the will", () => {
    const bench = Bench.asleep({ will });
    const connecting = bench.run((now, settle) => bench.machine.connect(now, settle));
    expect(bench.takeSent()).toMatchObject([{ type: "connect", cleanSession: false, will: false }]);
    bench.gateway({ type: "connack", returnCode: 0 });
    expect([connecting.outcome, bench.machine.state]).toEqual(["done", "active"]);
    bench.pass(60_000);
    expect(bench.takeSent()).toEqual([]);
  });

  test("another duration replaces it", () => {
    const bench = Bench.asleep();
    bench.run((now, settle) => bench.machine.fallAsleep(600, now, settle));
    bench.gateway({ type: "disconnect" });
    expect(bench.machine.deadline()).toBe(bench.now + 600_000);
  });

  test("DISCONNECT while awake means that the gateway has forgotten the client", () => {
    const bench = Bench.asleep();
    bench.pass(60_000);
    bench.gateway({ type: "disconnect" });
    expect(bench.machine.state).toBe("disconnected");
  });

  test("waking fails for a client that does not sleep", () => {
    const bench = Bench.active();
    expect(bench.run((now, settle) => bench.machine.wake(now, settle)).outcome).toMatchObject({
      code: "NOT_CONNECTED",
      message: expect.stringContaining("call sleep first"),
    });
  });
});

describe("disconnecting", () => {
  test("sends what waits, then DISCONNECT, and ends with the gateway's", () => {
    const bench = Bench.active();
    bench.publish({ topic: { kind: "predefined", id: 7 } });
    const disconnecting = bench.run((now, settle) => bench.machine.disconnect(now, settle));
    bench.takeSent();
    bench.gateway({ type: "puback", topicId: 7, messageId: 1, returnCode: 0 });
    expect(bench.takeSent()).toEqual([{ type: "disconnect" }]);
    bench.gateway({ type: "disconnect" });
    expect([disconnecting.outcome, bench.machine.state, bench.machine.deadline()]).toEqual([
      "done",
      "disconnected",
      Infinity,
    ]);
  });

  test("works while asleep", () => {
    const bench = Bench.asleep();
    bench.run((now, settle) => bench.machine.disconnect(now, settle));
    expect(bench.takeSent()).toEqual([{ type: "disconnect" }]);
    bench.pass(40_000);
    expect(bench.machine.state).toBe("lost");
  });

  test("without a connection is done at once", () => {
    const bench = new Bench();
    expect(bench.run((now, settle) => bench.machine.disconnect(now, settle)).outcome).toBe("done");
  });

  test("abandoning ends everything without a message", () => {
    const bench = Bench.active();
    const publishing = bench.publish({ topic: { kind: "predefined", id: 7 } });
    bench.takeSent();
    bench.machine.abandon(new ClosedError("CLIENT_CLOSED", "closed"));
    expect([publishing.outcome, bench.takeSent(), bench.machine.state]).toMatchObject([
      { code: "CLIENT_CLOSED" },
      [],
      "disconnected",
    ]);
  });
});

describe("a new will", () => {
  const update = (bench: Bench, given: typeof will | undefined) =>
    bench.run((now, settle) => bench.machine.exchange(new WillExchange(given), now, settle));

  test("is sent as topic and message, one after the other", () => {
    const bench = Bench.active();
    const updating = update(bench, will);
    expect(bench.takeSent()).toEqual([{ type: "willtopicupd", will: { topic: "gone", qos: 1, retain: true } }]);
    bench.gateway({ type: "willtopicresp", returnCode: 0 });
    expect(bench.takeSent()).toEqual([{ type: "willmsgupd", message: will.message }]);
    bench.gateway({ type: "willmsgresp", returnCode: 0 });
    expect(updating.outcome).toBe("done");
  });

  test("can be none", () => {
    const bench = Bench.active();
    const updating = update(bench, undefined);
    expect(bench.takeSent()).toEqual([{ type: "willtopicupd" }]);
    bench.gateway({ type: "willtopicresp", returnCode: 0 });
    expect(updating.outcome).toBe("done");
  });

  test("fails with the gateway's return code", () => {
    const bench = Bench.active();
    const updating = update(bench, will);
    bench.gateway({ type: "willtopicresp", returnCode: 3 });
    expect(updating.outcome).toMatchObject({ reasonCode: 3 });
  });
});

test("UNSUBSCRIBE settles at the UNSUBACK with its identifier", () => {
  const bench = Bench.active();
  const packet: SnPacket = { type: "unsubscribe", topic: { kind: "normal", name: "a" }, messageId: 5 };
  const leaving = bench.run((now, settle) =>
    bench.machine.exchange(new PlainExchange("UNSUBSCRIBE", packet, "unsuback"), now, settle),
  );
  bench.gateway({ type: "unsuback", messageId: 4 });
  expect(leaving.outcome).toBe("pending");
  bench.gateway({ type: "unsuback", messageId: 5 });
  expect(leaving.outcome).toBe("done");
});

test("message identifiers begin at a random one, and 65,535 is followed by 1", () => {
  const bench = new Bench();
  const ids = Array.from({ length: 65_536 }, () => bench.machine.nextId());
  expect([ids[0], ids[65_534], ids[65_535], new Set(ids).size]).toEqual([1, 65_535, 1, 65_535]);
});
