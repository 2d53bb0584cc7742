// MQTT 3.1 where it differs from 3.1.1: the client's side of these rules, byte by byte.
import { type Client, ProtocolError, type QoS, RefusedError, UsageError } from "@aiko/mqtt";
import { beforeEach, describe, expect, test } from "vitest";
import { hexOf, publish, Room, str, subscribed, twoByte, type Wire, watch } from "./room.ts";

let room: Room;
beforeEach(() => {
  room = new Room(3);
});

const CONNECT = `100f${"0006"}4d5149736470${"03"}`;

/** The client gets these bytes, closes without a further packet, and reports the reason. */
async function expectClosedBy(hex: string): Promise<void> {
  const { client, wire } = await new Room(3).online();
  const { topics } = await subscribed(client, wire, "#");
  const errors: unknown[] = [];
  client.on("disconnected", ({ error }) => errors.push(error));
  await wire.say(hex);
  expect(wire.isClosed).toBe(true);
  expect(errors).toEqual([expect.any(ProtocolError)]);
  expect(await wire.heard()).toBe("");
  expect(topics).toEqual([]);
}

/** These bytes are accepted: the connection stays. */
async function expectTaken(wire: Wire, hex: string): Promise<void> {
  await wire.say(hex);
  expect(wire.isClosed).toBe(false);
}

async function expectRefused(call: (client: Client) => Promise<unknown>): Promise<void> {
  const { client, wire } = await new Room(3).online();
  const outcome = watch(call(client));
  expect(await wire.heard()).toBe("");
  expect(outcome.error).toMatchObject({ name: "UsageError" });
}

describe("CONNECT", () => {
  test("[MQTT31-1] begins with MQIsdp and 3", async () => {
    expect((await room.connectOf({})).hex).toBe(`${CONNECT}00${"0000"}${str("c")}`);
  });

  test("[MQTT31-4] if a server does not answer it, the client sends a new CONNECT over a new connection", async () => {
    const { client, wire } = await room.online({ connectTimeout: 3_000 });
    await wire.cut();
    const silent = await room.dialled();
    expect(await silent.heard()).toBe(`${CONNECT}00${"0000"}${str("c")}`);
    await room.clock.advance(2_999);
    expect(silent.isClosed).toBe(false);
    await room.clock.advance(1);
    expect(silent.isClosed).toBe(true);
    const next = await room.dialled();
    expect(await next.heard()).toBe(`${CONNECT}00${"0000"}${str("c")}`);
    await next.say("20020000");
    expect(client.connected).toBe(true);
  });

  test("[MQTT31-5] has a client identifier of 1 to 23 characters, which is generated if none is given", async () => {
    for (const clientId of ["", "x".repeat(24)]) {
      expect(() => room.create({ clientId })).toThrow(expect.objectContaining({ code: "CLIENT_ID_INVALID" }));
    }
    for (const clientId of ["x", "x".repeat(23), "é".repeat(23)]) {
      const { payload } = await new Room(3).connectOf({ clientId });
      expect(hexOf(payload[0] as Uint8Array)).toBe(hexOf(clientId));
    }
    const made = await room.connectOf({ clientId: undefined as unknown as string });
    expect(made.payload[0]?.length).toBeGreaterThan(0);
    expect(made.payload[0]?.length).toBeLessThanOrEqual(23);
  });

  test("[MQTT31-10] has the user name and the password whose flags it sets, and no password without a user name", async () => {
    expect(() => room.create({ password: "p" })).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
    for (const [credentials, flags] of [
      [[], 0],
      [["u"], 0x80],
      [["u", "p"], 0xc0],
      [["", ""], 0xc0],
    ] as const) {
      const [username, password] = credentials;
      const connect = await new Room(3).connectOf({
        ...(username !== undefined && { username }),
        ...(password !== undefined && { password }),
      });
      expect(connect.flags).toBe(flags);
      expect(connect.payload.map((field) => Buffer.from(field).toString())).toEqual(["c", ...credentials]);
    }
  });

  test("[MQTT31-12] allows user names of more than 12 characters", async () => {
    const { payload } = await room.connectOf({ username: "u".repeat(100) });
    expect(hexOf(payload[1] as Uint8Array)).toBe(hexOf("u".repeat(100)));
  });

  test("[MQTT31-13] allows passwords of more than 12 characters, as UTF-8", async () => {
    const { payload } = await room.connectOf({ username: "u", password: "é".repeat(50) });
    expect(hexOf(payload[2] as Uint8Array)).toBe("c3a9".repeat(50));
  });

  test("[MQTT31-14] allows only a will payload of ASCII, also an empty one", async () => {
    const { payload } = await room.connectOf({ will: { topic: "w", payload: "a\x7f" } });
    expect(hexOf(payload[2] as Uint8Array)).toBe("617f");
    expect((await new Room(3).connectOf({ will: { topic: "w" } })).payload[2]).toHaveLength(0);
    for (const wrong of ["é", Uint8Array.of(0x61, 0x80)]) {
      const other = new Room(3);
      const connecting = watch(other.create({ will: { topic: "w", payload: wrong } }).connect());
      const wire = await other.dialled();
      expect(await wire.heard()).toBe("");
      expect(connecting.error).toBeInstanceOf(UsageError);
      expect(connecting.error).toMatchObject({ code: "PAYLOAD_INVALID" });
    }
  });

  test("[MQTT31-42] is the only packet that is sent before CONNACK", async () => {
    const client = room.create();
    for (const qos of [0, 1, 2] as const) watch(client.publish("a", "", { qos }));
    watch(client.subscribe("f"));
    watch(client.connect());
    const wire = await room.dialled();
    watch(client.unsubscribe("g"));
    watch(client.publish("b", ""));
    expect(await wire.heard()).toBe(`${CONNECT}00${"0000"}${str("c")}`);
    await room.clock.advance(5_000);
    expect(await wire.heard()).toBe("");
    await wire.say("20020000");
    expect((await wire.packets()).map((packet) => packet.slice(0, 2))).toEqual(["82", "a2", "30", "32", "34", "30"]);
  });
});

