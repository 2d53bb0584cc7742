// MQTT 5.0, chapter 4 without topics and authentication: state, delivery at each QoS, resending and order.
import { expect, test } from "vitest";
import { subscribed, watch } from "../../packages/mqtt/test/client/bench.ts";
import { connected, hex, started, type Wire } from "./wire.ts";

const publish = (first: string, identifier: number, payload = "78") =>
  hex(`${first} 07 0001 74 ${identifier.toString(16).padStart(4, "0")} 00 ${payload}`);
const ack = (first: string, identifier: number) => `${first}02${identifier.toString(16).padStart(4, "0")}`;

/** A client with this many messages of this QoS in flight. */
async function publishing(qos: 1 | 2, count = 1): Promise<Wire> {
  const wire = await connected();
  for (let i = 0; i < count; i++) started(wire.client.publish("t", "x", { qos }));
  const first = qos === 1 ? "32" : "34";
  expect(await wire.sent()).toBe(Array.from({ length: count }, (_, i) => publish(first, i + 1)).join(""));
  return wire;
}

/** Records the texts of the received messages. */
async function listening(options = {}): Promise<{ wire: Wire; got: string[] }> {
  const wire = await connected(options);
  const got: string[] = [];
  await subscribed(wire.bench, wire.client, wire.peer, "#", { onMessage: (each) => got.push(each.text()) });
  await wire.sent();
  return { wire, got };
}

test("[MQTT-4.1.0-1] while the connection is open its state is kept, for days and without a session expiry interval", async () => {
  const { wire, got } = await listening({ properties: { sessionExpiryInterval: 0 } });
  const outcomes = ([1, 2] as const).map((qos) => watch(wire.client.publish("t", "x", { qos })));
  expect(await wire.sent()).toBe(publish("32", 2) + publish("34", 3));
  expect(await wire.answerTo(publish("34", 9, "61"))).toBe(ack("50", 9));
  await wire.bench.clock.advance(7 * 24 * 3_600_000);
  expect(await wire.answerTo(publish("34", 9, "61"), ack("62", 9))).toBe(ack("50", 9) + ack("70", 9));
  expect(await wire.answerTo(publish("32", 4, "62"))).toBe(ack("40", 4));
  expect(await wire.answerTo(ack("40", 2), ack("50", 3))).toBe(ack("62", 3));
  expect(await wire.answerTo(ack("70", 3))).toBe("");
  expect(outcomes.map(({ value }) => value?.qos)).toEqual([1, 2]);
  expect(got).toEqual(["a", "b"]);
});

test("[MQTT-4.3.1-1] QoS 0 is sent once, with QoS 0 and DUP 0", async () => {
  const wire = await connected();
  started(wire.client.publish("t", "x"), wire.client.publish("t", "x", { retain: true }));
  expect(await wire.sent()).toBe(hex("30 05 0001 74 00 78 31 05 0001 74 00 78"));
  await wire.bench.clock.advance(1_000_000);
  expect(await wire.reconnect()).toBe("");
});

test.each([1, 2] as const)(
  "[MQTT-4.3.2-1] [MQTT-4.3.2-2] [MQTT-4.3.3-1] [MQTT-4.3.3-2] each new message has its own identifier, its QoS and DUP 0: QoS %i",
  async (qos) => {
    const wire = await publishing(qos, 30);
    for (let id = 1; id <= 30; id += 2) wire.say(...(qos === 1 ? [ack("40", id)] : [ack("50", id), ack("70", id)]));
    await wire.sent();
    const inUse = Array.from({ length: 15 }, (_, i) => 2 * (i + 1));
    for (let i = 0; i < 30; i++) started(wire.client.publish("t", "x", { qos }));
    const sent = (await wire.sent()).match(/.{18}/g) ?? [];
    expect(sent).toHaveLength(30);
    const identifiers = sent.map((each) => Number.parseInt(each.slice(10, 14), 16));
    expect(new Set([...identifiers, ...inUse]).size).toBe(45);
    expect(new Set(sent.map((each) => each.slice(0, 2)))).toEqual(new Set([qos === 1 ? "32" : "34"]));
  },
);

test("[MQTT-4.3.2-3] a QoS 1 message is unacknowledged until its own PUBACK", async () => {
  const wire = await publishing(1, 3);
  expect(await wire.answerTo(ack("40", 2), ack("40", 7))).toBe("");
  expect(await wire.reconnect()).toBe(publish("3a", 1) + publish("3a", 3));
  expect(await wire.reconnect()).toBe(publish("3a", 1) + publish("3a", 3));
  expect(await wire.answerTo(ack("40", 1), ack("40", 3))).toBe("");
  expect(await wire.reconnect()).toBe("");
});

