import type { Packet } from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import { ack, Client, connack, KeptMessage, KeptSubscribe } from "./sessions.ts";

type Side = { readonly client: Client; readonly seen: () => Packet[] };

/** A client of a session that another process started. */
function inheriting(version: 3 | 4 | 5 = 5, messages: readonly KeptMessage[] = []): Side {
  const client = new Client({ version });
  client.session.restore(messages, []);
  client.connect(true);
  return { client, seen: () => client.outlet.packets(version) };
}

const PINGRESP: Packet = { type: "pingresp" };

/** Answers every PUBREL among the packets. */
function complete({ client }: Side, packets: readonly Packet[]): void {
  for (const packet of packets) if (packet.type === "pubrel") client.receive(ack("pubcomp", packet.packetIdentifier));
}

describe.each([3, 4, 5] as const)("in a session that an earlier process started, version %i", (version) => {
  test("a QoS 2 message waits until PUBREL has cleared its identifier of earlier messages", () => {
    const side = inheriting(version);
    const message = new KeptMessage("a", 2);
    side.client.publish(message);
    const asked = side.seen();
    expect(asked.map(({ type }) => type)).toEqual(Array(64).fill("pubrel"));
    expect(message.state).toBe("queued");
    complete(side, asked);
    expect(side.seen()).toMatchObject([{ type: "publish", packetIdentifier: 1, dup: false }]);
    side.client.receive(ack("pubrec", 1));
    side.client.receive(ack("pubcomp", 1));
    expect(message.outcome).toBe(0);
  });
});

describe("in a session that an earlier process started", () => {
  test("QoS 0 and 1 messages and subscriptions do not wait", () => {
    const side = inheriting();
    side.client.publish(new KeptMessage("a", 0));
    side.client.publish(new KeptMessage("a", 1));
    side.client.request(new KeptSubscribe("f"));
    expect(side.seen().map(({ type }) => type)).toEqual(["publish", "publish", "subscribe"]);
  });

  test("messages behind a waiting message keep their order", () => {
    const side = inheriting();
    side.client.publish(new KeptMessage("a", 2));
    side.client.publish(new KeptMessage("b", 1));
    const asked = side.seen();
    complete(side, asked);
    expect(side.seen()).toMatchObject([
      { topic: "a", packetIdentifier: 1 },
      { topic: "b", packetIdentifier: 2 },
    ]);
  });

  test("all identifiers are cleared once, batch by batch", () => {
    const side = inheriting();
    const cleared: number[] = [];
    let unfinished = 0;
    for (let i = 0; i < 65_600; i++) {
      const message = new KeptMessage("a", 2);
      side.client.publish(message);
      let packets = side.seen();
      if (packets[0]?.type === "pubrel") {
        for (const packet of packets) cleared.push((packet as { packetIdentifier: number }).packetIdentifier);
        complete(side, packets);
        packets = side.seen();
      }
      const { packetIdentifier } = packets[0] as { packetIdentifier: number };
      side.client.receive(ack("pubrec", packetIdentifier));
      side.client.receive(ack("pubcomp", packetIdentifier));
      side.seen();
      if (message.outcome !== 0) unfinished++;
    }
    expect(unfinished).toBe(0);
    expect(cleared).toEqual(Array.from({ length: 65_535 }, (_, i) => i + 1));
  });

  test("clearing that a lost connection interrupted is repeated over the next", () => {
    const side = inheriting();
    side.client.publish(new KeptMessage("a", 2));
    complete(side, side.seen().slice(0, 10));
    side.client.lose();
    side.client.connect(true);
    const again = side.seen();
    expect(again).toHaveLength(64);
    complete(side, again);
    expect(side.seen()).toMatchObject([{ type: "publish", packetIdentifier: 1 }]);
  });

  test("a new session needs no clearing", () => {
    const side = inheriting();
    side.client.publish(new KeptMessage("a", 2));
    side.client.lose();
    side.client.connect(false);
    expect(side.seen()).toMatchObject([{ type: "publish", packetIdentifier: 1 }]);
    side.client.lose();
    side.client.connect(true);
    side.client.publish(new KeptMessage("b", 2));
    expect(side.seen().map(({ type }) => type)).toEqual(["publish", "publish"]);
  });

  test("messages from a store are resent with their own identifiers, which are not cleared", () => {
    const message = new KeptMessage("stored", 2);
    Object.assign(message, { packetIdentifier: 3, state: "sent", sequence: 1 });
    const side = inheriting(5, [message]);
    expect(side.seen()).toMatchObject([{ type: "publish", packetIdentifier: 3, dup: true }]);
    side.client.publish(new KeptMessage("new", 2));
    const asked = side.seen().map((packet) => (packet as { packetIdentifier: number }).packetIdentifier);
    expect(asked).toHaveLength(64);
    expect(asked).not.toContain(3);
  });

  test("a server that does not answer PUBREL delays messages until it has answered two PINGREQs", () => {
    const side = inheriting();
    side.client.publish(new KeptMessage("a", 2));
    side.seen();
    side.client.receive(PINGRESP);
    expect(side.seen()).toEqual([]);
    side.client.receive(PINGRESP);
    expect(side.seen()).toMatchObject([{ type: "publish", packetIdentifier: 1 }]);
  });

  test("an identifier that a QoS 1 message uses meanwhile is cleared without affecting that message", () => {
    const side = inheriting();
    const one = new KeptMessage("a", 1);
    side.client.publish(one);
    side.client.publish(new KeptMessage("b", 2));
    complete(side, side.seen());
    side.client.receive(ack("puback", 1));
    expect(one.outcome).toBe(0);
    expect(side.seen()).toMatchObject([{ topic: "b", packetIdentifier: 2 }]);
  });
});

test("in a session that this client started nothing is cleared, whatever is resumed later", () => {
  const client = new Client();
  client.connect(false);
  client.lose();
  client.open();
  client.outlet.taken();
  client.receive(connack(true));
  client.publish(new KeptMessage("a", 2));
  expect(client.outlet.packets(5)).toMatchObject([{ type: "publish" }]);
});