describe("CONNACK", () => {
  test("[MQTT31-8] codes 1 to 5 are distinct errors, 6 to 255 are refused", async () => {
    const messages = new Set<string>();
    for (let code = 1; code < 256; code++) {
      const place = new Room(3);
      const connecting = watch(place.create({ reconnect: false }).connect());
      const wire = await place.dialled();
      await wire.heard();
      await wire.say(`2002${twoByte(code)}`);
      expect(wire.isClosed).toBe(true);
      if (code <= 5) {
        expect(connecting.error).toBeInstanceOf(RefusedError);
        expect(connecting.error).toMatchObject({ code: "CONNECT_REFUSED", reasonCode: code });
        messages.add((connecting.error as Error).message);
      } else {
        expect(connecting.error).toBeInstanceOf(ProtocolError);
      }
    }
    expect(messages.size).toBe(5);
  });

  test.each(["00", "01", "fe", "ff"])("[MQTT31-9] a first byte of %s is ignored", async (byte) => {
    for (const cleanStart of [false, true]) {
      const place = new Room(3);
      const client = place.create({ cleanStart });
      const connecting = watch(client.connect());
      const wire = await place.dialled();
      await wire.heard();
      await wire.say(`2002${byte}00`);
      expect(connecting.value).toMatchObject({ sessionPresent: false, protocolVersion: 3 });
      expect(wire.isClosed).toBe(false);
    }
  });

  test("[MQTT31-18] without a clean session, packets in flight are resent after any CONNACK that accepts", async () => {
    const { client, wire } = await room.online();
    const { topics } = await subscribed(client, wire, "#");
    watch(client.publish("a", "", { qos: 1 }));
    watch(client.publish("b", "", { qos: 2 }));
    await wire.heard();
    expect(await wire.ask(publish(0x34, "in", 9))).toBe("50020009");
    let last = wire;
    for (const connack of ["20020000", "20020100"]) {
      await last.cut();
      last = await room.accept(connack);
      const packets = await last.packets();
      expect(packets.filter((packet) => packet.startsWith("3"))).toEqual([
        publish(0x3a, "a", 2),
        publish(0x3c, "b", 3),
      ]);
      expect(await last.ask(publish(0x3c, "in", 9))).toBe("50020009");
    }
    expect(topics).toEqual(["in"]);
  });
});

