// Statements for servers that hold in every version, checked byte by byte where the bytes are the statement. The
// statements of 3.1.1 are marked [MQTT-…], those of 5.0 [MQTT5-…].
import { encode, type Will } from "@aiko/mqtt/codec";
import type { ScriptedPeer } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import { Bench, disconnect, kept, message, receive, subscribe } from "../../packages/broker/test/bench.ts";
import { fromHex, toHex } from "../../packages/mqtt/test/codec/vectors.ts";
import { hex } from "./wire.ts";

const all = [3, 4, 5] as const;
const will: Will = { topic: "gone", payload: Uint8Array.of(1), qos: 0, retain: false };

async function answers(bench: Bench, peer: ScriptedPeer, bytes: Uint8Array): Promise<string> {
  const before = peer.bytes.length;
  peer.send(bytes);
  await bench.clock.tick();
  return toHex(peer.bytes.subarray(before));
}

describe.each(all)("version %i", (protocolVersion) => {
  const empty = protocolVersion === 5 ? "00" : "";

  test("[MQTT-2.3.1-7] [MQTT-3.8.4-2] [MQTT-3.8.4-4] [MQTT-3.9.3-1] one SUBACK answers all filters of a SUBSCRIBE, in their order, with its identifier", async () => {
    const bench = new Bench({ maximumTopicLevels: 2 });
    const peer = await bench.connect("c", { protocolVersion });
    const bad = protocolVersion === 3 ? "0001 64 02" : "0005 612f622f63 02"; // 3.1 cannot deny a filter
    const denied = { 3: "02", 4: "80", 5: "8f" }[protocolVersion];
    const filters = `0001 61 02 ${bad} 0001 62 00 0001 63 01`.replaceAll(" ", "");
    const length = (2 + empty.length / 2 + filters.length / 2).toString(16).padStart(2, "0");
    const said = await answers(bench, peer, fromHex(`82 ${length} beef ${empty} ${filters}`));
    const reason = protocolVersion === 5 ? said.slice(8, 8 + 2 * (1 + Number.parseInt(said.slice(8, 10), 16))) : "";
    expect(said.slice(0, 2) + said.slice(4, 8)).toBe("90beef");
    expect(said.slice(8 + reason.length)).toBe(hex(`02 ${denied} 00 01`));
  });

  test("[MQTT-2.3.1-7] [MQTT-3.10.4-5] UNSUBACK has the identifier of its UNSUBSCRIBE, even if nothing was subscribed", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c", { protocolVersion });
    const said = await answers(bench, peer, fromHex(`a2 0${protocolVersion === 5 ? 6 : 5} cafe ${empty} 0001 78`));
    expect(said).toBe(hex(protocolVersion === 5 ? "b0 04 cafe 00 11" : "b0 02 cafe"));
  });

  test("[MQTT-3.10.4-1] UNSUBSCRIBE deletes the filter with exactly the same characters", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c", { protocolVersion });
    for (const filter of ["a/+", "a/#", "A/b"]) await subscribe(peer, filter, { qos: 0 });
    peer.send({ type: "unsubscribe", packetIdentifier: 1, topicFilters: ["a/+", "a/b", "A/+"] });
    await peer.expect("unsuback");
    expect(bench.hub.statistics.subscriptions).toBe(2);
    peer.send(message("a/b", "x"));
    expect(await receive(peer)).toBe("a/b=x q0");
    await peer.expectNothing();
  });

  test("[MQTT-3.10.4-3] [MQTT5-3.10.4-3] UNSUBSCRIBE does not end a QoS 2 delivery", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c", { protocolVersion });
    await subscribe(peer, "a");
    const from = await bench.connect("from");
    for (const packetIdentifier of [1, 2]) from.send(message("a", "x", { qos: 2, packetIdentifier }));
    const first = await peer.expect("publish");
    const second = await peer.expect("publish");
    peer.send({ type: "pubrec", packetIdentifier: first.packetIdentifier, reasonCode: 0 });
    await peer.expect("pubrel");
    peer.send({ type: "unsubscribe", packetIdentifier: 9, topicFilters: ["a"] });
    await peer.expect("unsuback");
    peer.send({ type: "pubcomp", packetIdentifier: first.packetIdentifier, reasonCode: 0 });
    peer.send({ type: "pubrec", packetIdentifier: second.packetIdentifier, reasonCode: 0 });
    expect(await peer.expect("pubrel")).toMatchObject({ packetIdentifier: second.packetIdentifier });
    peer.send({ type: "pubcomp", packetIdentifier: second.packetIdentifier, reasonCode: 0 });
    await peer.expectNothing();
  });

  test.each(["03", "04", "80", "ff"])(
    "[MQTT-3.8.3-4] SUBSCRIBE with the options %s is malformed and ends the connection",
    async (options) => {
      const bench = new Bench();
      const peer = await bench.connect("c", { protocolVersion });
      peer.send(fromHex(`82 0${protocolVersion === 5 ? 7 : 6} 0001 ${empty} 0001 61 ${options}`));
      await bench.clock.advance(99);
      // 3.1 has no rule for the reserved bits, but there is no QoS 3.
      const isLegal =
        (protocolVersion === 3 && (options === "04" || options === "80")) ||
        (protocolVersion === 5 && options === "04");
      expect(peer.isClosed).toBe(!isLegal);
      expect(bench.hub.statistics.subscriptions).toBe(isLegal ? 1 : 0);
    },
  );

  test("[MQTT-3.1.2-7] a retained message outlives the session of its publisher", async () => {
    const bench = new Bench();
    const from = await bench.connect("from", { protocolVersion });
    from.send(message("a", "x", { retain: true }));
    from.send(disconnect);
    await from.expectClose();
    expect(bench.hub.statistics.sessions).toBe(0);
    const to = await bench.connect("to", { protocolVersion });
    await subscribe(to, "a");
    expect(await receive(to)).toBe("a=x q0 retained");
  });

  test.each([
    ["published once", will, ["cut", "cut"], 1],
    [
      "not published after DISCONNECT, even if a later connection of the session has none",
      will,
      ["disconnect", "cut"],
      0,
    ],
    ["not published if CONNECT has none", undefined, ["cut", "cut"], 0],
  ] as const)("[MQTT-3.1.2-10] [MQTT-3.1.2-12] a will is %s", async (_, first, ends, count) => {
    const bench = new Bench();
    const watcher = await bench.connect("watcher", { protocolVersion });
    await subscribe(watcher, "#", { qos: 0 });
    for (const [i, how] of ends.entries()) {
      const peer = await bench.connect("c", { ...kept, protocolVersion, will: i === 0 ? first : undefined });
      if (how === "cut") peer.cut();
      else peer.send(disconnect);
      await bench.clock.tick();
    }
    await bench.clock.advance(1_000_000_000);
    expect(watcher.received.filter(({ type }) => type === "publish")).toHaveLength(count);
  });

  test("[MQTT-3.1.2-16] a will without RETAIN is not retained", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c", { protocolVersion, will });
    peer.cut();
    await bench.clock.tick();
    expect(bench.hub.statistics.retainedMessages).toBe(0);
    const late = await bench.connect("late", { protocolVersion });
    await subscribe(late, "gone");
    await late.expectNothing();
  });

  test.each(["a", "0123456789abcdefghijklm", "nopqrstuvwxyzABCDEFGHIJ", "KLMNOPQRSTUVWXYZ"])(
    "[MQTT-3.1.3-5] the client identifier %s is accepted",
    async (clientId) => {
      expect((await new Bench().introduce(clientId, { protocolVersion })).connack.reasonCode).toBe(0);
    },
  );

  test.each(["false", "a rejection", "too many sessions"])(
    "[MQTT-3.1.4-5] [MQTT5-3.1.4-6] [MQTT5-3.2.0-2] [MQTT5-3.2.2-6] what follows a CONNECT that is refused with %s is not processed, and there is one CONNACK, without a session",
    async (how) => {
      const bench = new Bench({
        maximumSessions: 2,
        authenticate: ({ clientId }) => {
          if (clientId !== "c") return true;
          return how === "false" ? false : how === "too many sessions" || Promise.reject(new Error("no"));
        },
      });
      const watcher = await bench.connect("watcher", { protocolVersion });
      await subscribe(watcher, "#");
      await bench.connect("second", { protocolVersion });
      const peer = bench.dial(protocolVersion);
      peer.send({ type: "connect", protocolVersion, clientId: "c", cleanStart: false, keepAlive: 0 });
      peer.send(message("a", "x", { retain: true }));
      peer.send({ type: "subscribe", packetIdentifier: 1, subscriptions: [{ topicFilter: "a", qos: 0 }] });
      peer.send({ type: "pingreq" });
      await bench.clock.advance(99);
      expect(peer.isClosed).toBe(true);
      await watcher.expectNothing();
      expect(peer.received.map(({ type }) => type)).toEqual(["connack"]);
      expect(peer.bytes[2]).toBe(0);
      expect(bench.hub.statistics).toMatchObject({ sessions: 2, subscriptions: 1, retainedMessages: 0 });
    },
  );

  test("[MQTT5-3.2.2-1] [MQTT5-3.2.0-2] the flags of CONNACK are 0 or 1, and there is one CONNACK in a connection", async () => {
    const bench = new Bench();
    for (const expected of [0, protocolVersion === 3 ? 0 : 1]) {
      const peer = await bench.connect("c", { ...kept, protocolVersion });
      expect(peer.bytes[2]).toBe(expected);
      await subscribe(peer, "a");
      peer.send({ type: "pingreq" });
      await peer.expect("pingresp");
      expect(peer.received.filter(({ type }) => type === "connack")).toHaveLength(1);
      peer.cut();
      await bench.clock.tick();
    }
  });

  test.each([1, 2] as const)(
    "[MQTT-3.3.1-3] [MQTT5-3.3.1-3] DUP of a QoS %i message is not passed on, and is set when the broker sends it again",
    async (qos) => {
      const bench = new Bench();
      const to = await bench.connect("to", { ...kept, protocolVersion });
      await subscribe(to, "a");
      const from = await bench.connect("from", { protocolVersion });
      from.send(message("a", "x", { qos, packetIdentifier: 1, dup: true }));
      expect((await to.expect("publish")).dup).toBe(false);
      to.cut();
      await bench.clock.tick();
      const again = await bench.connect("to", { ...kept, protocolVersion });
      expect((await again.expect("publish")).dup).toBe(true);
    },
  );

  test.each([
    ["e\u0301", "\u00e9"],
    ["a", "A"],
    ["a/", "a"],
    ["/a", "a"],
    ["a//b", "a/b"],
    ["a", "a "],
    ["a", "\ufeffa"],
  ])("[MQTT-4.7.3-4] the filter %j does not match the name %j", async (filter, name) => {
    const bench = new Bench();
    const peer = await bench.connect("c", { protocolVersion });
    await subscribe(peer, filter, { qos: 0 });
    peer.send(message(name, "x"));
    await peer.expectNothing();
    peer.send(message(filter, "x"));
    expect(await receive(peer)).toBe(`${filter}=x q0`);
  });

  test("[MQTT5-3.2.2-22] a client is disconnected after 1.5 times its own keep-alive", async () => {
    const bench = new Bench();
    const peer = await bench.connect("c", { protocolVersion, keepAlive: 20 });
    await bench.clock.advance(29_999);
    expect(peer.isClosed).toBe(false);
    await bench.clock.advance(100);
    expect(peer.isClosed).toBe(true);
  });
});

