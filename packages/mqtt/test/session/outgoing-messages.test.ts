import { SessionJournal } from "@aiko/mqtt/session";
import { describe, expect, test } from "vitest";
import { ack, Client, KeptMessage, protocolFault, publishPacket, type Side, sides, wire } from "./sessions.ts";

const publishes = (...messages: [topic: string, qos: 0 | 1 | 2, identifier: number, dup?: boolean][]) =>
  wire(5, ...messages.map(([topic, qos, identifier, dup = false]) => publishPacket(topic, qos, identifier, { dup })));

function publishAll(side: Side, ...messages: KeptMessage[]): void {
  for (const message of messages) side.publish(message);
}

describe.each(sides)("%s as a sender", (_, make) => {
  test("QoS 0 has its outcome when the transport has taken it, and not before", () => {
    const side = make();
    side.connect();
    const message = new KeptMessage("a", 0);
    side.publish(message);
    expect(message.outcome).toBeUndefined();
    expect(side.pending).toBe(1);
    expect(side.outlet.taken()).toBe(publishes(["a", 0, 0]));
    side.flushed();
    side.flushed();
    expect(message.outcome).toBe(0);
    expect(side.pending).toBe(0);
  });

  test("QoS 0 that was encoded after the last write is not taken by the transport yet", () => {
    const side = make();
    side.connect();
    const [first, second, third] = [new KeptMessage("1", 0), new KeptMessage("2", 0), new KeptMessage("3", 0)];
    publishAll(side, first);
    side.outlet.taken();
    publishAll(side, second, third);
    side.flushed();
    expect([first.outcome, second.outcome, third.outcome]).toEqual([0, undefined, undefined]);
    side.outlet.taken();
    side.flushed();
    expect([second.outcome, third.outcome]).toEqual([0, 0]);
  });

  test("QoS 0 that was not handed over fails when the connection is lost", () => {
    const side = make();
    side.connect();
    const message = new KeptMessage("a", 0);
    side.publish(message);
    side.lose();
    side.flushed();
    expect(message.outcome).toBe("CONNECTION_LOST");
  });

  test("QoS 0 may have arrived if its bytes were taken before the connection was lost, but not if they were still in the buffer", () => {
    const side = make();
    side.connect();
    const [taken, buffered] = [new KeptMessage("taken", 0), new KeptMessage("buffered", 0)];
    side.publish(taken);
    side.outlet.taken();
    side.publish(buffered);
    side.lose();
    expect([taken, buffered].map(({ outcome, mayHaveArrived }) => [outcome, mayHaveArrived])).toEqual([
      ["CONNECTION_LOST", true],
      ["CONNECTION_LOST", false],
    ]);
  });

  test("QoS 1 that is queued again after a lost session may have arrived, but not after a refusal", () => {
    const side = make({ peerReceiveMaximum: 1 });
    side.connect();
    const [sent, waiting] = [new KeptMessage("sent"), new KeptMessage("waiting")];
    publishAll(side, sent, waiting);
    side.lose();
    side.connect(false, 0);
    expect([sent, waiting].map(({ state, mayHaveArrived }) => [state, mayHaveArrived])).toEqual([
      ["queued", true],
      ["queued", false],
    ]);
    side.lose();
    side.connect();
    side.receive(ack("puback", sent.packetIdentifier, 0x87));
    expect([sent.outcome, sent.mayHaveArrived]).toEqual(["PUBLISH_REFUSED", false]);
  });

  test("QoS 1: PUBLISH, then the outcome of PUBACK", () => {
    const side = make();
    side.connect();
    const [good, none, bad] = [new KeptMessage("a"), new KeptMessage("b"), new KeptMessage("c")];
    publishAll(side, good, none, bad);
    expect(side.outlet.taken()).toBe(publishes(["a", 1, 1], ["b", 1, 2], ["c", 1, 3]));
    side.receive(ack("puback", 1));
    side.receive(ack("puback", 2, 0x10));
    side.receive({ type: "puback", packetIdentifier: 3, reasonCode: 0x87, properties: { reasonString: "no" } });
    expect([good.outcome, none.outcome, bad.outcome]).toEqual([0, 0x10, "PUBLISH_REFUSED"]);
    expect(bad.outcomes[0]).toMatchObject({
      reasonCode: 0x87,
      reasonString: "no",
      message: expect.stringContaining("no"),
    });
    expect(side.outlet.taken()).toBe("");
    expect(side.pending).toBe(0);
  });

  test("QoS 2: PUBLISH, PUBREC, PUBREL, PUBCOMP, then the outcome", () => {
    const side = make();
    side.connect();
    const message = new KeptMessage("a", 2);
    side.publish(message);
    expect(side.outlet.taken()).toBe(publishes(["a", 2, 1]));
    side.receive(ack("pubrec", 1));
    expect(side.outlet.taken()).toBe("62020001");
    side.receive(ack("pubrec", 1)); // the peer may resend it
    expect(side.outlet.taken()).toBe("62020001");
    expect(message.outcome).toBeUndefined();
    side.receive(ack("pubcomp", 1));
    expect(message.outcome).toBe(0);
    expect(side.outlet.taken()).toBe("");
  });

  test("QoS 2 refused at PUBREC ends there, without PUBREL", () => {
    const side = make({ peerReceiveMaximum: 1 });
    side.connect();
    const [refused, next] = [new KeptMessage("a", 2), new KeptMessage("b", 2)];
    publishAll(side, refused, next);
    side.outlet.taken();
    side.receive(ack("pubrec", 1, 0x97));
    expect(refused.outcome).toBe("PUBLISH_REFUSED");
    expect(side.outlet.taken()).toBe(publishes(["b", 2, 2]));
  });

  test("an identifier that the peer no longer knows at PUBREL counts as success", () => {
    const side = make();
    side.connect();
    const message = new KeptMessage("a", 2);
    side.publish(message);
    side.receive(ack("pubrec", 1));
    side.receive(ack("pubcomp", 1, 0x92));
    expect(message.outcome).toBe(0);
  });

  test("acknowledgements for unknown messages: PUBREC is answered, the others are ignored", () => {
    const side = make();
    side.connect();
    side.outlet.taken();
    side.receive(ack("puback", 7));
    side.receive(ack("pubcomp", 7));
    side.receive(ack("pubrec", 7, 0x80));
    expect(side.outlet.taken()).toBe("");
    side.receive(ack("pubrec", 7));
    expect(side.outlet.taken()).toBe("6203000792");
  });

  test("before MQTT 5, an unknown PUBREC is answered with a plain PUBREL", () => {
    const side = make({ version: 4 });
    side.connect();
    side.outlet.taken();
    side.receive(ack("pubrec", 7));
    expect(side.outlet.taken()).toBe("62020007");
  });

  test.each([
    ["puback", 2],
    ["pubrec", 1],
    ["pubcomp", 2],
    ["pubcomp", 1],
  ] as const)("%s for a QoS %i message in another state is a protocol error", (type, qos) => {
    const side = make();
    side.connect();
    side.publish(new KeptMessage("a", qos));
    expect(protocolFault(() => side.receive(ack(type, 1)))).toBe(0x82);
  });

  test("after a lost connection, messages are resent with DUP and PUBRELs are resent, in their first order", () => {
    const side = make();
    side.connect();
    const messages = [
      new KeptMessage("a", 1),
      new KeptMessage("b", 2),
      new KeptMessage("c", 2),
      new KeptMessage("d", 1),
    ];
    publishAll(side, ...messages);
    side.receive(ack("pubrec", 2));
    side.receive(ack("puback", 4));
    side.lose();
    publishAll(side, new KeptMessage("e", 1));
    side.connect(true);
    expect(side.outlet.taken()).toBe(
      [publishes(["a", 1, 1, true]), "62020002", publishes(["c", 2, 3, true], ["e", 1, 5])].join(""),
    );
    side.receive(ack("puback", 1));
    side.receive(ack("pubcomp", 2));
    side.receive(ack("pubrec", 3));
    side.receive(ack("pubcomp", 3));
    side.receive(ack("puback", 5));
    expect(messages.map(({ outcome }) => outcome)).toEqual([0, 0, 0, 0]);
    expect(side.pending).toBe(0);
  });

  test("nothing is sent while there is no connection, and acknowledgements have no effect then", () => {
    const side = make();
    const message = new KeptMessage("a", 2);
    side.publish(message);
    side.drained();
    side.receive(ack("pubrec", 1));
    expect(side.outlet.taken()).toBe("");
    expect(message.state).toBe("queued");
  });

  test("without the peer's session, QoS 1 is sent as new, and QoS 2 has an outcome that reports what is known", () => {
    const side = make();
    side.connect();
    const one = new KeptMessage("1", 1);
    const released = new KeptMessage("2r", 2);
    const unsure = new KeptMessage("2u", 2);
    const last = new KeptMessage("3", 1);
    publishAll(side, one, released, unsure, last);
    side.receive(ack("pubrec", 2));
    side.lose();
    const later = new KeptMessage("4", 1);
    side.publish(later);
    side.connect(false);
    expect(side.outlet.taken()).toBe(publishes(["1", 1, 5], ["3", 1, 6], ["4", 1, 7]));
    expect([one.outcome, released.outcome, unsure.outcome]).toEqual([undefined, 0, "SESSION_LOST"]);
    expect(unsure.outcomes[0]).toMatchObject({ message: expect.stringContaining("2u") });
  });

  test("messages that are published in an outcome callback follow queued ones when the session is lost", () => {
    const side = make();
    side.connect();
    const released = new KeptMessage("r", 2);
    publishAll(side, released, new KeptMessage("1"), new KeptMessage("2"));
    side.receive(ack("pubrec", 1));
    side.lose();
    released.onOutcome = () => side.publish(new KeptMessage("3"));
    side.connect(false);
    expect(side.outlet.taken()).toBe(publishes(["1", 1, 4], ["2", 1, 5], ["3", 1, 6]));
  });

  test("messages that are published in an outcome callback count against the new connection's window", () => {
    const side = make({ peerReceiveMaximum: 1 });
    side.connect();
    const released = new KeptMessage("r", 2);
    side.publish(released);
    side.receive(ack("pubrec", 1));
    side.receive(ack("pubrec", 1));
    side.lose();
    side.connect(true, 2);
    side.lose();
    released.onOutcome = () => publishAll(side, new KeptMessage("1"), new KeptMessage("2"));
    side.connect(false, 1);
    expect(side.outlet.taken()).toBe(publishes(["1", 1, 2]));
  });

  describe("the peer's receive maximum", () => {
    test("limits the unacknowledged messages; PUBACK and PUBCOMP make room, PUBREC does not", () => {
      const side = make({ peerReceiveMaximum: 2 });
      side.connect();
      publishAll(side, ...["a", "b", "c", "d"].map((topic, i) => new KeptMessage(topic, i % 2 === 0 ? 2 : 1)));
      expect(side.outlet.taken()).toBe(publishes(["a", 2, 1], ["b", 1, 2]));
      side.receive(ack("pubrec", 1));
      expect(side.outlet.taken()).toBe("62020001");
      side.receive(ack("pubcomp", 1));
      expect(side.outlet.taken()).toBe(publishes(["c", 2, 3]));
      side.receive(ack("puback", 2));
      expect(side.outlet.taken()).toBe(publishes(["d", 1, 4]));
    });

    test("applies to resent messages too, and a released message counts until PUBCOMP", () => {
      const side = make({ peerReceiveMaximum: 2 });
      side.connect();
      publishAll(side, ...["a", "b", "c", "d", "e"].map((topic) => new KeptMessage(topic, 2)));
      side.receive(ack("pubrec", 1));
      side.receive(ack("pubrec", 2));
      side.lose();
      side.connect(true);
      expect(side.outlet.taken()).toBe("6202000162020002");
      side.receive(ack("pubcomp", 1));
      expect(side.outlet.taken()).toBe(publishes(["c", 2, 3]));
      side.receive(ack("pubcomp", 2));
      expect(side.outlet.taken()).toBe(publishes(["d", 2, 4]));
    });

    test("may be smaller on the next connection: no more messages than it allows are resent at once, in order", () => {
      const side = make({ peerReceiveMaximum: 3 });
      side.connect();
      const messages = ["a", "b", "c", "d"].map((topic) => new KeptMessage(topic, 1));
      publishAll(side, ...messages);
      side.lose();
      side.connect(true, 1);
      expect(side.outlet.taken()).toBe(publishes(["a", 1, 1, true]));
      side.receive(ack("puback", 1));
      expect(side.outlet.taken()).toBe(publishes(["b", 1, 2, true]));
      side.receive(ack("puback", 3)); // acknowledged through the PUBLISH of the old connection: not resent any more
      side.receive(ack("puback", 2));
      expect(messages.map(({ outcome }) => outcome)).toEqual([0, 0, 0, undefined]);
    });

    test("does not delay QoS 0 if nothing is queued before it", () => {
      const side = make({ peerReceiveMaximum: 1 });
      side.connect();
      side.publish(new KeptMessage("a", 1));
      side.publish(new KeptMessage("b", 0));
      expect(side.outlet.taken()).toBe(publishes(["a", 1, 1], ["b", 0, 0]));
    });
  });

  test("while the transport is congested messages wait, and are sent when it has room", () => {
    const side = make();
    side.connect();
    side.outlet.congested = true;
    publishAll(side, new KeptMessage("a", 0), new KeptMessage("b", 1));
    expect(side.outlet.taken()).toBe("");
    side.drained();
    expect(side.outlet.taken()).toBe("");
    side.outlet.congested = false;
    side.drained();
    expect(side.outlet.taken()).toBe(publishes(["a", 0, 0], ["b", 1, 1]));
  });

  test("resent messages also wait for a congested transport", () => {
    const side = make();
    side.connect();
    publishAll(side, new KeptMessage("a"), new KeptMessage("b"));
    side.lose();
    side.connect(true);
    side.outlet.taken();
    side.lose();
    side.connect(true);
    expect(side.outlet.taken()).toBe(publishes(["a", 1, 1, true], ["b", 1, 2, true]));
  });

  describe("the limits of the outbox", () => {
    test("by count and by bytes: messages beyond them fail at once, queued messages stay", () => {
      const side = make({ outbox: { maximumCount: 2, maximumBytes: 10 } });
      const messages = [
        new KeptMessage("a", 1, { payload: "12345678" }),
        new KeptMessage("too", 1, { payload: "1" }),
        new KeptMessage("b", 1),
        new KeptMessage("c", 0),
      ];
      publishAll(side, ...messages);
      expect(messages.map(({ outcome }) => outcome)).toEqual([undefined, "OUTBOX_FULL", undefined, "OUTBOX_FULL"]);
      side.connect();
      const again = new KeptMessage("d", 1, { payload: "123456789" });
      side.outlet.congested = true;
      side.publish(again);
      expect(again.outcome).toBeUndefined();
    });

    test("count bytes, not characters", () => {
      const side = make({ outbox: { maximumCount: 9, maximumBytes: 6 } });
      side.publish(new KeptMessage("a", 1));
      const message = new KeptMessage("a", 1, { payload: "\u{1F600}\u{1F600}" });
      side.publish(message);
      expect(message.outcome).toBe("OUTBOX_FULL");
    });

    test("count properties", () => {
      const side = make({ outbox: { maximumCount: 9, maximumBytes: 1_000 } });
      side.publish(new KeptMessage("a", 1));
      const userProperties = Array.from({ length: 20 }, () => ["", ""] as const);
      const message = new KeptMessage("a", 1, { properties: { userProperties } });
      side.publish(message);
      expect(message.outcome).toBe("OUTBOX_FULL");
    });

    test("do not count messages that are sent at once", () => {
      const side = make({ outbox: { maximumCount: 1, maximumBytes: 1, maximumInflightBytes: 10_000 } });
      side.connect();
      const messages = Array.from({ length: 100 }, () => new KeptMessage("topic", 1));
      publishAll(side, ...messages);
      expect(messages.filter(({ outcome }) => outcome !== undefined)).toEqual([]);
    });
  });

  test("a server keeps a limited number of bytes in flight, and has room for one message of any size", () => {
    const side = make({ outbox: { maximumCount: 9, maximumBytes: 10, maximumInflightBytes: 10 } });
    side.connect();
    side.outlet.taken();
    const messages = ["a", "b", "c"].map((topic) => new KeptMessage(topic, 1, { payload: "0123456789" }));
    publishAll(side, ...messages);
    expect(side.outlet.packets(5)).toHaveLength(1);
    expect(messages.map(({ outcome }) => outcome)).toEqual([undefined, undefined, "OUTBOX_FULL"]);
    side.receive(ack("puback", 1));
    expect(side.outlet.packets(5)).toHaveLength(1);
  });

  describe("a message's expiry", () => {
    const expiring = (side: Side, topic: string, seconds: number) =>
      new KeptMessage(topic, 1, {
        expiresAt: side.now + seconds * 1000,
        properties: { messageExpiryInterval: seconds, contentType: "x" },
      });
    const withExpiry = (topic: string, identifier: number, messageExpiryInterval: number, dup = false) =>
      wire(5, publishPacket(topic, 1, identifier, { dup, properties: { messageExpiryInterval, contentType: "x" } }));

    test("is counted down in the queue, in whole seconds, rounded up", () => {
      const side = make();
      side.publish(expiring(side, "a", 100));
      side.now += 30_001;
      side.connect();
      expect(side.outlet.taken()).toBe(withExpiry("a", 1, 70));
    });

    test("that passes before sending is its outcome", () => {
      const side = make();
      const [message, next] = [expiring(side, "a", 10), expiring(side, "b", 11)];
      publishAll(side, message, next);
      side.now += 10_000;
      side.connect();
      expect(message.outcome).toBe("MESSAGE_EXPIRED");
      expect(side.outlet.taken()).toBe(withExpiry("b", 1, 1));
    });

    test("does not stop a message from being resent, and is never below 0 then", () => {
      const side = make();
      side.connect();
      side.publish(expiring(side, "a", 10));
      side.outlet.taken();
      side.lose();
      side.now += 60_000;
      side.connect(true);
      expect(side.outlet.taken()).toBe(withExpiry("a", 1, 0, true));
    });

    test("has no effect before MQTT 5, except that expired messages fail", () => {
      const side = make({ version: 4 });
      side.publish(expiring(side, "a", 100));
      side.connect();
      expect(side.outlet.taken()).toBe(wire(4, publishPacket("a", 1, 1)));
    });
  });

  test("a message above the peer's maximum packet size fails, and its identifier is free again", () => {
    const side = make({ peerMaximumPacketSize: 20 });
    side.connect();
    const large = new KeptMessage("a", 1, { payload: new Uint8Array(20) });
    publishAll(side, large, new KeptMessage("b", 0, { payload: new Uint8Array(20) }), new KeptMessage("c", 1));
    expect(large.outcome).toBe("MAXIMUM_PACKET_SIZE_EXCEEDED");
    expect(large.outcomes[0]).toMatchObject({ reasonCode: 0x95, message: expect.stringContaining("20 bytes") });
    expect(side.outlet.taken()).toBe(publishes(["c", 1, 2]));
  });

  describe("packet identifiers", () => {
    test("ascend from 1 to 65,535, wrap around, and skip those in flight", () => {
      const side = make();
      side.connect();
      const stuck = [new KeptMessage("stuck", 1), new KeptMessage("stuck", 2)];
      publishAll(side, ...stuck);
      const seen: number[] = [];
      for (let i = 0; i < 65_535; i++) {
        const message = new KeptMessage("a", 1);
        side.publish(message);
        seen.push(message.packetIdentifier);
        side.receive(ack("puback", message.packetIdentifier));
      }
      expect(seen.slice(0, 2)).toEqual([3, 4]);
      expect(seen.slice(65_532)).toEqual([65_535, 3, 4]);
      expect(side.pending).toBe(2);
    });

    test("all in use: the message waits for one, and keeps its place", () => {
      const side = make();
      side.connect();
      const messages = Array.from({ length: 65_537 }, () => new KeptMessage("a", 1));
      publishAll(side, ...messages);
      expect(messages[65_535]?.packetIdentifier).toBe(0);
      side.receive(ack("puback", 500));
      side.receive(ack("puback", 400));
      expect(messages[65_535]?.packetIdentifier).toBe(500);
      expect(messages[65_536]?.packetIdentifier).toBe(400);
    });
  });
});