describe("Keep Alive", () => {
  test("[MQTT31-20] an idle client sends PINGREQ within it, and closes if nothing arrives within another", async () => {
    const { wire } = await room.online({ keepAlive: 10 });
    await room.clock.advance(8_000);
    expect(await wire.heard()).toBe("");
    await room.clock.advance(2_000);
    expect(await wire.heard()).toBe("c000");
    await wire.say("d000");
    await room.clock.advance(10_000);
    expect(await wire.heard()).toBe("c000");
    expect(wire.isClosed).toBe(false);
    await room.clock.advance(10_000);
    expect(wire.isClosed).toBe(true);
  });
});

describe("DUP", () => {
  test("[MQTT31-21] is set on every resent PUBLISH and PUBREL, and on no packet that is sent first", async () => {
    const { client, wire } = await room.online();
    watch(client.publish("a", "", { qos: 1 }));
    watch(client.publish("b", "", { qos: 2 }));
    watch(client.publish("c", "", { qos: 2 }));
    expect(await wire.packets()).toEqual([publish(0x32, "a", 1), publish(0x34, "b", 2), publish(0x34, "c", 3)]);
    expect(await wire.ask("50020003")).toBe("62020003");
    expect(await wire.ask("50020003")).toBe("6a020003");
    await wire.cut();
    const next = await room.accept();
    expect(await next.packets()).toEqual([publish(0x3a, "a", 1), publish(0x3c, "b", 2), "6a020003"]);
    expect(await next.ask("50020002")).toBe("62020002");
  });

  test("[MQTT31-21] is accepted on PUBREL", async () => {
    const { client, wire } = await room.online();
    await subscribed(client, wire, "#");
    expect(await wire.ask(publish(0x34, "a", 1), "6a020001")).toBe("50020001" + "70020001");
  });

  test("[MQTT31-22] is a hint only: QoS 2 depends on the identifier, whatever DUP says", async () => {
    const { client, wire } = await room.online();
    const { topics } = await subscribed(client, wire, "#");
    expect(await wire.ask(publish(0x3c, "first, with DUP", 1))).toBe("50020001");
    expect(await wire.ask(publish(0x34, "again, without", 1))).toBe("50020001");
    expect(await wire.ask("62020001")).toBe("70020001");
    expect(await wire.ask(publish(0x3c, "new, with DUP", 1))).toBe("50020001");
    expect(await wire.ask(publish(0x3a, "one", 2), publish(0x3a, "one", 2))).toBe("4002000240020002");
    expect(topics).toEqual(["first, with DUP", "new, with DUP", "one", "one"]);
  });

  test("[MQTT31-37] nothing is resent while the connection stays; over the next, with DUP and the same identifier", async () => {
    const { client, wire } = await room.online();
    watch(client.publish("a", "", { qos: 1 }));
    watch(client.publish("b", "", { qos: 2 }));
    watch(client.subscribe("f"));
    watch(client.unsubscribe("g"));
    expect(await wire.packets()).toHaveLength(4);
    await room.clock.advance(59_000); // after a minute without SUBACK the client disconnects
    expect(await wire.heard()).toBe("");
    await wire.cut();
    const packets = await (await room.accept()).packets();
    expect(packets.filter((packet) => packet.startsWith("3"))).toEqual([publish(0x3a, "a", 1), publish(0x3c, "b", 4)]);
  });

  test("[MQTT31-39] messages in flight are redelivered after reconnecting, in both directions", async () => {
    const { client, wire } = await room.online();
    const { topics } = await subscribed(client, wire, "#");
    const sent = ["a", "b", "c"].map((topic, i) => watch(client.publish(topic, "", { qos: i === 0 ? 1 : 2 })));
    await wire.heard();
    expect(await wire.ask("50020004")).toBe("62020004");
    await wire.say(publish(0x34, "in", 1));
    await wire.cut();
    const next = await room.accept();
    const packets = await next.packets();
    expect(packets.filter((packet) => /^[36]/.test(packet))).toEqual([
      publish(0x3a, "a", 2),
      publish(0x3c, "b", 3),
      "6a020004",
    ]);
    expect(await next.ask(publish(0x3c, "in", 1), "62020001")).toBe("50020001" + "70020001");
    await next.say("40020002", "50020003", "70020003", "70020004");
    expect(sent.map(({ value }) => value?.reasonCode)).toEqual([0, 0, 0]);
    expect(topics).toEqual(["in"]);
  });
});

