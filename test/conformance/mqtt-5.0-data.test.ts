// MQTT 5.0, chapters 1 and 2, and the rules for topics in chapter 4.7: strings, integers, flags and packet identifiers.
import type { Client, ConnectOptions } from "@aiko/mqtt";
import { expect, test } from "vitest";
import { Bench, subscribed } from "../../packages/mqtt/test/client/bench.ts";
import { connected, connectOf, field, hex, packet, started, utf8 } from "./wire.ts";

const illFormed = ["c0af", "eda080", "edbfbf", "f4908080", "e282", "f0808080", "80", "ff"];
const user = (name: string, value: string) => `26 ${field(name)} ${field(value)}`;
const publish = (topic: string, properties = "") =>
  packet("30", `${field(topic)} ${(hex(properties).length / 2).toString(16).padStart(2, "0")} ${properties}`);

/** Every field with a string from the server. */
const places: Record<string, (text: string) => string> = {
  topic: (text) => publish(text),
  contentType: (text) => publish("61", `03 ${field(text)}`),
  responseTopic: (text) => publish("61", `08 ${field(text)}`),
  "user property name": (text) => publish("61", user(text, "62")),
  "user property value": (text) => publish("61", user("62", text)),
  "reasonString of PUBACK": (text) => packet("40", `0001 00 ${packet("", `1f ${field(text)}`)}`),
  "reasonString of DISCONNECT": (text) => packet("e0", `00 ${packet("", `1f ${field(text)}`)}`),
};

/** Every way in which the client sends a string to the server. */
const calls: Record<string, (client: Client, text: string) => Promise<unknown>> = {
  "topic of publish": (client, text) => client.publish(text, ""),
  contentType: (client, text) => client.publish("a", "", { properties: { contentType: text } }),
  responseTopic: (client, text) => client.publish("a", "", { properties: { responseTopic: text } }),
  "user property name": (client, text) => client.publish("a", "", { properties: { userProperties: [[text, "b"]] } }),
  "user property value": (client, text) => client.publish("a", "", { properties: { userProperties: [["b", text]] } }),
  "filter of subscribe": (client, text) => client.subscribe(text),
  "filter of unsubscribe": (client, text) => client.unsubscribe(text),
  "reasonString of disconnect": (client, text) => client.disconnect({ properties: { reasonString: text } }),
};
const options: Record<string, (text: string) => ConnectOptions> = {
  clientId: (text) => ({ clientId: text }),
  username: (text) => ({ username: text }),
  "will topic": (text) => ({ will: { topic: text } }),
  "user property of CONNECT": (text) => ({ properties: { userProperties: [["a", text]] } }),
  authenticationMethod: (text) => ({ authentication: { method: text, respond: () => undefined } }),
};
const refuses = (make: (text: string) => ConnectOptions, text: string) =>
  expect(() => new Bench().create(make(text))).toThrow(expect.objectContaining({ name: "UsageError" }));

test.each(Object.keys(places))("[MQTT-1.5.4-1] ill-formed UTF-8 from the server is refused: %s", async (place) => {
  for (const wrong of illFormed) await (await connected()).expectRefusal(places[place]?.(`61 ${wrong}`) ?? "", 0x81);
});

test.each(Object.keys(calls))("[MQTT-1.5.4-1] a lone surrogate is not sent: %s", async (name) => {
  const wire = await connected();
  for (const text of ["a\ud800", "\udfffa"]) {
    await wire.expectUsageError((client) => calls[name]?.(client, text) ?? Promise.resolve());
  }
});

test.each(Object.keys(options))("[MQTT-1.5.4-1] a lone surrogate is not a valid option: %s", (name) => {
  refuses(options[name] ?? (() => ({})), "a\ud800");
});

test.each(Object.keys(places))("[MQTT-1.5.4-2] U+0000 from the server is refused: %s", async (place) => {
  await (await connected()).expectRefusal(places[place]?.("61 00 61") ?? "", 0x81);
});

test.each(Object.keys(calls))("[MQTT-1.5.4-2] U+0000 is not sent: %s", async (name) => {
  await (await connected()).expectUsageError((client) => calls[name]?.(client, "a\0b") ?? Promise.resolve());
});