test("[MQTT-4.3.2-4] QoS 1 is answered with PUBACK and its identifier when the application has the message", async () => {
  const wire = await connected();
  let finish: () => void = () => undefined;
  await subscribed(wire.bench, wire.client, wire.peer, "#", {
    onMessage: () =>
      new Promise<void>((resolve) => {
        finish = resolve;
      }),
  });
  await wire.sent();
  expect(await wire.answerTo(publish("32", 0xabcd))).toBe("");
  finish();
  expect(await wire.sent()).toBe(ack("40", 0xabcd));
});

test("[MQTT-4.3.2-5] after its PUBACK the identifier stands for a new message, whatever DUP says", async () => {
  const { wire, got } = await listening();
  for (const [first, payload] of [
    ["32", "61"],
    ["32", "62"],
    ["3a", "63"],
    ["3a", "63"],
  ] as const) {
    expect(await wire.answerTo(publish(first, 5, payload))).toBe(ack("40", 5));
  }
  expect(got).toEqual(["a", "b", "c", "c"]);
});

test("[MQTT-4.3.3-3] a QoS 2 message is unacknowledged until its own PUBREC", async () => {
  const wire = await publishing(2, 2);
  expect(await wire.answerTo(ack("50", 2))).toBe(ack("62", 2));
  expect(await wire.reconnect()).toBe(publish("3c", 1) + ack("62", 2));
  expect(await wire.reconnect()).toBe(publish("3c", 1) + ack("62", 2));
});

test.each([
  ["50 02 0001", true],
  ["50 03 0001 00", true],
  ["50 03 0001 10", true],
  ["50 04 0001 10 00", true],
  ["50 03 0001 80", false],
  ["50 03 0001 97", false],
])("[MQTT-4.3.3-4] PUBREC %s is answered with PUBREL: %s", async (pubrec, answered) => {
  const wire = await publishing(2);
  expect(await wire.answerTo(pubrec)).toBe(answered ? ack("62", 1) : "");
});

test("[MQTT-4.3.3-5] [MQTT-4.3.3-6] PUBREL is unacknowledged until PUBCOMP, and its PUBLISH is not resent", async () => {
  const wire = await publishing(2);
  expect(await wire.answerTo(ack("50", 1))).toBe(ack("62", 1));
  for (let i = 0; i < 3; i++) expect(await wire.reconnect()).toBe(ack("62", 1));
  expect(await wire.answerTo(ack("70", 1))).toBe("");
  expect(await wire.reconnect()).toBe("");
});

test("[MQTT-4.3.3-7] a message that was sent no longer expires", async () => {
  const wire = await connected();
  const outcome = watch(wire.client.publish("t", "x", { qos: 2, properties: { messageExpiryInterval: 1 } }));
  expect(await wire.sent()).toBe(hex("34 0c 0001 74 0001 05 02 00000001 78"));
  await wire.bench.clock.advance(5_000);
  expect(await wire.reconnect()).toBe(hex("3c 0c 0001 74 0001 05 02 00000000 78"));
  await wire.bench.clock.advance(5_000);
  expect(await wire.answerTo(ack("50", 1))).toBe(ack("62", 1));
  await wire.bench.clock.advance(5_000);
  expect(await wire.reconnect()).toBe(ack("62", 1));
  expect(await wire.answerTo(ack("70", 1))).toBe("");
  expect(outcome.value).toMatchObject({ qos: 2, reasonCode: 0 });
});

test("[MQTT-4.3.3-8] [MQTT-4.3.3-11] [MQTT-4.3.3-12] QoS 2: PUBREC, PUBCOMP at PUBREL, and then a new message", async () => {
  const { wire, got } = await listening();
  for (const payload of ["61", "62", "62"]) {
    expect(await wire.answerTo(publish("34", 0xabcd, payload))).toBe(ack("50", 0xabcd));
    expect(await wire.answerTo(ack("62", 0xabcd))).toBe(ack("70", 0xabcd));
  }
  expect(await wire.answerTo(ack("62", 0xabcd))).toBe(hex("70 03 abcd 92"));
  expect(got).toEqual(["a", "b", "b"]);
});

test("[MQTT-4.3.3-9] after a PUBREC that refused, the identifier stands for a new message", async () => {
  const wire = await connected();
  const got: string[] = [];
  await subscribed(wire.bench, wire.client, wire.peer, "#", {
    onMessage: (message) => {
      got.push(message.text());
      if (got.length < 3) throw new Error("no");
    },
  });
  await wire.sent();
  expect(await wire.answerTo(publish("34", 5, "61"))).toBe(hex("50 03 0005 83"));
  expect(await wire.answerTo(publish("34", 5, "61"))).toBe(hex("50 03 0005 83"));
  expect(await wire.answerTo(publish("34", 5, "62"))).toBe(ack("50", 5));
  expect(got).toEqual(["a", "a", "b"]);
});

test("[MQTT-4.3.3-10] a QoS 2 message that is resent before PUBREL is acknowledged again, and delivered once", async () => {
  const { wire, got } = await listening();
  expect(await wire.answerTo(publish("34", 5, "61"), publish("3c", 5, "61"))).toBe(ack("50", 5) + ack("50", 5));
  await wire.reconnect();
  expect(await wire.answerTo(publish("3c", 5, "61"))).toBe(ack("50", 5));
  expect(await wire.answerTo(ack("62", 5))).toBe(ack("70", 5));
  expect(got).toEqual(["a"]);
});