describe("fixed headers", () => {
  test("[MQTT31-23] PUBREL, SUBSCRIBE and UNSUBSCRIBE are sent with QoS 1", async () => {
    const { client, wire } = await room.online();
    watch(client.subscribe("f", { qos: 2 }));
    watch(client.unsubscribe("g"));
    watch(client.publish("a", "", { qos: 2 }));
    expect((await wire.packets()).map((packet) => packet.slice(0, 2))).toEqual(["82", "a2", "34"]);
    expect(await wire.ask("50020003")).toBe("62020003");
  });

  test("[MQTT31-24] the other packets are sent with flags 0, and accepted with any", async () => {
    const client = room.create({ keepAlive: 10 });
    watch(client.connect());
    const wire = await room.dialled();
    expect((await wire.heard()).slice(0, 2)).toBe("10");
    await wire.say("2f020000");
    expect(client.connected).toBe(true);
    const subscribing = watch(client.subscribe("#", { qos: 2, onMessage: () => undefined }));
    const unsubscribing = watch(client.unsubscribe("g"));
    const sent = watch(client.publish("a", "", { qos: 1 }));
    const other = watch(client.publish("b", "", { qos: 2 }));
    await wire.heard();
    await expectTaken(wire, "9f03000102" + "b1020002" + "4a020003" + "58020004" + "75020004");
    expect([subscribing, unsubscribing, sent, other].map(({ settled, error }) => [settled, error])).toEqual(
      Array.from({ length: 4 }, () => [true, undefined]),
    );
    await wire.heard();
    expect(await wire.ask(publish(0x32, "a", 1), publish(0x34, "b", 2))).toBe("40020001" + "50020002");
    expect(await wire.ask("60020002")).toBe("70020002");
    await room.clock.advance(9_900);
    expect(await wire.heard()).toBe("c000");
    await expectTaken(wire, "d900");
    watch(client.disconnect());
    expect(await wire.heard()).toBe("e000");
  });

  test("[MQTT31-25] QoS 3 is neither sent nor accepted", async () => {
    await expectRefused((client) => client.publish("a", "", { qos: 3 as QoS }));
    await expectRefused((client) => client.subscribe("a", { qos: 3 as QoS }));
    expect(() => room.create({ will: { topic: "w", qos: 3 as QoS } })).toThrow(UsageError);
    for (const first of [0x36, 0x37, 0x3e, 0x3f]) await expectClosedBy(publish(first, "a", 1));
  });

  test("[MQTT31-46] a remaining length of five bytes and the types 0 and 15 close the connection", async () => {
    for (const hex of ["308080808001", "d080808080", "3080808080", "0000", "f000", "0f00", "ff00", "00", "f0"]) {
      await expectClosedBy(hex);
    }
  });
});

describe("message identifiers", () => {
  test("[MQTT31-26] are never 0, are unique among those in flight, and are separate for each direction", async () => {
    const { client, wire } = await room.online();
    const { topics } = await subscribed(client, wire, "#");
    for (let i = 0; i < 10; i++) watch(client.publish("a", "", { qos: i % 2 === 0 ? 1 : 2 }));
    watch(client.subscribe("f"));
    watch(client.unsubscribe("g"));
    const identifiers = (await wire.packets()).map((packet) => packet.slice(packet[0] === "3" ? 10 : 4).slice(0, 4));
    expect(new Set(identifiers).size).toBe(12);
    expect(identifiers).not.toContain("0000");
    // The same identifiers from the other side, while these are open.
    for (const identifier of identifiers) {
      expect(await wire.ask(publish(0x32, "in", Number.parseInt(identifier, 16)))).toBe(`4002${identifier}`);
    }
    expect(topics).toHaveLength(12);
    for (const hex of [`${publish(0x32, "a").replace("3203", "3205")}0000`, "40020000", "62020000"]) {
      await expectClosedBy(hex);
    }
  });
});

