import { describe, expect, test } from "vitest";
import {
  ack,
  Client,
  protocolFault,
  publishPacket,
  Server,
  type Side,
  type SideOptions,
  sides,
  wire,
} from "./sessions.ts";
import { type Receiver, SmallReceiver } from "./small-receiver.ts";

const topics = (side: Receiver) => side.given.map(({ packet }) => packet.topic);

const receivers: readonly (readonly [string, (options?: SideOptions) => Receiver])[] = [
  ...sides,
  ["the small client", (options) => new SmallReceiver(options)],
];

describe.each(receivers)("%s as a receiver", (_, make) => {
  function connected(options = {}): Receiver {
    const side = make(options);
    side.connect();
    side.outlet.taken();
    return side;
  }

  test("passes QoS 0 to the application without an acknowledgement", () => {
    const side = connected();
    side.receive(publishPacket("a", 0, 0));
    expect(side.given).toEqual([{ packet: publishPacket("a", 0, 0), delivery: undefined }]);
    expect(side.outlet.taken()).toBe("");
  });

  test("acknowledges QoS 1 when the application has finished, and not before", () => {
    const side = connected();
    side.receive(publishPacket("a", 1, 300));
    expect(side.outlet.taken()).toBe("");
    side.finish(side.given[0]);
    expect(side.outlet.taken()).toBe("4002012c");
    side.finish(side.given[0]);
    expect(side.outlet.taken()).toBe("");
  });

  test("QoS 2: sends PUBREC when the application has finished, PUBCOMP at PUBREL", () => {
    const side = connected();
    side.receive(publishPacket("a", 2, 5));
    expect(side.outlet.taken()).toBe("");
    side.finish(side.given[0]);
    expect(side.outlet.taken()).toBe("50020005");
    side.receive(ack("pubrel", 5));
    expect(side.outlet.taken()).toBe("70020005");
    side.receive(publishPacket("b", 2, 5)); // released: the identifier stands for a new message
    expect(topics(side)).toEqual(["a", "b"]);
  });

  test("sends acknowledgements in the order in which the messages arrived, in whatever order they are finished", () => {
    const side = connected();
    side.receive(publishPacket("a", 1, 1));
    side.receive(publishPacket("b", 2, 2));
    side.receive(publishPacket("c", 1, 3));
    side.receive(publishPacket("d", 2, 4));
    const [a, b, c, d] = side.given;
    side.finish(d);
    side.finish(b);
    expect(side.outlet.taken()).toBe("");
    side.finish(a);
    expect(side.outlet.taken()).toBe("4002000150020002");
    side.finish(c);
    expect(side.outlet.taken()).toBe("4002000350020004");
  });

  test("sends a refusal with its reason code, and forgets a refused QoS 2 message", () => {
    const side = connected();
    side.receive(publishPacket("a", 1, 1));
    side.receive(publishPacket("b", 2, 2));
    side.finish(side.given[0], 0x87);
    side.finish(side.given[1], 0x99);
    expect(side.outlet.taken()).toBe("400300018750030002" + "99");
    side.receive(publishPacket("b", 2, 2));
    expect(topics(side)).toEqual(["a", "b", "b"]);
    side.receive(publishPacket("c", 1, 3));
    side.finish(side.given[2], 0x10);
    side.finish(side.given[3], 0x10);
    expect(side.outlet.taken()).toBe("5003000210" + "4003000310");
  });

  test("before MQTT 5 there is no refusal: a server acknowledges, a client sends nothing", () => {
    const side = connected({ version: 4 });
    side.receive(publishPacket("a", 1, 1));
    side.receive(publishPacket("b", 2, 2));
    side.receive(publishPacket("c", 1, 3));
    side.finish(side.given[0], 0x87);
    side.finish(side.given[1], 0x99);
    side.finish(side.given[2]);
    expect(side.outlet.taken()).toBe(side instanceof Server ? "400200015002000240020003" : "40020003");
    side.receive(ack("pubrel", 9));
    expect(side.outlet.taken()).toBe("70020009");
  });

  test("answers PUBREL for an unknown identifier with 0x92 on MQTT 5", () => {
    const side = connected();
    side.receive(ack("pubrel", 9));
    expect(side.outlet.taken()).toBe("7003000992");
  });

  test("PUBREL before PUBREC is a protocol error, also when the application has finished out of order", () => {
    const side = connected();
    side.receive(publishPacket("a", 1, 1));
    side.receive(publishPacket("b", 2, 2));
    expect(protocolFault(() => side.receive(ack("pubrel", 2)))).toBe(0x82);
    side.finish(side.given[1]);
    if (side instanceof SmallReceiver)
      side.receive(ack("pubrel", 2)); // which it interprets as the waiting PUBREC
    else expect(protocolFault(() => side.receive(ack("pubrel", 2)))).toBe(0x82);
  });

  describe("a QoS 2 message that is resent is not delivered again:", () => {
    test("over the same connection, while the application processes it", () => {
      const side = connected();
      side.receive(publishPacket("a", 2, 1));
      side.receive(publishPacket("a", 2, 1, { dup: true }));
      expect(side.outlet.taken()).toBe("");
      side.finish(side.given[0]);
      expect(side.outlet.taken()).toBe("50020001");
      expect(topics(side)).toEqual(["a"]);
    });

    test("after its PUBREC, which is repeated", () => {
      const side = connected();
      side.receive(publishPacket("a", 2, 1));
      side.finish(side.given[0]);
      side.receive(publishPacket("a", 2, 1, { dup: true }));
      expect(side.outlet.taken()).toBe("5002000150020001");
      side.lose();
      side.connect(true);
      side.outlet.taken();
      side.receive(publishPacket("a", 2, 1, { dup: true }));
      expect(side.outlet.taken()).toBe("50020001");
      side.receive(ack("pubrel", 1));
      expect(side.outlet.taken()).toBe("70020001");
      expect(topics(side)).toEqual(["a"]);
    });

    test("finished, but behind an unfinished one", () => {
      const side = connected();
      side.receive(publishPacket("a", 1, 1));
      side.receive(publishPacket("b", 2, 2));
      side.finish(side.given[1]);
      side.receive(publishPacket("b", 2, 2, { dup: true }));
      side.finish(side.given[0]);
      expect(side.outlet.taken()).toBe("4002000150020002");
      expect(topics(side)).toEqual(["a", "b"]);
    });

    test("finished, but behind an unfinished one of a connection that was lost", () => {
      const side = connected();
      side.receive(publishPacket("a", 1, 1));
      side.receive(publishPacket("b", 2, 2));
      side.finish(side.given[1], 0x10);
      side.lose();
      side.connect(true);
      side.outlet.taken();
      side.receive(publishPacket("b", 2, 2, { dup: true }));
      expect(side.outlet.taken()).toBe("5003000210");
      side.receive(ack("pubrel", 2));
      expect(side.outlet.taken()).toBe("70020002");
      expect(topics(side)).toEqual(["a", "b"]);
    });

    test("over new connections, while the application still processes it", () => {
      const side = connected();
      side.receive(publishPacket("a", 2, 1));
      for (let i = 0; i < 3; i++) {
        side.lose();
        side.connect(true);
        side.outlet.taken();
        side.receive(publishPacket("a", 2, 1, { dup: true }));
        expect(side.outlet.taken()).toBe("");
      }
      side.finish(side.given[0]);
      expect(side.outlet.taken()).toBe("50020001");
      side.receive(ack("pubrel", 1));
      expect(side.outlet.taken()).toBe("70020001");
      expect(topics(side)).toEqual(["a"]);
    });

    test("when the application finishes between two connections", () => {
      const side = connected();
      side.receive(publishPacket("a", 2, 1));
      side.lose();
      side.connect(true);
      side.receive(publishPacket("a", 2, 1, { dup: true }));
      side.lose();
      side.finish(side.given[0]);
      side.connect(true);
      side.outlet.taken();
      side.receive(publishPacket("a", 2, 1, { dup: true }));
      expect(side.outlet.taken()).toBe("50020001");
      expect(topics(side)).toEqual(["a"]);
    });

    test("when the application finishes over a new connection before the message is resent", () => {
      const side = connected();
      side.receive(publishPacket("a", 2, 1));
      side.lose();
      side.connect(true);
      side.outlet.taken();
      side.finish(side.given[0]);
      expect(side.outlet.taken()).toBe("");
      side.receive(publishPacket("a", 2, 1, { dup: true }));
      expect(side.outlet.taken()).toBe("50020001");
    });

    test("resent behind an unfinished message that the peer then releases nevertheless", () => {
      const side = connected();
      side.receive(publishPacket("a", 2, 1));
      side.finish(side.given[0]);
      side.lose();
      side.connect(true);
      side.outlet.taken();
      side.receive(publishPacket("b", 1, 2));
      side.receive(publishPacket("a", 2, 1, { dup: true }));
      side.receive(ack("pubrel", 1));
      expect(side.outlet.taken()).toBe("70020001");
      side.finish(side.given[1]);
      side.receive(publishPacket("c", 2, 1));
      expect(topics(side)).toEqual(["a", "b", "c"]);
    });
  });

  test("PUBREL over a new connection for an unfinished message is accepted, and finishing it then has no effect", () => {
    const side = connected();
    side.receive(publishPacket("a", 2, 1));
    side.lose();
    side.connect(true);
    side.outlet.taken();
    side.receive(ack("pubrel", 1));
    expect(side.outlet.taken()).toBe("70020001");
    side.receive(publishPacket("b", 2, 1));
    side.finish(side.given[0]);
    expect(side.outlet.taken()).toBe("");
    side.finish(side.given[1]);
    expect(side.outlet.taken()).toBe("50020001");
  });

  test("a message refused after its connection was lost is delivered again", () => {
    const side = connected();
    side.receive(publishPacket("a", 2, 1));
    side.lose();
    side.finish(side.given[0], 0x80);
    side.connect(true);
    side.receive(publishPacket("a", 2, 1, { dup: true }));
    expect(topics(side)).toEqual(["a", "a"]);
  });

  test("QoS 1 finished after its connection was lost is not acknowledged over the next", () => {
    const side = connected();
    side.receive(publishPacket("a", 1, 1));
    side.lose();
    side.connect(true);
    side.outlet.taken();
    side.finish(side.given[0]);
    expect(side.outlet.taken()).toBe("");
    side.receive(publishPacket("a", 1, 1, { dup: true }));
    side.finish(side.given[1]);
    expect(side.outlet.taken()).toBe("40020001");
  });

  test("in a new session all identifiers stand for new messages", () => {
    const side = connected();
    side.receive(publishPacket("a", 2, 1));
    side.receive(publishPacket("b", 2, 2));
    side.finish(side.given[0]);
    side.lose();
    side.connect(false);
    side.outlet.taken();
    side.receive(publishPacket("c", 2, 1));
    side.receive(publishPacket("d", 2, 2));
    expect(topics(side)).toEqual(["a", "b", "c", "d"]);
    side.finish(side.given[1]); // from the old session
    expect(side.outlet.taken()).toBe("");
    side.finish(side.given[2]);
    expect(side.outlet.taken()).toBe("50020001");
  });
});

