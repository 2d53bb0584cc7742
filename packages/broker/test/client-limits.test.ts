// What a client says in CONNECT that it accepts holds for every packet of the broker [MQTT5-3.1.2-24].
import type { ConnectProperties, Packet } from "@aiko/mqtt/codec";
import { encode } from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import { Bench, message, subscribe } from "./bench.ts";

const limited = (maximumPacketSize: number, more: ConnectProperties = {}) => ({
  properties: { maximumPacketSize, ...more },
});
const plain = { topicAliasMaximum: 0, maximumPacketSize: 268_435_460 };

describe("the maximum packet size of a client", () => {
  test("a SUBACK that exceeds it is not sent, and the connection is closed with Packet too large", async () => {
    const bench = new Bench(plain);
    const peer = await bench.connect("c", limited(8));
    const before = peer.bytes.length;
    const subscriptions = Array.from({ length: 50 }, (_, i) => ({ topicFilter: `t/${i}`, qos: 0 as const }));
    peer.send({ type: "subscribe", packetIdentifier: 1, subscriptions });
    await peer.expect("disconnect");
    await peer.expectClose();
    expect([...peer.bytes.subarray(before)]).toEqual([0xe0, 1, 0x95]);
    expect(bench.events.at(-1)).toEqual({
      type: "disconnected",
      clientId: "c",
      reason: "SUBACK has 55 bytes, more than the client's maximumPacketSize",
    });
  });

  test("an UNSUBACK that exceeds it is not sent either", async () => {
    const peer = await new Bench(plain).connect("c", limited(8));
    peer.send({ type: "unsubscribe", packetIdentifier: 1, topicFilters: ["a", "b", "c", "d"] });
    expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 0x95 });
    await peer.expectClose();
  });

  test.each([5, 6, 7])("acknowledgements of a client that accepts %i bytes fit", async (size) => {
    const bench = new Bench(plain);
    const peer = await bench.connect("c", limited(size));
    peer.send(message("a", "x", { qos: 1, packetIdentifier: 1 }));
    expect(await peer.expect("puback")).toMatchObject({ reasonCode: 0x10 });
    peer.send(message("a", "x", { qos: 2, packetIdentifier: 2 }));
    await peer.expect("pubrec");
    peer.send({ type: "pubrel", packetIdentifier: 2, reasonCode: 0 });
    await peer.expect("pubcomp");
    peer.send({ type: "pubrel", packetIdentifier: 3, reasonCode: 0 });
    expect(await peer.expect("pubcomp")).toMatchObject({ reasonCode: 0x92 });
    peer.send({ type: "pingreq" });
    await peer.expect("pingresp");
  });

  test("a CONNACK that exceeds it refuses the client with Packet too large, and its session is untouched", async () => {
    const bench = new Bench(plain);
    const first = await bench.connect("c", { cleanStart: false, properties: { sessionExpiryInterval: 100 } });
    const { peer, connack } = await bench.introduce("c", {
      keepAlive: 9,
      ...limited(5, { sessionExpiryInterval: 2 ** 32 - 1 }),
    });
    expect(connack).toMatchObject({ reasonCode: 0x95 });
    await peer.expectClose();
    expect(first.isClosed).toBe(false);
    expect(bench.hub.statistics.sessions).toBe(1);
  });

  test.each([1, 2, 3, 4])(
    "a client that accepts only %i bytes cannot get a CONNACK, and none is sent",
    async (size) => {
      const bench = new Bench(plain);
      const peer = bench.dial();
      peer.send({
        type: "connect",
        protocolVersion: 5,
        clientId: "c",
        cleanStart: true,
        keepAlive: 0,
        ...limited(size),
      });
      await peer.expectClose();
      expect(peer.bytes).toHaveLength(0);
      expect(bench.events).toEqual([{ type: "refused", reason: `CONNACK exceeds the client's maximumPacketSize` }]);
    },
  );
});

describe("reason strings", () => {
  const denied = async (properties: ConnectProperties): Promise<Packet> => {
    const peer = await new Bench({ ...plain, maximumSubscriptions: 1 }).connect("c", { properties });
    await subscribe(peer, "a");
    peer.send({ type: "subscribe", packetIdentifier: 7, subscriptions: [{ topicFilter: "b", qos: 0 }] });
    return peer.expect("suback");
  };
  const reasonString = "the client has 1 subscriptions, the most that are allowed";

  test("SUBACK has one for a filter that is denied", async () => {
    expect(await denied({})).toMatchObject({ reasonCodes: [0x97], properties: { reasonString } });
  });

  test("SUBACK has none if the client declines problem information, or if it would not fit", async () => {
    const none = { type: "suback", packetIdentifier: 7, reasonCodes: [0x97], properties: undefined };
    expect(await denied({ requestProblemInformation: false })).toEqual(none);
    const size = encode({ ...none, properties: { reasonString } } as Packet, 5).length;
    expect(await denied({ maximumPacketSize: size - 1 })).toEqual(none);
    expect(await denied({ maximumPacketSize: size })).toMatchObject({ properties: { reasonString } });
  });

  const refused = async (properties: ConnectProperties): Promise<Packet> => {
    const peer = await new Bench(plain).connect("c", { properties });
    peer.send(message("$SYS/x", "1", { qos: 1, packetIdentifier: 7 }));
    return peer.expect("puback");
  };

  test("PUBACK has one for a message that is refused, within the same limits", async () => {
    const full = await refused({});
    expect(full).toMatchObject({ properties: { reasonString: expect.stringContaining("$SYS") } });
    const none = { type: "puback", packetIdentifier: 7, reasonCode: 0x87, properties: undefined };
    expect(await refused({ requestProblemInformation: false })).toEqual(none);
    expect(await refused({ maximumPacketSize: encode(full, 5).length - 1 })).toEqual(none);
  });

  const turnedAway = async (properties: ConnectProperties) => {
    const bench = new Bench({
      authenticate: () => ({
        reasonCode: 0x9c,
        reason: "drained",
        userProperties: [["until", "noon"]],
        serverReference: "b.example:1883",
      }),
    });
    return (await bench.introduce("c", { properties })).connack;
  };

  test("CONNACK loses them, and then the server reference, if it does not fit", async () => {
    const full = await turnedAway({});
    const serverReference = "b.example:1883";
    expect(full.properties).toEqual({ reasonString: "drained", userProperties: [["until", "noon"]], serverReference });
    expect((await turnedAway({ requestProblemInformation: false })).properties).toEqual({ serverReference });
    const size = encode(full, 5).length;
    expect((await turnedAway({ maximumPacketSize: size })).properties).toEqual(full.properties);
    expect((await turnedAway({ maximumPacketSize: size - 1 })).properties).toEqual({ serverReference });
    expect(await turnedAway({ maximumPacketSize: 5 })).toEqual({
      type: "connack",
      sessionPresent: false,
      reasonCode: 0x9c,
      properties: undefined,
    });
  });
});