describe("cancelling", () => {
  const error = () => new (class extends Error {})() as never;

  test("withdraw removes a message from the queue and settles it once", () => {
    const client = new Client();
    const [first, second] = [new KeptMessage("a"), new KeptMessage("b")];
    publishAll(client, first, second);
    expect(client.session.withdraw(first, error())).toBe(true);
    expect(client.session.withdraw(first, error())).toBe(false);
    expect(first.outcomes).toHaveLength(1);
    client.connect();
    expect(client.outlet.taken()).toBe(publishes(["b", 1, 1]));
    expect(client.session.withdraw(second, error())).toBe(false);
    expect(second.outcomes).toHaveLength(0);
  });

  test("withdraw makes room in the outbox", () => {
    const client = new Client({ outbox: { maximumCount: 1, maximumBytes: 5 } });
    for (let i = 0; i < 10; i++) {
      const message = new KeptMessage("12345");
      client.publish(message);
      expect(message.outcome).toBeUndefined();
      client.session.withdraw(message, error());
    }
  });

  test("withdraw rejects a message that this session does not have", () => {
    expect(new Client().session.withdraw(new KeptMessage("a"), error())).toBe(false);
  });

  test("abandon settles everything without an outcome, once; later acknowledgements have no effect", () => {
    const client = new Client({ peerReceiveMaximum: 2 });
    client.connect();
    const messages = ([0, 1, 2, 1, 0] as const).map((qos) => new KeptMessage("a", qos));
    publishAll(client, ...messages);
    client.receive(ack("pubrec", 2));
    client.session.abandon(error);
    expect(client.pending).toBe(0);
    client.outlet.taken();
    client.flushed();
    client.receive(ack("puback", 1));
    client.receive(ack("pubcomp", 2));
    client.lose();
    client.connect(true);
    expect(messages.map(({ outcomes }) => outcomes.length)).toEqual([1, 1, 1, 1, 1]);
    expect(client.outlet.taken()).toBe("");
  });

  test("a released message that then exceeds the peer's maximum packet size keeps its identifier", () => {
    const journal = new SessionJournal();
    const client = new Client({ journal });
    client.connect();
    const [one, two] = (["1", "2"] as const).map((topic, i) => {
      const message = new KeptMessage(topic, i === 0 ? 1 : 2, { payload: new Uint8Array(50) });
      client.publish(message);
      return message;
    });
    client.lose();
    client.open();
    client.receive({ type: "connack", sessionPresent: true, reasonCode: 0, properties: { maximumPacketSize: 30 } });
    expect([one?.outcome, two?.outcome]).toEqual(["MAXIMUM_PACKET_SIZE_EXCEEDED", "MAXIMUM_PACKET_SIZE_EXCEEDED"]);
    client.outlet.taken();
    const seen = new Set<number>();
    for (let i = 0; i < 65_534; i++) {
      const message = new KeptMessage("a", 1);
      client.publish(message);
      seen.add(message.packetIdentifier);
    }
    expect(seen.has(1)).toBe(true);
    expect(seen.has(2)).toBe(false);
  });
});
