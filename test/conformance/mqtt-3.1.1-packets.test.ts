// Chapters 1 to 3 of MQTT 3.1.1 except CONNECT: the content of the client's packets, and that the client closes the
// connection at packets that it must not accept.
import { type Client, ProtocolError, type QoS } from "@aiko/mqtt";
import { beforeEach, describe, expect, test } from "vitest";
import { malformedVectors } from "../../packages/mqtt/test/codec/vectors.ts";
import { hexOf, publish, Room, str, subscribed, type Wire, watch } from "./room.ts";

let room: Room;
beforeEach(() => {
  room = new Room(4);
});

/** The client gets these bytes, closes without a further packet, and reports the reason. */
async function expectClosedBy(hex: string): Promise<void> {
  const place = new Room(4);
  const { client, wire } = await place.online();
  const { topics } = await subscribed(client, wire, "#");
  const errors: unknown[] = [];
  client.on("disconnected", ({ error }) => errors.push(error));
  await wire.heard();
  await wire.say(hex);
  expect(wire.isClosed).toBe(true);
  expect(errors).toEqual([expect.any(ProtocolError)]);
  expect(await wire.heard()).toBe("");
  expect(topics).toEqual([]);
}

/** The API rejects the call, and nothing is sent. */
async function expectRefused(call: (client: Client) => Promise<unknown>): Promise<void> {
  const { client, wire } = await new Room(4).online();
  const outcome = watch(call(client));
  expect(await wire.heard()).toBe("");
  expect(outcome.error).toMatchObject({ name: "UsageError" });
  expect(wire.isClosed).toBe(false);
}

/** Every way in which text becomes a UTF-8 encoded string of a packet after CONNECT. */
const strings: Record<string, (client: Client, text: string) => Promise<unknown>> = {
  "a topic name": (client, text) => client.publish(text, ""),
  "a topic filter to subscribe to": (client, text) => client.subscribe(text),
  "a topic filter to unsubscribe from": (client, text) => client.unsubscribe(text),
};

/** A PUBLISH at QoS 0 with these bytes as the topic name. */
const withTopic = (hex: string) => {
  const length = hex.length / 2;
  return hexOf(Uint8Array.of(0x30, length + 2, 0, length)) + hex;
};

describe("[MQTT-1.5.3-1] ill-formed UTF-8", () => {
  test.each(["c0af", "eda080", "edbfbf", "ff", "61c3", "f4908080", "e08080", "80"])(
    "in an incoming topic name (%s) closes the connection",
    (hex) => expectClosedBy(withTopic(hex)),
  );

  test.each(Object.entries(strings))("is not sent as %s", async (_, call) => {
    for (const text of ["\ud800", "a\udfff", "\udc00\ud800"]) await expectRefused((client) => call(client, text));
  });
});

describe("[MQTT-1.5.3-2] U+0000", () => {
  test.each(["00", "610062"])("in an incoming topic name (%s) closes the connection", (hex) =>
    expectClosedBy(withTopic(hex)),
  );

  test.each(Object.entries(strings))("is not sent as %s", async (_, call) => {
    for (const text of ["\0", "a\0b"]) await expectRefused((client) => call(client, text));
  });
});

test("[MQTT-1.5.3-3] EF BB BF is U+FEFF, in both directions and at any position", async () => {
  const { client, wire } = await room.online();
  const { topics } = await subscribed(client, wire, "#");
  await wire.say(withTopic("efbbbf61efbbbf"));
  expect(topics).toEqual(["\ufeffa\ufeff"]);
  watch(client.publish("\ufeffb", ""));
  expect(await wire.heard()).toBe("3006" + "0004" + "efbbbf62");
});