test.each(["MQTX", "mqtt", "MQIsdq"])(
  "[MQTT-3.1.2-1] the protocol name %s is refused, and nothing is processed",
  async (name) => {
    for (const level of [3, 4, 5]) {
      const bench = new Bench();
      const peer = bench.dial(4);
      const body = [
        0,
        name.length,
        ...new TextEncoder().encode(name),
        level,
        2,
        0,
        0,
        ...(level === 5 ? [0] : []),
        0,
        1,
        0x61,
      ];
      peer.send(Uint8Array.of(0x10, body.length, ...body));
      peer.send(encode(message("a", "x", { retain: true }), 4));
      await bench.clock.advance(99);
      expect(peer.isClosed).toBe(true);
      expect(bench.events).toMatchObject([{ type: "refused" }]);
      expect(bench.hub.statistics).toMatchObject({ sessions: 0, retainedMessages: 0 });
    }
  },
);

test("[MQTT5-3.1.3-10] the user properties of a will keep their order", async () => {
  const bench = new Bench();
  const watcher = await bench.connect("watcher");
  await subscribe(watcher, "gone");
  const userProperties = [
    ["b", "1"],
    ["a", "2"],
    ["b", "3"],
    ["a", "2"],
  ] as const;
  const peer = await bench.connect("c", { will: { ...will, properties: { userProperties } } });
  peer.cut();
  expect((await watcher.expect("publish")).properties).toEqual({ userProperties });
});