describe("text", () => {
  test("[MQTT31-29] has its length in bytes; the documented policy is strict UTF-8, as in later versions", async () => {
    const { client, wire } = await room.online();
    const { topics } = await subscribed(client, wire, "#");
    watch(client.publish("é€\u{1d11e}", "x"));
    expect(await wire.heard()).toBe("300c" + "0009" + "c3a9" + "e282ac" + "f09d849e" + "78");
    await wire.say("300c" + "0009" + "c3a9" + "e282ac" + "f09d849e" + "78");
    expect(topics).toEqual(["é€\u{1d11e}"]);
    for (const hex of ["c080", "eda0bdedb880"])
      await expectClosedBy(`30${twoByte(hex.length / 2 + 2).slice(2)}${twoByte(hex.length / 2)}${hex}`);
  });

  test("[MQTT31-30] a topic name has no wildcard and at most 32,767 characters", async () => {
    for (const topic of ["a/+", "#"]) {
      await expectRefused((client) => client.publish(topic, ""));
      await expectClosedBy(publish(0x30, topic));
    }
    const { client, wire } = await room.online();
    for (const qos of [0, 1, 2] as const) {
      const tooLong = watch(client.publish("x".repeat(32_768), "", { qos }));
      expect(await wire.heard()).toBe("");
      expect(tooLong.error).toMatchObject({ name: "UsageError", code: "TOPIC_NAME_INVALID" });
    }
    const long = "x".repeat(32_767);
    watch(client.publish(long, "", { qos: 1 }));
    expect((await wire.heard()) === `32838002${str(long)}0001`).toBe(true); // toBe would print pages
    watch(client.publish("é".repeat(32_767), ""));
    expect((await wire.heard()).slice(0, 16)).toBe("30808004" + "fffe" + "c3a9");
  });

  test("[MQTT31-30] a topic that was queued before the version 3.1 was known is rejected too", async () => {
    const client = room.create();
    const tooLong = watch(client.publish("x".repeat(32_768), "", { qos: 1 }));
    watch(client.connect());
    const wire = await room.accept();
    expect(await wire.heard()).toBe("");
    expect(tooLong.error).toMatchObject({ code: "TOPIC_NAME_INVALID" });
  });

  test("[MQTT31-43] $ topics do not match subscriptions that begin with a wildcard, a documented choice", async () => {
    const { client, wire } = await room.online();
    const all = await subscribed(client, wire, "#");
    const one = await subscribed(client, wire, "+/b");
    const named = await subscribed(client, wire, "$SYS/#");
    const several = await subscribed(client, wire, "a/+/#");
    await wire.say(...["$SYS/b", "a/b", "a/b/c/d", "a"].map((topic) => publish(0x30, topic)));
    expect(all.topics).toEqual(["a/b", "a/b/c/d", "a"]);
    expect(one.topics).toEqual(["a/b"]);
    expect(named.topics).toEqual(["$SYS/b"]);
    expect(several.topics).toEqual(["a/b", "a/b/c/d"]);
    for (const filter of ["a#", "a/#/b", "a+", "+a/b"]) await expectRefused((other) => other.subscribe(filter));
  });
});