/** Makes the client send every kind of packet that it can. Returns them all, CONNECT first. */
async function everything(): Promise<string[]> {
  const client = room.create({ keepAlive: 10 });
  const connecting = client.connect();
  const wire = await room.dialled();
  const packets = await wire.packets();
  await wire.say("20020000");
  await connecting;
  watch(client.subscribe("#", { qos: 2, onMessage: () => undefined }));
  const unsubscribing = watch(client.unsubscribe("x"));
  for (const qos of [0, 1, 2] as const) {
    for (const retain of [false, true]) watch(client.publish("t", "", { qos, retain }));
  }
  await wire.say("9003000102", "b0020002");
  expect(unsubscribing.settled).toBe(true);
  await wire.say("40020003", "40020004", "50020005");
  await wire.say(publish(0x32, "in", 1), publish(0x34, "in", 2), "62020002");
  await room.clock.advance(9_900);
  await wire.say("d000");
  await wire.cut();
  const next = await room.accept("20020100");
  await room.clock.tick();
  packets.push(...(await wire.packets()), ...(await next.packets()));
  watch(client.disconnect({ drainTimeout: 0 }));
  packets.push(...(await next.packets()));
  return packets;
}

describe("fixed headers", () => {
  test("[MQTT-2.2.2-1] the flags of each packet are those of table 2.2", async () => {
    const packets = await everything();
    const flags: Record<string, number[]> = {};
    for (const packet of packets) {
      const type = packet[0] as string;
      flags[type] = [...(flags[type] ?? []), Number.parseInt(packet[1] as string, 16)];
    }
    for (const [type, [first, ...others]] of Object.entries(flags)) {
      if (type === "3") continue;
      expect(first, `type ${type}`).toBe(type === "6" || type === "8" || type === "a" ? 2 : 0);
      for (const other of others) expect(other).toBe(first);
    }
    expect(Object.keys(flags).sort()).toEqual(["1", "3", "4", "5", "6", "7", "8", "a", "c", "e"]);
    expect(flags["3"]).toEqual([0, 1, 2, 3, 4, 5, 13]); // the last is the one whose PUBREC had not arrived
  });

  test.each([
    ["CONNACK", "2102 0000"],
    ["PUBACK", "4202 0001"],
    ["PUBREC", "5102 0001"],
    ["PUBREL 0", "6002 0001"],
    ["PUBREL 10", "6a02 0001"],
    ["PUBCOMP", "7802 0001"],
    ["SUBACK", "9203 0001 00"],
    ["UNSUBACK", "b102 0001"],
    ["PINGRESP", "d100"],
  ])("[MQTT-2.2.2-2] invalid flags of %s close the connection", (_, hex) => expectClosedBy(hex.replaceAll(" ", "")));

  test("[MQTT-2.2.2-2] invalid flags of the first CONNACK close the connection", async () => {
    const client = room.create({ reconnect: false });
    const connecting = watch(client.connect());
    const wire = await room.dialled();
    await wire.heard();
    await wire.say("22020000");
    expect(wire.isClosed).toBe(true);
    expect(connecting.error).toBeInstanceOf(ProtocolError);
  });

  test("[MQTT-3.6.1-1] PUBREL begins with 62, and another first byte closes the connection", async () => {
    const packets = await everything();
    const pubrels = packets.filter((packet) => packet.startsWith("6"));
    expect(pubrels).toEqual(["62020005", "62020005"]);
    for (let flags = 0; flags < 16; flags++) {
      if (flags !== 2) await expectClosedBy(`6${flags.toString(16)}020001`);
    }
  });

  test("[MQTT-3.8.1-1] SUBSCRIBE begins with 82", async () => {
    expect((await everything()).filter((packet) => packet.startsWith("8"))).toEqual([
      "8206" + "0001" + "0001" + "2302",
    ]);
  });

  test("[MQTT-3.10.1-1] UNSUBSCRIBE begins with a2", async () => {
    expect((await everything()).filter((packet) => packet.startsWith("a"))).toEqual(["a205" + "0002" + "0001" + "78"]);
  });
});