describe.each(sides)("%s as a receiver", (_, make) => {
  function connected(options = {}): Side {
    const side = make(options);
    side.connect();
    side.outlet.taken();
    return side;
  }

  describe("the announced receive maximum", () => {
    const exceeds = (side: Side, identifier: number, qos: 1 | 2 = 1) =>
      expect(protocolFault(() => side.receive(publishPacket("x", qos, identifier)))).toBe(0x93);

    test("limits QoS 1 and 2 together, and not QoS 0", () => {
      const side = connected({ receiveMaximum: 2 });
      side.receive(publishPacket("a", 1, 1));
      side.receive(publishPacket("b", 2, 2));
      side.receive(publishPacket("c", 0, 0));
      exceeds(side, 3);
    });

    test("has room again after PUBACK and PUBCOMP, but not after PUBREC", () => {
      const side = connected({ receiveMaximum: 2 });
      side.receive(publishPacket("a", 2, 1));
      side.finish(side.given[0]);
      side.receive(publishPacket("b", 1, 2));
      exceeds(side, 3);
      side.finish(side.given[1]);
      side.receive(publishPacket("c", 1, 3));
      exceeds(side, 4);
      side.receive(ack("pubrel", 1));
      side.receive(publishPacket("d", 2, 4));
      exceeds(side, 5, 2);
    });

    test("has room again after a QoS 2 message was refused", () => {
      const side = connected({ receiveMaximum: 1 });
      for (let i = 0; i < 5; i++) {
        side.receive(publishPacket("a", 2, 1 + i));
        side.finish(side.given[i], 0x80);
      }
      expect(side.given).toHaveLength(5);
    });

    test("counts a resent message once", () => {
      const side = connected({ receiveMaximum: 1 });
      side.receive(publishPacket("a", 2, 1));
      for (let i = 0; i < 5; i++) side.receive(publishPacket("a", 2, 1, { dup: true }));
      side.finish(side.given[0]);
      for (let i = 0; i < 5; i++) side.receive(publishPacket("a", 2, 1, { dup: true }));
    });

    test("starts again with each connection", () => {
      const side = connected({ receiveMaximum: 2 });
      for (let i = 0; i < 5; i++) {
        side.receive(publishPacket("a", 1, 1));
        side.receive(publishPacket("b", 1, 2));
        side.lose();
        side.connect(true);
      }
    });
  });

  describe("topic aliases", () => {
    const alias = (topic: string, topicAlias: number, properties = {}) =>
      publishPacket(topic, 0, 0, { properties: { ...properties, topicAlias } });

    test("stand for their latest topic, and are hidden from the application", () => {
      const side = connected({ topicAliasMaximum: 2 });
      side.receive(alias("a", 1, { contentType: "x" }));
      side.receive(alias("", 1));
      side.receive(alias("b", 1));
      side.receive(alias("", 1));
      side.receive(alias("c", 2));
      side.receive(publishPacket("d", 0, 0, { properties: { contentType: "y" } }));
      expect(topics(side)).toEqual(["a", "a", "b", "b", "c", "d"]);
      expect(side.given[0]?.packet.properties).toEqual({ contentType: "x" });
      expect(side.given[1]?.packet.properties).toEqual({});
    });

    test("work with every QoS", () => {
      const side = connected({ topicAliasMaximum: 1 });
      side.receive(publishPacket("a", 2, 1, { properties: { topicAlias: 1 } }));
      side.receive(publishPacket("", 1, 2, { properties: { topicAlias: 1 } }));
      expect(topics(side)).toEqual(["a", "a"]);
    });

    test("above the maximum are refused with 0x94, unknown aliases with 0x82", () => {
      const side = connected({ topicAliasMaximum: 2 });
      expect(protocolFault(() => side.receive(alias("a", 3)))).toBe(0x94);
      expect(protocolFault(() => side.receive(alias("", 2)))).toBe(0x82);
      expect(protocolFault(() => connected().receive(alias("a", 1)))).toBe(0x94);
    });

    test("end with the connection", () => {
      const side = connected({ topicAliasMaximum: 2 });
      side.receive(alias("a", 1));
      side.lose();
      side.connect(true);
      expect(protocolFault(() => side.receive(alias("", 1)))).toBe(0x82);
    });
  });

  test("without a connection nothing is received", () => {
    const side = make();
    side.receive(publishPacket("a", 1, 1));
    side.receive(ack("pubrel", 1));
    expect(side.given).toEqual([]);
    expect(side.outlet.taken()).toBe("");
  });
});

test("a packet that a server must never receive is refused", () => {
  const server = new Server();
  server.connect();
  const fault = protocolFault(() =>
    server.receive(publishPacket("a", 0, 0, { properties: { subscriptionIdentifiers: [1] } })),
  );
  expect(fault).toBe(0x82);
});

test("the packets in these tests are those that a server would send", () => {
  const client = new Client();
  client.connect();
  client.receive(publishPacket("a", 0, 0, { properties: { subscriptionIdentifiers: [1] } }));
  expect(client.given[0]?.packet.properties).toEqual({ subscriptionIdentifiers: [1] });
  expect(wire(5, ack("pubrel", 1))).toBe("62020001");
});