test.each(Object.keys(options))("[MQTT-1.5.4-2] U+0000 is not a valid option: %s", (name) => {
  refuses(options[name] ?? (() => ({})), "a\0b");
});

test("[MQTT-1.5.4-3] EF BB BF is U+FEFF, in both directions and at any position", async () => {
  const wire = await connected();
  const got: unknown[] = [];
  wire.client.on("unclaimed", ({ topic, properties }) => got.push(topic, properties.userProperties));
  wire.say(publish("efbbbf 61", user("efbbbf 6e", "76 efbbbf")));
  await wire.sent();
  expect(got).toEqual(["\ufeffa", [["\ufeffn", "v\ufeff"]]]);
  started(wire.client.publish("\ufeffa", "", { properties: { userProperties: [["\ufeffn", "v\ufeff"]] } }));
  expect(await wire.sent()).toBe(publish("efbbbf 61", user("efbbbf 6e", "76 efbbbf")));
});

test.each([
  ["remaining length 0 in two bytes", "d0 8000"],
  ["remaining length 5 in four bytes", "30 85808000 0001 61 00 78"],
  ["property length in two bytes", "30 05 0001 61 8000"],
  ["subscription identifier in two bytes", "30 07 0001 61 03 0b 8100"],
  ["property identifier in two bytes", "30 0a 0001 61 06 8100 0b 01 0b 01"],
])("[MQTT-1.5.5-1] %s is refused", async (_, bytes) => {
  await (await connected()).expectRefusal(bytes, 0x81);
});

test.each([
  [127, "7f"],
  [128, "8001"],
  [16_383, "ff7f"],
  [16_384, "808001"],
  [2_097_151, "ffff7f"],
  [2_097_152, "80808001"],
])("[MQTT-1.5.5-1] a remaining length of %i is sent as %s", async (length, bytes) => {
  const wire = await connected();
  started(wire.client.publish("t", new Uint8Array(length - 4)));
  expect((await wire.sent()).slice(0, 2 + bytes.length + 8)).toBe(`30${bytes}00017400`);
});

test.each([
  [127, "7f"],
  [128, "8001"],
])("[MQTT-1.5.5-1] a property length of %i is sent as %s", async (length, bytes) => {
  const wire = await connected();
  started(wire.client.publish("t", "", { properties: { contentType: "x".repeat(length - 3) } }));
  const head = (await wire.sent()).indexOf(hex(`000174 ${bytes} 03 00`));
  expect(head).toBeGreaterThan(0);
});

test.each([...illFormed, "00"])("[MQTT-1.5.7-1] a user property with %s in name or value is refused", async (wrong) => {
  for (const properties of [user(wrong, "61"), user("61", wrong)]) {
    await (await connected()).expectRefusal(publish("61", properties), 0x81);
    await (await connected()).expectRefusal(packet("40", `0001 00 ${packet("", properties)}`), 0x81);
  }
});

test.each(["\ud800", "\0", "x".repeat(65_536)])("[MQTT-1.5.7-1] a user property with %j is not sent", async (text) => {
  const wire = await connected();
  for (const pair of [
    [text, "a"],
    ["a", text],
  ] as const) {
    await wire.expectUsageError((client) => client.publish("a", "", { properties: { userProperties: [pair] } }));
  }
});

/** Packets that a server sends, without their first byte, and the correct flags of that byte. */
const reserved = [
  ["CONNACK", 0x20, 0, "03 00 00 00"],
  ["PUBACK", 0x40, 0, "02 0001"],
  ["PUBREC", 0x50, 0, "02 0001"],
  ["PUBREL", 0x60, 2, "02 0001"],
  ["PUBCOMP", 0x70, 0, "02 0001"],
  ["SUBACK", 0x90, 0, "04 0001 00 00"],
  ["UNSUBACK", 0xb0, 0, "04 0001 00 00"],
  ["PINGRESP", 0xd0, 0, "00"],
  ["DISCONNECT", 0xe0, 0, "00"],
  ["AUTH", 0xf0, 0, "02 18 00"],
] as const;
const owners: Partial<Record<string, string>> = {
  PUBREL: "[MQTT-3.6.1-1] ",
  DISCONNECT: "[MQTT-3.14.1-1] ",
  AUTH: "[MQTT-3.15.1-1] ",
};
for (const [name, first, right, rest] of reserved) {
  test(`[MQTT-2.1.3-1] ${owners[name] ?? ""}${name} with other flags than ${right} is refused`, async () => {
    for (let flags = 0; flags < 16; flags++) {
      if (flags !== right) await (await connected()).expectRefusal(`${(first | flags).toString(16)} ${rest}`, 0x81);
    }
  });
}