describe("packet identifiers", () => {
  const identifierOf = (packet: string): number => {
    const at = packet.startsWith("3") ? 8 + 2 * Number.parseInt(packet.slice(4, 8), 16) : 4;
    return Number.parseInt(packet.slice(at, at + 4), 16);
  };

  test("[MQTT-2.3.1-1] of SUBSCRIBE, UNSUBSCRIBE and PUBLISH above QoS 0 are never 0", async () => {
    const packets = (await everything()).filter((packet) => /^[8a]|^3[2-7a-f]/.test(packet));
    expect(packets.map(identifierOf)).toEqual([1, 2, 3, 4, 5, 6, 6]);
  });

  test.each([
    "3205000161" + "0000",
    "3405000161" + "0000",
    "40020000",
    "50020000",
    "62020000",
    "70020000",
    "9003000000",
  ])("[MQTT-2.3.1-1] 0 in an incoming packet (%s) closes the connection", (hex) => expectClosedBy(hex));

  test("[MQTT-2.3.1-2] are unused ones: those of unfinished flows of all three packets differ", async () => {
    const { client, wire } = await room.online();
    for (let i = 0; i < 100; i++) {
      watch(client.subscribe(`s${i}`));
      watch(client.publish(`p${i}`, "", { qos: 1 }));
      watch(client.unsubscribe(`u${i}`));
      watch(client.publish(`q${i}`, "", { qos: i < 10 ? 2 : 1 }));
    }
    const open = new Set((await wire.packets()).map(identifierOf));
    expect(open.size).toBe(400);
    // Some become free; the others are still not reused when all 65,535 have been used.
    await wire.say("40020002", "b0020003", "50020004", "70020004", "9003000501");
    for (const free of [2, 3, 4, 5]) open.delete(free);
    for (let i = 0; i < 65_535 - open.size; i++) watch(client.publish("x", "", { qos: 1 }));
    const fresh = (await wire.packets()).filter((packet) => packet.startsWith("3")).map(identifierOf);
    expect(fresh).toHaveLength(65_535 - open.size);
    expect(new Set([...fresh, ...open]).size).toBe(65_535);
  });

  test("[MQTT-2.3.1-3] stay with a resent packet, and are free only after its last acknowledgement", async () => {
    const { client, wire } = await room.online();
    watch(client.publish("a", "", { qos: 1 }));
    watch(client.publish("b", "", { qos: 2 }));
    expect(await wire.packets()).toEqual([publish(0x32, "a", 1), publish(0x34, "b", 2)]);
    await wire.cut();
    const next = await room.accept("20020100");
    expect(await next.packets()).toEqual([publish(0x3a, "a", 1), publish(0x3c, "b", 2)]);
    expect(await next.ask("50020002")).toBe("62020002");
    const use = async (count: number): Promise<number[]> => {
      for (let i = 0; i < count; i++) watch(client.publish("x", "", { qos: 1 }));
      return (await next.packets()).map(identifierOf);
    };
    expect(new Set(await use(65_533)).size).toBe(65_533);
    watch(client.publish("waits", "", { qos: 1 }));
    expect(await next.heard()).toBe("");
    expect(await next.ask("40020001")).toBe(publish(0x32, "waits", 1));
    watch(client.publish("waits too", "", { qos: 1 }));
    expect(await next.heard()).toBe("");
    expect(await next.ask("70020002")).toBe(publish(0x32, "waits too", 2));
  });

  test("[MQTT-2.3.1-5] are not in a PUBLISH of QoS 0: its payload follows the topic", async () => {
    const { client, wire } = await room.online();
    watch(client.publish("a", "bc"));
    expect(await wire.heard()).toBe("3005" + "0001" + "61" + "6263");
    const { subscription } = await subscribed(client, wire, "#");
    const payloads: string[] = [];
    watch(client.subscribe("a", { onMessage: ({ payload }) => payloads.push(hexOf(payload)) }));
    await wire.say("3005" + "0001" + "61" + "0001");
    expect(payloads).toEqual(["0001"]);
    expect(subscription.closed).toBe(false);
  });

  test("[MQTT-2.3.1-6] PUBACK, PUBREC and PUBREL carry the identifier of the PUBLISH", async () => {
    const { client, wire } = await room.online();
    await subscribed(client, wire, "#");
    for (const identifier of [1, 0x102, 0xff00, 0xffff]) {
      const hex = identifier.toString(16).padStart(4, "0");
      expect(await wire.ask(publish(0x32, "a", identifier))).toBe(`4002${hex}`);
      expect(await wire.ask(publish(0x34, "a", identifier))).toBe(`5002${hex}`);
      expect(await wire.ask(`6202${hex}`)).toBe(`7002${hex}`);
    }
    for (let i = 0; i < 20; i++) watch(client.publish("a", "", { qos: 2 }));
    for (const packet of await wire.packets()) {
      const hex = packet.slice(-4);
      expect(await wire.ask(`5002${hex}`)).toBe(`6202${hex}`);
    }
  });
});