test("[MQTT5-3.8.4-4] a repeated SUBSCRIBE sends the retained message again, and loses no message of a stream", async () => {
  const bench = new Bench();
  const peer = await bench.connect("c");
  const from = await bench.connect("from");
  from.send(message("a/retained", "r", { retain: true }));
  await bench.clock.tick();
  await subscribe(peer, "a/#");
  for (let i = 0; i < 20; i++) {
    from.send(message("a/stream", `${i}`));
    if (i % 5 === 0) {
      const subscriptions = [{ topicFilter: "a/#", qos: 0 }] as const;
      peer.send({ type: "subscribe", packetIdentifier: i + 1, subscriptions });
    }
    await bench.clock.tick();
  }
  const texts = peer.received.map((packet) => packet.type === "publish" && new TextDecoder().decode(packet.payload));
  expect(texts.filter((text) => text === "r")).toHaveLength(5);
  expect(texts.filter((text) => text && text !== "r").map(Number)).toEqual(Array.from({ length: 20 }, (_, i) => i));
});

test("[MQTT5-3.11.2-1] [MQTT5-3.11.2-2] UNSUBACK carries no reason string and no user property", async () => {
  const bench = new Bench({ topicAliasMaximum: 0, maximumPacketSize: 268_435_460 });
  const peer = await bench.connect("c", { properties: { maximumPacketSize: 8 } });
  await subscribe(peer, "a");
  for (const filter of ["a", "a"]) {
    peer.send({ type: "unsubscribe", packetIdentifier: 1, topicFilters: [filter] });
    expect((await peer.expect("unsuback")).properties).toBeUndefined();
  }
});