test("[MQTT-2.1.3-1] [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.15.1-1] the flags of every packet that a client sends", async () => {
  const authentication = { method: "m", respond: () => undefined };
  const properties = { authenticationMethod: "m" };
  const wire = await connected({ keepAlive: 10, authentication }, { properties });
  expect(wire.peer.bytes[0]).toBe(0x10);
  const { client } = wire;
  const first = async () => (await wire.sent()).slice(0, 2);
  started(client.publish("t", "x"));
  expect(await first()).toBe("30");
  started(client.publish("t", "x", { retain: true }));
  expect(await first()).toBe("31");
  started(client.publish("t", "x", { qos: 1 }));
  expect(await first()).toBe("32");
  started(client.publish("t", "x", { qos: 2 }));
  expect(await first()).toBe("34");
  wire.say("50 02 0002");
  expect(await first()).toBe("62");
  wire.say("32 07 0001 74 0009 00 78");
  expect(await first()).toBe("40");
  wire.say("34 07 0001 74 000a 00 78");
  expect(await first()).toBe("50");
  wire.say("62 02 000a");
  expect(await first()).toBe("70");
  started(client.subscribe("f"));
  expect(await first()).toBe("82");
  started(client.unsubscribe("f"));
  expect(await first()).toBe("a2");
  started(client.reauthenticate());
  expect(await first()).toBe("f0");
  await wire.bench.clock.advance(10_000);
  expect(await first()).toBe("c0");
  started(client.disconnect({ drainTimeout: 0 }));
  expect(await first()).toBe("e0");
});

test("[MQTT-2.2.1-2] [MQTT-2.2.2-1] QoS 0 has no packet identifier: property length 0 follows the topic", async () => {
  const wire = await connected();
  started(wire.client.publish("t", "x"));
  expect(await wire.sent()).toBe(hex("30 05 0001 74 00 78"));
  started(wire.client.publish("t", "x", { properties: {} }));
  expect(await wire.sent()).toBe(hex("30 05 0001 74 00 78"));
  let got: unknown;
  wire.client.on("unclaimed", (message) => {
    got = [message.topic, message.text()];
  });
  wire.say("30 07 0001 74 00 0001 78");
  await wire.sent();
  expect(got).toEqual(["t", "\0\u0001x"]); // everything after the properties is payload
});

test("[MQTT-2.2.1-3] identifiers of PUBLISH, SUBSCRIBE and UNSUBSCRIBE are never 0, and never in use already", async () => {
  const wire = await connected();
  const { client, peer } = wire;
  const used = new Set<number>();
  const kinds = [
    () => client.publish("t", "", { qos: 1 }),
    () => client.publish("t", "", { qos: 2 }),
    () => client.subscribe("f"),
    () => client.unsubscribe("f"),
  ];
  let at = peer.received.length;
  const look = async () => {
    await wire.sent();
    for (; at < peer.received.length; at++) {
      const sent = peer.received[at];
      if (sent === undefined || !("packetIdentifier" in sent) || sent.type === "pubrel") continue;
      expect(sent.packetIdentifier).toBeGreaterThan(0);
      expect(used.has(sent.packetIdentifier)).toBe(false);
      used.add(sent.packetIdentifier);
    }
  };
  for (let i = 0; i < 40; i++) started(kinds[i % 4]?.() ?? Promise.resolve());
  await look();
  expect(used.size).toBe(40);
  for (const [i, answer] of ["40 02 0001", "50 02 0002", "90 04 0003 00 00", "b0 04 0004 00 00"].entries()) {
    wire.say(answer);
    if (i !== 1) used.delete(i + 1); // PUBREC does not free an identifier
  }
  await look();
  for (let i = 0; i < 200; i++) {
    started(client.publish("t", "", { qos: 1 }));
    await look();
    const last = [...used].at(-1) ?? 0;
    peer.send({ type: "puback", packetIdentifier: last, reasonCode: 0 });
    used.delete(last);
  }
});