describe("PUBLISH", () => {
  test("[MQTT-3.3.1-1] that is resent has DUP 1, on every further connection", async () => {
    const { client, wire } = await room.online();
    watch(client.publish("a", "", { qos: 1, retain: true }));
    watch(client.publish("b", "", { qos: 2 }));
    expect(await wire.packets()).toEqual([publish(0x33, "a", 1), publish(0x34, "b", 2)]);
    let last: Wire = wire;
    for (let i = 0; i < 2; i++) {
      await last.cut();
      last = await room.accept("20020100");
      expect(await last.packets()).toEqual([publish(0x3b, "a", 1), publish(0x3c, "b", 2)]);
    }
  });

  test("[MQTT-3.3.1-2] of QoS 0 has DUP 0, and is not resent", async () => {
    const { client, wire } = await room.online();
    watch(client.publish("a", ""));
    watch(client.publish("b", "", { retain: true }));
    expect(await wire.packets()).toEqual([publish(0x30, "a"), publish(0x31, "b")]);
    await wire.cut();
    expect(await (await room.accept("20020100")).heard()).toBe("");
  });

  test("[MQTT-3.3.1-2] of QoS 0 with DUP 1 closes the connection", () => expectClosedBy(publish(0x38, "a")));

  test.each([0x36, 0x37, 0x3e])("[MQTT-3.3.1-4] with both QoS bits set (%i) closes the connection", (first) =>
    expectClosedBy(publish(first, "a", 1)),
  );

  test("[MQTT-3.3.1-4] with both QoS bits set is not sent", () =>
    expectRefused((client) => client.publish("a", "", { qos: 3 as QoS })));

  test("[MQTT-3.3.2-1] has the topic name first, as UTF-8 with the length of its bytes", async () => {
    const { client, wire } = await room.online();
    watch(client.publish("é/€", "x", { qos: 1 }));
    expect(await wire.heard()).toBe("320b" + "0006" + "c3a92fe282ac" + "0001" + "78");
    const { topics } = await subscribed(client, wire, "#");
    await wire.say("320b" + "0006" + "c3a92fe282ac" + "0001" + "78");
    expect(topics).toEqual(["é/€"]);
  });

  test.each(["a/+", "#", "a#", "+"])(
    "[MQTT-3.3.2-2] to a topic name with a wildcard (%s) closes the connection",
    (topic) => expectClosedBy(publish(0x30, topic)),
  );

  test.each(["a/+", "#", "a#", "+"])("[MQTT-3.3.2-2] to a topic name with a wildcard (%s) is not sent", (topic) =>
    expectRefused((client) => client.publish(topic, "")),
  );

  test("[MQTT-3.3.4-1] is answered according to its QoS: not at all, with PUBACK, with PUBREC", async () => {
    const { client, wire } = await room.online();
    await subscribed(client, wire, "#");
    expect(await wire.ask(publish(0x30, "a"))).toBe("");
    expect(await wire.ask(publish(0x31, "a"))).toBe("");
    expect(await wire.ask(publish(0x32, "a", 7))).toBe("40020007");
    expect(await wire.ask(publish(0x3b, "a", 8))).toBe("40020008");
    expect(await wire.ask(publish(0x34, "a", 9))).toBe("50020009");
    expect(await wire.ask(publish(0x3d, "a", 10))).toBe("5002000a");
  });
});