test("[MQTT-4.3.3-13] a message that expired meanwhile still completes its acknowledgements", async () => {
  const wire = await connected();
  let finish: () => void = () => undefined;
  const onMessage = () =>
    new Promise<void>((resolve) => {
      finish = resolve;
    });
  await subscribed(wire.bench, wire.client, wire.peer, "#", { onMessage });
  await wire.sent();
  expect(await wire.answerTo("34 0c 0001 74 0005 05 02 00000001 78")).toBe("");
  await wire.bench.clock.advance(10_000);
  finish();
  expect(await wire.sent()).toBe(ack("50", 5));
  await wire.bench.clock.advance(10_000);
  expect(await wire.answerTo(ack("62", 5))).toBe(ack("70", 5));
});

test("[MQTT-4.4.0-1] unacknowledged packets are resent at the next connection with their identifiers, and at no other time", async () => {
  const wire = await connected();
  started(wire.client.publish("t", "x", { qos: 1 }), wire.client.publish("t", "x", { qos: 2 }));
  started(wire.client.publish("t", "x", { qos: 2 }));
  expect(await wire.sent()).toBe(publish("32", 1) + publish("34", 2) + publish("34", 3));
  expect(await wire.answerTo(ack("50", 3))).toBe(ack("62", 3));
  await wire.bench.clock.advance(24 * 3_600_000);
  expect(await wire.sent()).toBe("");
  expect(await wire.reconnect()).toBe(publish("3a", 1) + publish("3c", 2) + ack("62", 3));
  await wire.bench.clock.advance(24 * 3_600_000);
  expect(await wire.sent()).toBe("");
});

test.each([
  [1, "40 03 0001 87"],
  [2, "50 03 0001 87"],
] as const)("[MQTT-4.4.0-2] a refused message of QoS %i is acknowledged, and not resent", async (qos, answer) => {
  const wire = await publishing(qos);
  expect(await wire.answerTo(answer)).toBe("");
  expect(await wire.reconnect()).toBe("");
});

test("[MQTT-4.6.0-1] messages are resent in their original order", async () => {
  const wire = await connected();
  for (let i = 0; i < 20; i++) started(wire.client.publish("t", "x", { qos: i % 3 === 0 ? 2 : 1 }));
  await wire.sent();
  wire.say(ack("40", 6), ack("40", 3), ack("40", 15), ack("50", 13), ack("70", 13));
  await wire.sent();
  const left = Array.from({ length: 20 }, (_, i) => i + 1).filter((id) => ![6, 3, 15, 13].includes(id));
  const expected = left.map((id) => publish((id - 1) % 3 === 0 ? "3c" : "3a", id)).join("");
  for (let i = 0; i < 2; i++) expect(await wire.reconnect()).toBe(expected);
});

test.each([
  ["[MQTT-4.6.0-2] PUBACK", "32", "40"],
  ["[MQTT-4.6.0-3] PUBREC", "34", "50"],
])("%s is sent in the order of the messages, whichever handler finishes first", async (_, first, answer) => {
  const wire = await connected();
  const finish = new Map<string, () => void>();
  for (const topic of ["a", "b", "c", "d"]) {
    await subscribed(wire.bench, wire.client, wire.peer, topic, {
      onMessage: () => new Promise<void>((resolve) => finish.set(topic, resolve)),
    });
  }
  await wire.sent();
  ["61", "62", "63", "64"].forEach((topic, i) => {
    wire.say(`${first} 07 0001 ${topic} 00${40 - i} 00 78`);
  });
  expect(await wire.sent()).toBe("");
  const when = async (topic: string) => {
    finish.get(topic)?.();
    return wire.sent();
  };
  expect(await when("d")).toBe("");
  expect(await when("b")).toBe("");
  expect(await when("a")).toBe(hex(`${answer} 02 0040 ${answer} 02 0039`));
  expect(await when("c")).toBe(hex(`${answer} 02 0038 ${answer} 02 0037`));
});

test("[MQTT-4.6.0-4] PUBREL is sent in the order of PUBREC", async () => {
  const wire = await publishing(2, 4);
  const order = [3, 1, 4, 2];
  expect(await wire.answerTo(...order.map((id) => ack("50", id)))).toBe(order.map((id) => ack("62", id)).join(""));
});

test("[MQTT-4.9.0-1] messages are sent without a receive maximum, and with a receive maximum of 1", async () => {
  for (const properties of [{}, { receiveMaximum: 1 }, { receiveMaximum: 65_535 }]) {
    const wire = await connected({}, { properties });
    started(wire.client.publish("t", "x", { qos: 1 }));
    expect(await wire.sent()).toBe(publish("32", 1));
  }
});