test("[MQTT-2.2.1-5] PUBACK, PUBREC, PUBREL and PUBCOMP carry the identifier of their PUBLISH", async () => {
  const wire = await connected();
  expect(await wire.answerTo("32 07 0001 74 beef 00 78")).toBe(hex("40 02 beef"));
  expect(await wire.answerTo("34 07 0001 74 cafe 00 78")).toBe(hex("50 02 cafe"));
  expect(await wire.answerTo("62 02 cafe")).toBe(hex("70 02 cafe"));
  for (let i = 0; i < 3; i++) started(wire.client.publish("t", "x", { qos: 2 }));
  await wire.sent();
  expect(await wire.answerTo("50 02 0003", "50 02 0001")).toBe(hex("62 02 0003 62 02 0001"));
});

test("[MQTT-2.2.2-1] without properties the property length is 0, or the packet ends before it", async () => {
  expect(await connectOf({ reconnect: false, properties: { maximumPacketSize: 268_435_460 } })).toBe(
    packet("10", `0004 ${utf8("MQTT")} 05 02 0000 00 ${field("6331")}`),
  );
  const wire = await connected({}, { properties: { subscriptionIdentifiersAvailable: false } });
  started(wire.client.publish("t", "x", { qos: 1 }), wire.client.subscribe("f"), wire.client.unsubscribe("f"));
  expect(await wire.sent()).toBe(hex("32 07 0001 74 0001 00 78   82 07 0002 00 0001 66 00   a2 06 0003 00 0001 66"));
});

test("[MQTT-3.3.2-1] the topic name is PUBLISH's first field, in UTF-8", async () => {
  const wire = await connected();
  started(wire.client.publish("é/\u{1d11e}", "x", { qos: 1, properties: { contentType: "c" } }));
  expect(await wire.sent()).toBe(packet("32", `${field("c3a9 2f f09d849e")} 0001 04 03 0001 63 78`));
  for (const wrong of illFormed) await (await connected()).expectRefusal(publish(wrong), 0x81);
});

test("[MQTT-3.3.2-13] the response topic is UTF-8", async () => {
  const wire = await connected();
  started(wire.client.publish("t", "", { properties: { responseTopic: "é" } }));
  expect(await wire.sent()).toBe(publish("74", "08 0002 c3a9"));
  for (const wrong of illFormed) await (await connected()).expectRefusal(publish("74", `08 ${field(wrong)}`), 0x81);
  await wire.expectUsageError((client) => client.publish("t", "", { properties: { responseTopic: "\ud800" } }));
});

test("[MQTT-3.3.2-19] the content type is UTF-8", async () => {
  const wire = await connected();
  started(wire.client.publish("t", "", { properties: { contentType: "é" } }));
  expect(await wire.sent()).toBe(publish("74", "03 0002 c3a9"));
  for (const wrong of illFormed) await (await connected()).expectRefusal(publish("74", `03 ${field(wrong)}`), 0x81);
  await wire.expectUsageError((client) => client.publish("t", "", { properties: { contentType: "\ud800" } }));
});

test.each(["+", "#", "a/+", "a/#", "+/a", "a+b", "a#"])(
  "[MQTT-3.3.2-2] [MQTT-4.7.0-1] a topic name with wildcards is refused and not sent: %s",
  async (name) => {
    await (await connected()).expectRefusal(publish(utf8(name)), 0x90);
    await (await connected()).expectUsageError((client) => client.publish(name, ""));
    expect(() => new Bench().create({ will: { topic: name } })).toThrow("wildcard");
  },
);

test.each(["+", "#", "a/+", "a/#"])("[MQTT-3.3.2-14] the same holds for a response topic: %s", async (name) => {
  await (await connected()).expectRefusal(publish("74", `08 ${field(utf8(name))}`), 0x82);
  const properties = { responseTopic: name };
  await (await connected()).expectUsageError((client) => client.publish("t", "", { properties }));
});

