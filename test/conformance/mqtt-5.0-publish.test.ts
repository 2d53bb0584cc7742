// MQTT 5.0, chapters 3.3 to 3.7: PUBLISH and its acknowledgements, as a client sends and receives them.
import type { Client, Message } from "@aiko/mqtt";
import { expect, test } from "vitest";
import { subscribed, watch } from "../../packages/mqtt/test/client/bench.ts";
import { connected, field, hex, packet, started, type Wire } from "./wire.ts";

const fail = () => {
  throw new Error(`no: ${"x".repeat(100)}`);
};

/** A client whose handler fails for every message. */
async function refusing(connack = {}): Promise<Wire> {
  const wire = await connected({}, connack);
  await subscribed(wire.bench, wire.client, wire.peer, "#", { onMessage: fail });
  await wire.sent();
  return wire;
}

function unclaimed(client: Client): Message[] {
  const messages: Message[] = [];
  client.on("unclaimed", (message) => messages.push(message));
  return messages;
}

test("[MQTT-3.3.1-1] PUBLISH is resent with DUP", async () => {
  const wire = await connected();
  started(wire.client.publish("t", "1", { qos: 1, retain: true }), wire.client.publish("t", "2", { qos: 2 }));
  expect(await wire.sent()).toBe(hex("33 07 0001 74 0001 00 31   34 07 0001 74 0002 00 32"));
  for (let i = 0; i < 3; i++) {
    expect(await wire.reconnect()).toBe(hex("3b 07 0001 74 0001 00 31   3c 07 0001 74 0002 00 32"));
  }
});

test("[MQTT-3.3.1-2] QoS 0 never has DUP: it is not resent, and refused if it is received with DUP", async () => {
  const wire = await connected();
  started(wire.client.publish("t", "x"), wire.client.publish("t", "x", { retain: true }));
  expect(await wire.sent()).toBe(hex("30 05 0001 74 00 78   31 05 0001 74 00 78"));
  expect(await wire.reconnect()).toBe("");
  wire.peer.cut();
  await wire.bench.clock.tick();
  started(wire.client.publish("t", "x")); // queued
  wire.peer = await wire.bench.acceptAgain({ sessionPresent: true });
  expect(await wire.peer.expect("publish")).toMatchObject({ qos: 0, dup: false });
  for (const first of ["38", "39"]) await (await connected()).expectRefusal(`${first} 05 0001 74 00 78`, 0x82);
});

test.each(["36", "37", "3e", "3f"])("[MQTT-3.3.1-4] both QoS bits are refused: %s", async (first) => {
  await (await connected()).expectRefusal(`${first} 07 0001 74 0001 00 78`, 0x81);
  await (await connected()).expectUsageError((client) => client.publish("t", "x", { qos: 3 as 2 }));
});

const aliased = (topic: string, alias: string, payload = "78") =>
  packet("30", `${field(topic)} 03 23 ${alias} ${payload}`);

test("[MQTT-3.3.2-7] topic aliases end with the connection, in both directions", async () => {
  const wire = await connected({ properties: { topicAliasMaximum: 5 } }, { properties: { topicAliasMaximum: 5 } });
  const got = unclaimed(wire.client);
  wire.say(aliased("74", "0001"), aliased("", "0001"));
  const name = hex("736f6d652f746f706963");
  for (let i = 0; i < 3; i++) started(wire.client.publish("some/topic", ""));
  expect(await wire.sent()).toBe(
    packet("30", `${field(name)} 00`) + packet("30", `${field(name)} 03 23 0001`) + packet("30", "0000 03 23 0001"),
  );
  expect(got.map(({ topic }) => topic)).toEqual(["t", "t"]);
  expect(await wire.reconnect({ sessionPresent: true, properties: { topicAliasMaximum: 5 } })).toBe("");
  started(wire.client.publish("some/topic", ""));
  expect(await wire.sent()).toBe(packet("30", `${field(name)} 00`));
  await wire.expectRefusal(aliased("", "0001"), 0x82);
});

test("[MQTT-3.3.2-8] a topic alias of 0 is refused, and not sent", async () => {
  await (await connected({ properties: { topicAliasMaximum: 5 } })).expectRefusal(aliased("74", "0000"), 0x94);
  const wire = await connected({}, { properties: { topicAliasMaximum: 5 } });
  await wire.expectUsageError((client) => client.publish("t", "", { properties: { topicAlias: 0 } as never }));
  for (let i = 0; i < 4; i++) started(wire.client.publish(`some/topic/${i % 2}`, ""));
  expect(await wire.sent()).not.toContain("230000");
});