describe("messages", () => {
  test("[MQTT31-31] may have no payload, in both directions", async () => {
    const { client, wire } = await room.online();
    const lengths: number[] = [];
    await subscribed(client, wire, "#", { onMessage: ({ payload }) => lengths.push(payload.length) });
    watch(client.publish("a", ""));
    watch(client.publish("a", new Uint8Array(0), { qos: 1 }));
    expect(await wire.packets()).toEqual(["3003" + "000161", "3205" + "000161" + "0002"]);
    expect(await wire.ask("3003" + "000161", "3205" + "000161" + "0001")).toBe("40020001");
    expect(lengths).toEqual([0, 0]);
  });

  test("[MQTT31-34] SUBACK's granted QoS are read in the order of SUBSCRIBE; 0x80 is reported", async () => {
    const { client, wire } = await room.online();
    const subscribing = client.subscribe(["a", "b", "c", "d"], { qos: 2, onMessage: () => undefined });
    expect(await wire.heard()).toBe(
      `8212${"0001"}${["a", "b", "c", "d"].map((filter) => `${str(filter)}02`).join("")}`,
    );
    await wire.say("9006" + "0001" + "02" + "00" + "01" + "80");
    const { granted } = await subscribing;
    expect(granted.map(({ topicFilter, qos }) => [topicFilter, qos])).toEqual([
      ["a", 2],
      ["b", 0],
      ["c", 1],
      ["d", undefined],
    ]);
    expect(granted[3]?.error).toBeInstanceOf(RefusedError);
    expect(wire.isClosed).toBe(false);
  });

  test("[MQTT31-35] PUBLISH may come before the SUBACK of its subscription", async () => {
    const { client, wire } = await room.online({ cleanStart: true });
    const topics: string[] = [];
    const subscribing = watch(client.subscribe("a", { qos: 1, onMessage: ({ topic }) => topics.push(topic) }));
    await wire.heard();
    expect(await wire.ask(publish(0x30, "a"), publish(0x32, "a", 1))).toBe("40020001");
    expect(topics).toEqual(["a", "a"]);
    expect(subscribing.settled).toBe(false);
    await wire.say("9003000101");
    expect(subscribing.settled).toBe(true);
  });

  test("[MQTT31-36] the requested QoS is in a byte of its own, whose upper bits are 0", async () => {
    const { client, wire } = await room.online();
    for (const qos of [0, 1, 2] as const) {
      watch(client.subscribe("a", { qos }));
      expect(await wire.heard()).toBe(`8206${twoByte(qos + 1)}${str("a")}0${qos}`);
    }
  });

  test("[MQTT31-40] acknowledgements are sent in the order of receipt, and a window of one keeps all messages in order", async () => {
    const { client, wire } = await room.online();
    const releases: (() => void)[] = [];
    const onMessage = () => new Promise<void>((resolve) => releases.push(resolve));
    for (const topic of ["a", "b", "c", "d"]) await subscribed(client, wire, topic, { onMessage });
    await wire.say(publish(0x32, "a", 4), publish(0x34, "b", 3), publish(0x32, "c", 2), publish(0x34, "d", 1));
    for (const release of releases.reverse()) {
      release();
      await room.clock.tick();
    }
    expect(await wire.packets()).toEqual(["40020004", "50020003", "40020002", "50020001"]);
    expect(await wire.ask("62020001", "62020003")).toBe("70020001" + "70020003");
    for (let i = 0; i < 4; i++) watch(client.publish("t", `${i}`, { qos: 2 }));
    const sent = await wire.packets();
    expect(sent).toEqual([0, 1, 2, 3].map((i) => publish(0x34, "t", 5 + i, `${i}`)));
    expect(await wire.ask("50020005", "50020006", "50020007", "50020008")).toBe(
      "62020005" + "62020006" + "62020007" + "62020008",
    );
  });

  test("[MQTT31-45] QoS 1 and 2 work as in 3.1.1: one identifier through the flow, one delivery until PUBREL", async () => {
    const { client, wire } = await room.online();
    const { topics } = await subscribed(client, wire, "#");
    const [one, two] = [watch(client.publish("a", "", { qos: 1 })), watch(client.publish("b", "", { qos: 2 }))];
    expect(await wire.packets()).toEqual([publish(0x32, "a", 2), publish(0x34, "b", 3)]);
    expect(await wire.ask("40020002")).toBe("");
    expect(await wire.ask("50020003")).toBe("62020003");
    expect([one.settled, two.settled]).toEqual([true, false]);
    expect(await wire.ask("70020003")).toBe("");
    expect(two.value).toMatchObject({ qos: 2, reasonCode: 0 });
    expect(await wire.ask(publish(0x32, "in", 7))).toBe("40020007");
    expect(await wire.ask(publish(0x34, "in", 7), publish(0x34, "in", 7))).toBe("50020007" + "50020007");
    expect(await wire.ask("62020007")).toBe("70020007");
    expect(await wire.ask(publish(0x34, "new", 7))).toBe("50020007");
    expect(topics).toEqual(["in", "in", "new"]);
  });
});