test("[MQTT-4.7.3-1] an empty topic without alias is refused, and an empty name or filter is not sent", async () => {
  await (await connected({ properties: { topicAliasMaximum: 5 } })).expectRefusal(publish(""), 0x82);
  const wire = await connected();
  await wire.expectUsageError((client) => client.publish("", ""));
  await wire.expectUsageError((client) => client.subscribe(""));
  await wire.expectUsageError((client) => client.subscribe(["a", ""]));
  await wire.expectUsageError((client) => client.unsubscribe(""));
});

test("[MQTT-4.7.3-2] U+0000 in a topic is refused, and not sent in a name or filter", async () => {
  await (await connected()).expectRefusal(publish("61 00"), 0x81);
  const wire = await connected();
  await wire.expectUsageError((client) => client.publish("a\0", ""));
  await wire.expectUsageError((client) => client.subscribe("\0"));
  await wire.expectUsageError((client) => client.unsubscribe("\0a"));
});

test("[MQTT-4.7.3-3] names and filters may have up to 65,535 bytes, in both directions", async () => {
  const wire = await connected();
  const { client, peer, bench } = wire;
  for (const long of ["x".repeat(65_536), "é".repeat(32_768)]) {
    await wire.expectUsageError((each) => each.publish(long, ""));
    await wire.expectUsageError((each) => each.subscribe(long));
    await wire.expectUsageError((each) => each.unsubscribe(long));
  }
  const longest = "x".repeat(65_535);
  started(client.publish(longest, ""));
  expect((await wire.sent()).slice(0, 20)).toBe(hex("30 828004 ffff 78787878"));
  const got: string[] = [];
  await wire.peer.expect("publish");
  await subscribed(bench, client, peer, longest, { onMessage: ({ topic }) => got.push(topic) });
  wire.say(`30 828004 ffff ${"78".repeat(65_535)} 00`);
  await bench.clock.tick();
  expect(got).toEqual([longest]);
});

test.each(["a#", "a/#/b", "#/", "##", "+#", "a/b#"])("[MQTT-4.7.1-1] the filter %s is not sent", async (filter) => {
  const wire = await connected();
  await wire.expectUsageError((client) => client.subscribe(filter));
  await wire.expectUsageError((client) => client.unsubscribe(filter));
  await wire.expectUsageError((client) => client.subscribe(`$share/g/${filter}`));
});

test.each(["a+", "a/+b", "+a", "++", "a/b+/c"])("[MQTT-4.7.1-2] the filter %s is not sent", async (filter) => {
  const wire = await connected();
  await wire.expectUsageError((client) => client.subscribe(filter));
  await wire.expectUsageError((client) => client.unsubscribe(filter));
});

test.each(["#", "a/#", "+", "a/+/b", "+/+", "+/#"])(
  "[MQTT-4.7.1-1] [MQTT-4.7.1-2] %s is sent unchanged",
  async (filter) => {
    const wire = await connected({}, { properties: { subscriptionIdentifiersAvailable: false } });
    started(wire.client.subscribe(filter));
    expect(await wire.sent()).toBe(packet("82", `0001 00 ${field(utf8(filter))} 00`));
  },
);

test.each(["$share//t", "$share/"])("[MQTT-4.8.2-1] without a share name, %s is not sent", async (filter) => {
  const wire = await connected();
  await wire.expectUsageError((client) => client.subscribe(filter));
  await wire.expectUsageError((client) => client.unsubscribe(filter));
});

test.each(["$share/g", "$share/g/", "$share/g+/t", "$share/#/t", "$share/+/t"])(
  "[MQTT-4.8.2-2] with an invalid share name or no filter, %s is not sent",
  async (filter) => {
    const wire = await connected();
    await wire.expectUsageError((client) => client.subscribe(filter));
    await wire.expectUsageError((client) => client.unsubscribe(filter));
  },
);

test("[MQTT-4.8.2-1] [MQTT-4.8.2-2] a shared filter is sent unchanged", async () => {
  const wire = await connected({}, { properties: { subscriptionIdentifiersAvailable: false } });
  started(wire.client.subscribe("$share/g h//+/#"));
  expect(await wire.sent()).toBe(packet("82", `0001 00 ${field(utf8("$share/g h//+/#"))} 00`));
});