test.each([1, 5, 65_535])(
  "[MQTT-3.3.2-10] topic aliases up to the maximum of %i are accepted, and no others",
  async (topicAliasMaximum) => {
    const wire = await connected({ properties: { topicAliasMaximum } });
    const got = unclaimed(wire.client);
    const alias = (value: number) => value.toString(16).padStart(4, "0");
    for (let value = 1; value <= topicAliasMaximum; value += value < 6 ? 1 : 9_999)
      wire.say(aliased("61", alias(value)));
    wire.say(aliased("7a", alias(topicAliasMaximum)), aliased("", alias(topicAliasMaximum)));
    await wire.sent();
    expect(wire.client.connected).toBe(true);
    expect(got.slice(-2).map(({ topic }) => topic)).toEqual(["z", "z"]);
    if (topicAliasMaximum < 65_535) await wire.expectRefusal(aliased("61", alias(topicAliasMaximum + 1)), 0x94);
  },
);

test("[MQTT-3.3.4-1] [MQTT-4.5.0-2] each QoS is acknowledged as required, with and without a matching subscription", async () => {
  for (const wanted of [true, false]) {
    const wire = await connected();
    if (wanted) await subscribed(wire.bench, wire.client, wire.peer, "t", { onMessage: () => undefined });
    await wire.sent();
    expect(await wire.answerTo("30 05 0001 74 00 78")).toBe("");
    expect(await wire.answerTo("32 07 0001 74 0102 00 78")).toBe(hex("40 02 0102"));
    expect(await wire.answerTo("34 07 0001 74 0103 00 78")).toBe(hex("50 02 0103"));
    expect(await wire.answerTo("62 02 0103")).toBe(hex("70 02 0103"));
  }
});

test("[MQTT-4.5.0-2] a message of a resumed session without a subscription is finally acknowledged", async () => {
  const wire = await connected({ cleanStart: false }, { sessionPresent: true });
  expect(await wire.answerTo("32 07 0001 74 0001 00 78", "34 07 0001 74 0002 00 78")).toBe("");
  await wire.bench.clock.advance(10_000);
  expect(await wire.sent()).toBe(hex("40 02 0001 50 02 0002"));
});

test("[MQTT-3.3.4-6] a client's PUBLISH has no subscription identifier", async () => {
  const wire = await connected();
  const properties = { subscriptionIdentifiers: [1] } as never;
  await wire.expectUsageError((client) => client.publish("t", "", { properties }));
  await subscribed(wire.bench, wire.client, wire.peer, "#", { onMessage: () => undefined });
  await wire.sent();
  started(wire.client.publish("t", "x"));
  expect(await wire.sent()).toBe(hex("30 05 0001 74 00 78"));
});

test("[MQTT-3.3.4-7] [MQTT-4.9.0-1] [MQTT-4.9.0-2] no more messages are unacknowledged than the server's receive maximum", async () => {
  for (const receiveMaximum of [1, 2, 7]) {
    const wire = await connected({}, { properties: { receiveMaximum } });
    for (let i = 0; i < 20; i++) started(wire.client.publish("t", "x", { qos: i % 2 === 0 ? 2 : 1 }));
    const open = async () => (await wire.sent()).length / 18;
    expect(await open()).toBe(receiveMaximum);
    await wire.bench.clock.advance(100_000);
    expect(await open()).toBe(0);
    wire.say("50 02 0001"); // PUBREC makes no room
    expect(await wire.sent()).toBe(hex("62 02 0001"));
    wire.say("70 02 0001");
    expect(await open()).toBe(1);
    const next = (receiveMaximum + 1).toString(16).padStart(4, "0");
    wire.say(receiveMaximum % 2 === 0 ? `50 03 ${next} 97` : `40 02 ${next}`); // acknowledged or refused: room for one
    expect(await open()).toBe(1);
  }
});