describe("SUBSCRIBE and UNSUBSCRIBE", () => {
  test("[MQTT-3.8.3-1] topic filters to subscribe to are UTF-8", async () => {
    const { client, wire } = await room.online();
    watch(client.subscribe(["é/+", "€"], { qos: 1 }));
    const filters = `${str("é/+")}01${str("€")}01`;
    expect(await wire.heard()).toBe(`820f${"0001"}${filters}`);
    expect(filters).toBe("0004c3a92f2b01" + "0003e282ac01");
    await expectRefused((other) => other.subscribe("\ud800"));
  });

  test("[MQTT-3.8.3-3] SUBSCRIBE without a topic filter is not sent", () =>
    expectRefused((client) => client.subscribe([] as string[])));

  test("[MQTT-3.10.3-1] topic filters to unsubscribe from are UTF-8, one after the other", async () => {
    const { client, wire } = await room.online();
    watch(client.unsubscribe(["é/+", "b", "€"]));
    expect(await wire.heard()).toBe("a210" + "0001" + "0004c3a92f2b" + "000162" + "0003e282ac");
    await expectRefused((other) => other.unsubscribe("\ud800"));
  });

  test("[MQTT-3.10.3-2] UNSUBSCRIBE without a topic filter is not sent", () =>
    expectRefused((client) => client.unsubscribe([] as string[])));

  test.each([0x03, 0x04, 0x7f, 0x81, 0xff])(
    "[MQTT-3.9.3-2] the reserved return code %i closes the connection",
    (code) => expectClosedBy(`90030001${code.toString(16).padStart(2, "0")}`),
  );
});

describe("[MQTT-4.8.0-1] a protocol violation closes the connection:", () => {
  const fromServer = malformedVectors.filter(({ version, direction }) => version === 4 && direction !== "c2s");

  test.each(fromServer.filter(({ bytes }) => bytes[0] !== 0x20))("$id: $why", ({ bytes }) =>
    expectClosedBy(hexOf(bytes)),
  );

  test.each(fromServer.filter(({ bytes }) => (bytes[0] as number) >> 4 === 2))(
    "$id, as the first packet: $why",
    async ({ bytes }) => {
      const client = room.create({ reconnect: false });
      const connecting = watch(client.connect());
      const wire = await room.dialled();
      await wire.heard();
      await wire.say(hexOf(bytes));
      expect(wire.isClosed).toBe(true);
      expect(connecting.error).toBeInstanceOf(ProtocolError);
    },
  );

  test.each([
    ["a second CONNACK", "20020000"],
    ["CONNECT", "100d00044d51545404020000000163"],
    ["SUBSCRIBE", "8206000100016100"],
    ["UNSUBSCRIBE", "a2050001000161"],
    ["PINGREQ", "c000"],
    ["DISCONNECT", "e000"],
    ["AUTH of MQTT 5", "f000"],
    ["SUBACK with too few return codes", "9003ffff00", true],
  ])("%s from the server", async (_, hex, asked = false) => {
    if (!asked) {
      await expectClosedBy(hex);
      return;
    }
    const { client, wire } = await room.online();
    watch(client.subscribe(["a", "b"]));
    await wire.heard();
    await wire.say("9003000100");
    expect(wire.isClosed).toBe(true);
  });

  test.each(["30030001" + "61", "32050001610001", "40020001", "9003000100", "d000", "62020001"])(
    "any packet other than CONNACK as the first one (%s)",
    async (hex) => {
      const client = room.create({ reconnect: false });
      const connecting = watch(client.connect());
      const wire = await room.dialled();
      await wire.heard();
      await wire.say(hex);
      expect(wire.isClosed).toBe(true);
      expect(connecting.error).toBeInstanceOf(ProtocolError);
    },
  );
});