test("[MQTT5-3.14.2-2] no DISCONNECT of the broker carries a session expiry interval", async () => {
  const bench = new Bench();
  const ends: ((peer: ScriptedPeer) => unknown)[] = [
    (peer) => peer.send(Uint8Array.of(0, 0)),
    (peer) => peer.send({ type: "disconnect", reasonCode: 0, properties: { sessionExpiryInterval: 2 ** 32 - 1 } }),
    () => bench.clock.advance(60_000),
    () => bench.connect("c", kept),
    () => bench.hub.close(),
  ];
  for (const end of ends) {
    const peer = await bench.connect("c", { ...kept, keepAlive: 30 });
    await end(peer);
    await bench.clock.advance(99);
    expect(peer.isClosed).toBe(true);
    for (const packet of peer.received) {
      if (packet.type === "disconnect") expect(packet.properties ?? {}).not.toHaveProperty("sessionExpiryInterval");
    }
  }
});

test("[MQTT5-4.8.2-4] a QoS 2 message of a shared subscription is completed with the member that has it, when it reconnects", async () => {
  const bench = new Bench();
  const member = await bench.connect("member", kept);
  await subscribe(member, "$share/g/a");
  const other = await bench.connect("other");
  const from = await bench.connect("from");
  from.send(message("a", "x", { qos: 2, packetIdentifier: 1 }));
  const { packetIdentifier } = await member.expect("publish");
  await subscribe(other, "$share/g/a");
  member.send({ type: "pubrec", packetIdentifier, reasonCode: 0 });
  await member.expect("pubrel");
  member.cut();
  await bench.clock.advance(10_000);
  const again = await bench.connect("member", kept);
  expect(await again.expect("pubrel")).toMatchObject({ packetIdentifier });
  again.send({ type: "pubcomp", packetIdentifier, reasonCode: 0 });
  await again.expectNothing();
  await other.expectNothing();
});