test("[MQTT-3.3.4-7] [MQTT-4.9.0-2] the receive maximum of the next connection applies to resent messages", async () => {
  const wire = await connected();
  for (let i = 0; i < 5; i++) started(wire.client.publish("t", "x", { qos: 1 }));
  await wire.sent();
  const resent = await wire.reconnect({ sessionPresent: true, properties: { receiveMaximum: 2 } });
  expect(resent).toBe(hex("3a 07 0001 74 0001 00 78   3a 07 0001 74 0002 00 78"));
  expect(await wire.answerTo("40 02 0001")).toBe(hex("3a 07 0001 74 0003 00 78"));
});

test("[MQTT-3.3.4-8] [MQTT-4.9.0-3] with no send quota left, all packets except PUBLISH continue in both directions", async () => {
  const properties = { receiveMaximum: 1, subscriptionIdentifiersAvailable: false };
  const wire = await connected({ keepAlive: 10 }, { properties });
  const { client, bench } = wire;
  started(client.publish("t", "x", { qos: 2 }), client.publish("t", "x", { qos: 1 }));
  expect(await wire.sent()).toBe(hex("34 07 0001 74 0001 00 78"));
  const subscribing = watch(client.subscribe("f"));
  expect(await wire.sent()).toBe(hex("82 07 0002 00 0001 66 00"));
  expect(await wire.answerTo("90 04 0002 00 00")).toBe("");
  expect(subscribing.settled).toBe(1);
  started(client.unsubscribe("f"));
  expect(await wire.sent()).toBe(hex("a2 06 0003 00 0001 66"));
  expect(await wire.answerTo("32 07 0001 74 0007 00 78")).toBe(hex("40 02 0007"));
  expect(await wire.answerTo("34 07 0001 74 0008 00 78")).toBe(hex("50 02 0008"));
  expect(await wire.answerTo("62 02 0008")).toBe(hex("70 02 0008"));
  await bench.clock.advance(10_000);
  expect(await wire.sent()).toBe("c000");
  expect(await wire.answerTo("d000")).toBe("");
  expect(await wire.answerTo("50 02 0001")).toBe(hex("62 02 0001"));
  started(client.disconnect({ drainTimeout: 0 }));
  expect((await wire.sent()).slice(0, 2)).toBe("e0");
});

test("[MQTT-3.4.2-1] [MQTT-3.4.2-2] [MQTT-3.4.2-3] PUBACK of a refusal: one of PUBACK's reason codes, and no properties", async () => {
  const wire = await refusing({ properties: { maximumPacketSize: 30 } });
  expect(await wire.answerTo("32 07 0001 74 0009 00 78")).toBe(hex("40 03 0009 83"));
});

test("[MQTT-3.5.2-1] [MQTT-3.5.2-2] [MQTT-3.5.2-3] PUBREC of a refusal: one of PUBREC's reason codes, and no properties", async () => {
  const wire = await refusing({ properties: { maximumPacketSize: 30 } });
  expect(await wire.answerTo("34 07 0001 74 0009 00 78")).toBe(hex("50 03 0009 83"));
});

test("[MQTT-3.6.2-1] [MQTT-3.6.2-2] [MQTT-3.6.2-3] PUBREL for an unknown PUBREC: 0x92, and no properties", async () => {
  const wire = await connected({}, { properties: { maximumPacketSize: 30 } });
  expect(await wire.answerTo("50 02 0009")).toBe(hex("62 03 0009 92"));
});

test("[MQTT-3.7.2-1] [MQTT-3.7.2-2] [MQTT-3.7.2-3] PUBCOMP for an unknown PUBREL: 0x92, and no properties", async () => {
  const wire = await connected({}, { properties: { maximumPacketSize: 30 } });
  expect(await wire.answerTo("62 02 0009")).toBe(hex("70 03 0009 92"));
});

test.each([
  ["[MQTT-3.4.2-1] PUBACK", "40", ["01", "92", "81", "18", "ff"]],
  ["[MQTT-3.5.2-1] PUBREC", "50", ["01", "92", "81", "18", "ff"]],
  ["[MQTT-3.6.2-1] PUBREL", "62", ["01", "10", "80", "91", "ff"]],
  ["[MQTT-3.7.2-1] PUBCOMP", "70", ["01", "10", "80", "91", "ff"]],
])("%s with another reason code is refused", async (_, first, codes) => {
  for (const code of codes) await (await connected()).expectRefusal(`${first} 03 0001 ${code}`, 0x82);
});
