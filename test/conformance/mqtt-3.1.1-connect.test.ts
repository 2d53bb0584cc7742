// Chapter 3.1 of MQTT 3.1.1, CONNECT, and the related parts of 3.2 and 3.14: the statements that no other test covers.
import { type ConnectOptions, createClient, type QoS, RefusedError } from "@aiko/mqtt";
import { beforeEach, describe, expect, test } from "vitest";
import { MemoryStore } from "../../packages/mqtt/src/store/memory-store.ts";
import { hexOf, publish, Room, str, subscribed, watch } from "./room.ts";

let room: Room;
beforeEach(() => {
  room = new Room(4);
});

const usage = (code: string) => expect.objectContaining({ name: "UsageError", code });

/** Every combination of the fields that CONNECT's flags announce. */
const combinations: ConnectOptions[] = [];
for (const topic of [undefined, "w"]) {
  for (const qos of topic === undefined ? [0 as QoS] : ([0, 1, 2] as const)) {
    for (const retain of topic === undefined ? [false] : [false, true]) {
      for (const [username, password] of [[], ["u"], ["u", "p"], ["", ""]]) {
        for (const cleanStart of [false, true]) {
          combinations.push({
            cleanStart,
            ...(topic !== undefined && { will: { topic, payload: "m", qos, retain } }),
            ...(username !== undefined && { username }),
            ...(password !== undefined && { password }),
          });
        }
      }
    }
  }
}

/** Calls `check` with the bytes of each combination's CONNECT. */
async function eachConnect(
  check: (connect: { name: string; level: number; flags: number; payload: string[] }, options: ConnectOptions) => void,
): Promise<void> {
  expect(combinations).toHaveLength(56);
  for (const options of combinations) {
    const { payload, ...rest } = await new Room(4).connectOf(options);
    check({ ...rest, payload: payload.map((field) => Buffer.from(field).toString()) }, options);
  }
}

describe("the first packet", () => {
  test("[MQTT-3.1.0-1] is CONNECT, whatever the application requested before", async () => {
    const client = room.create();
    for (const qos of [0, 1, 2] as const) watch(client.publish("a", "", { qos }));
    watch(client.subscribe("f"));
    watch(client.unsubscribe("g"));
    watch(client.connect());
    const wire = await room.dialled();
    expect(await wire.heard()).toBe("100d00044d515454040000000001" + "63");
    await wire.say("20020000");
    expect((await wire.packets()).map((packet) => packet.slice(0, 2))).toEqual(["82", "a2", "30", "32", "34"]);
  });

  test("[MQTT-3.1.0-1] is CONNECT on every further connection too", async () => {
    const { client, wire } = await room.online();
    watch(client.publish("a", "", { qos: 1 }));
    await wire.heard();
    await wire.cut();
    expect(await (await room.dialled()).heard()).toBe("100d00044d51545404000000000163");
  });
});

describe("will", () => {
  test("[MQTT-3.1.2-9] with Will Flag 1 there are Will Topic and Will Message, with their QoS and Retain", async () => {
    await eachConnect(({ flags, payload }, { will }) => {
      expect((flags & 4) !== 0).toBe(will !== undefined);
      if (will === undefined) return;
      expect(payload.slice(1, 3)).toEqual(["w", "m"]);
      expect((flags >> 3) & 3).toBe(will.qos);
      expect((flags & 0x20) !== 0).toBe(will.retain);
    });
  });

  test("[MQTT-3.1.2-9] an empty Will Message is present too", async () => {
    const { hex } = await room.connectOf({ will: { topic: "w" } });
    expect(hex).toBe(`1012${str("MQTT")}04040000${str("c")}${str("w")}0000`);
  });

  test("[MQTT-3.1.2-11] without a will, Will Flag, Will QoS and Will Retain are 0 and its fields are absent", async () => {
    await eachConnect(({ flags, payload }, { will, username, password }) => {
      if (will !== undefined) return;
      expect(flags & 0x3c).toBe(0);
      expect(payload).toEqual(["c", username, password].filter((field) => field !== undefined));
    });
  });

  test("[MQTT-3.1.2-13] without a will, Will QoS is 0", async () => {
    await eachConnect(({ flags }, { will }) => {
      if (will === undefined) expect((flags >> 3) & 3).toBe(0);
    });
  });

  test("[MQTT-3.1.2-15] without a will, Will Retain is 0", async () => {
    await eachConnect(({ flags }, { will }) => {
      if (will === undefined) expect(flags & 0x20).toBe(0);
    });
  });

  test("[MQTT-3.1.2-14] Will QoS 3 is rejected", () => {
    expect(() => room.create({ will: { topic: "w", qos: 3 as QoS } })).toThrow(usage("OPTION_INVALID"));
  });
});

describe("credentials", () => {
  test("[MQTT-3.1.2-18] without a user name its flag is 0, and the field is absent", async () => {
    await eachConnect(({ flags, payload }, { will, username }) => {
      if (username !== undefined) return;
      expect(flags & 0x80).toBe(0);
      expect(payload).toHaveLength(will === undefined ? 1 : 3);
    });
  });

  test("[MQTT-3.1.2-19] with a user name its flag is 1, and the field is present", async () => {
    await eachConnect(({ flags, payload }, { will, username }) => {
      if (username === undefined) return;
      expect(flags & 0x80).toBe(0x80);
      expect(payload[will === undefined ? 1 : 3]).toBe(username);
    });
  });

  test("[MQTT-3.1.2-20] without a password its flag is 0, and nothing follows the user name", async () => {
    await eachConnect(({ flags, payload }, { will, username, password }) => {
      if (password !== undefined) return;
      expect(flags & 0x40).toBe(0);
      expect(payload).toHaveLength((will === undefined ? 1 : 3) + (username === undefined ? 0 : 1));
    });
  });

  test("[MQTT-3.1.2-21] with a password its flag is 1, and it is the last field", async () => {
    await eachConnect(({ flags, payload }, { will, password }) => {
      if (password === undefined) return;
      expect(flags & 0x40).toBe(0x40);
      expect(payload.slice(will === undefined ? 2 : 4)).toEqual([password]);
    });
  });

  test("[MQTT-3.1.2-22] a password without a user name is rejected and never sent", async () => {
    expect(() => room.create({ password: "p" })).toThrow(usage("OPTION_INVALID"));
    await eachConnect(({ flags }) => expect(flags & 0xc0).not.toBe(0x40));
  });
});

describe("the payload", () => {
  test("[MQTT-3.1.3-1] has Client Identifier, Will Topic, Will Message, User Name and Password in this order", async () => {
    const options = { clientId: "id", username: "user", password: "pass", cleanStart: true, keepAlive: 10 };
    const { hex } = await room.connectOf({ ...options, will: { topic: "t/w", payload: "gone", qos: 2, retain: true } });
    const payload = ["id", "t/w", "gone", "user", "pass"].map(str).join("");
    expect(hex).toBe(`1025${str("MQTT")}04f6000a${payload}`);
    await eachConnect((connect, { will, username, password }) => {
      const fields = ["c", ...(will ? ["w", "m"] : []), username, password];
      expect(connect.payload).toEqual(fields.filter((field) => field !== undefined));
    });
  });

  test("[MQTT-3.1.3-3] begins with the Client Identifier, also if it is empty", async () => {
    await eachConnect(({ payload }) => expect(payload[0]).toBe("c"));
    const { hex } = await room.connectOf({ clientId: "", cleanStart: true, username: "u" });
    expect(hex).toBe(`100f${str("MQTT")}04820000${"0000"}${str("u")}`);
  });

  test.each([
    ["[MQTT-3.1.3-4] the Client Identifier", 0, (clientId: string) => ({ clientId })],
    ["[MQTT-3.1.3-10] the Will Topic", 1, (topic: string) => ({ will: { topic } })],
    ["[MQTT-3.1.3-11] the User Name", 1, (username: string) => ({ username })],
  ] as const)("%s is UTF-8, and text that cannot be encoded is rejected", async (_, at, options) => {
    const text = "é€\u{1d11e}";
    const { payload } = await room.connectOf(options(text));
    expect(hexOf(payload[at] as Uint8Array)).toBe("c3a9" + "e282ac" + "f09d849e");
    for (const wrong of ["\ud800", "a\udc00", "\udc00\ud800", "a\0"]) {
      expect(() => room.create(options(wrong))).toThrow(expect.objectContaining({ name: "UsageError" }));
    }
  });
});

describe("the Client Identifier", () => {
  test("[MQTT-3.1.3-7] may be empty with CleanSession 1 only", async () => {
    expect(() => room.create({ clientId: "", cleanStart: false })).toThrow(usage("CLIENT_ID_INVALID"));
    const { flags, payload } = await room.connectOf({ clientId: "", cleanStart: true });
    expect(flags).toBe(2);
    expect(payload.map((field) => field.length)).toEqual([0]);
  });

  test("[MQTT-3.1.3-2] is the same on every connection of a client, also if it is random", async () => {
    const client = createClient("mqtt://server", {
      platform: { clock: room.clock, random: { next: Math.random }, dial: room.server.dial },
      protocolVersion: 4,
      keepAlive: 0,
    });
    watch(client.connect());
    const connects: string[] = [];
    for (let i = 0; i < 3; i++) {
      const wire = await room.dialled();
      connects.push(await wire.heard());
      await wire.say("20020000");
      await wire.cut();
    }
    expect(connects[0]).toMatch(new RegExp(`${hexOf(client.clientId)}$`));
    expect(new Set(connects).size).toBe(1);
  });

  test("[MQTT-3.1.3-2] names the stored session: messages in flight continue under the same identifier, and under no other", async () => {
    const store = new MemoryStore();
    const first = await room.online({ clientId: "one", store });
    watch(first.client.publish("a", "", { qos: 1 }));
    expect(await first.wire.heard()).toBe(publish(0x32, "a", 1));
    watch(first.client.disconnect({ drainTimeout: 0 }));
    await room.clock.advance(100);
    const other = await room.online({ clientId: "two", store }, "20020100");
    expect(await other.wire.heard()).toBe("");
    watch(other.client.disconnect());
    await room.clock.advance(100);
    const again = await room.online({ clientId: "one", store }, "20020100");
    expect(await again.wire.heard()).toBe(publish(0x3a, "a", 1));
  });
});

describe("CleanSession", () => {
  test("[MQTT-3.1.2-4] 0: messages in flight, in both directions, and the subscriptions survive a lost connection", async () => {
    const { client, wire } = await room.online();
    const { topics } = await subscribed(client, wire, "#");
    const published = [watch(client.publish("1", "", { qos: 1 })), watch(client.publish("2", "", { qos: 2 }))];
    const released = watch(client.publish("3", "", { qos: 2 }));
    await wire.heard();
    expect(await wire.ask("50020004")).toBe("62020004");
    expect(await wire.ask(publish(0x34, "in", 9))).toBe("50020009");
    await wire.cut();
    const next = await room.accept("20020100");
    expect(await next.packets()).toEqual([publish(0x3a, "1", 2), publish(0x3c, "2", 3), "62020004"]);
    expect(await next.ask(publish(0x3c, "in", 9))).toBe("50020009");
    expect(await next.ask("62020009")).toBe("70020009");
    await next.say(publish(0x30, "live"));
    expect(topics).toEqual(["in", "live"]); // no SUBSCRIBE was sent: the server still has the subscription
    await next.say("40020002", "50020003", "70020003", "70020004");
    expect([...published, released].map(({ value }) => value?.reasonCode)).toEqual([0, 0, 0]);
  });

  test("[MQTT-3.1.2-6] 1: nothing from the old connection is used over the new one", async () => {
    const { client, wire } = await room.online({ cleanStart: true });
    const { topics } = await subscribed(client, wire, "#");
    const outcomes = ["1", "2", "3"].map((topic, i) => watch(client.publish(topic, "", { qos: i === 0 ? 1 : 2 })));
    await wire.heard();
    expect(await wire.ask("50020004")).toBe("62020004");
    expect(await wire.ask(publish(0x34, "in", 9))).toBe("50020009");
    await wire.cut();
    const next = await room.dialled();
    expect(await next.heard()).toBe("100d00044d51545404020000000163");
    await next.say("20020000");
    const [subscribe, again, ...more] = await next.packets();
    expect(subscribe?.slice(0, 2)).toBe("82"); // the subscriptions are requested again
    expect(again?.slice(0, 2)).toBe("32"); // a new publication of the unacknowledged message
    expect(more).toEqual([]); // no PUBREL, nothing resent
    expect(await next.ask(publish(0x34, "new", 9))).toBe("50020009");
    expect(topics).toEqual(["in", "new"]);
    expect(outcomes[1]?.error).toMatchObject({ code: "SESSION_LOST" });
  });

  test("[MQTT-3.1.2-6] 1: a server that reports a session nevertheless is not trusted", async () => {
    const client = room.create({ cleanStart: true, reconnect: false });
    const connecting = watch(client.connect());
    const wire = await room.dialled();
    await wire.heard();
    await wire.say("20020100");
    expect(wire.isClosed).toBe(true);
    expect(connecting.error).toMatchObject({ name: "ProtocolError" });
  });
});

describe("Keep Alive", () => {
  test("[MQTT-3.1.2-23] an idle client sends PINGREQ within each interval, and so does one that only receives", async () => {
    for (const receiving of [false, true]) {
      const { wire } = await new Room(4).online({ keepAlive: 0 });
      expect(await wire.heard()).toBe("");
      const kept = new Room(4);
      const { wire: pinged } = await kept.online({ keepAlive: 10 });
      let silence = 0;
      for (let second = 0; second < 100; second++) {
        await kept.clock.advance(1000);
        silence += 1000;
        const heard = await pinged.heard();
        expect(["", "c000"]).toContain(heard);
        if (heard !== "") silence = 0;
        expect(silence).toBeLessThan(10_000);
        if (heard !== "" || receiving) await pinged.say(heard === "" ? publish(0x30, "a") : "d000");
      }
    }
  });

  test("[MQTT-3.1.2-23] 0 switches it off", async () => {
    const { wire } = await room.online({ keepAlive: 0 });
    await room.clock.advance(100_000_000);
    expect(await wire.heard()).toBe("");
    expect(wire.isClosed).toBe(false);
  });
});

describe("CONNACK", () => {
  test("[MQTT-3.1.2-4] a session that the server has lost is not resumed: new flows begin", async () => {
    const { client, wire } = await room.online();
    watch(client.publish("a", "", { qos: 1 }));
    await wire.heard();
    await wire.cut();
    const next = await room.accept("20020000");
    expect((await next.heard()).slice(0, 2)).toBe("32");
  });

  test.each([1, 2, 3, 4, 5])(
    "[MQTT-3.2.2-5] return code %i: the client reports it, and the connection is closed",
    async (code) => {
      const client = room.create({ reconnect: false });
      const connecting = watch(client.connect());
      const wire = await room.dialled();
      await wire.heard();
      await wire.say(`2002000${code}`);
      expect(connecting.error).toBeInstanceOf(RefusedError);
      expect(connecting.error).toMatchObject({ code: "CONNECT_REFUSED", reasonCode: code });
      expect(wire.isClosed).toBe(true);
    },
  );
});

describe("DISCONNECT", () => {
  test("[MQTT-3.14.4-1] is followed by the end of the connection", async () => {
    const { client, wire } = await room.online();
    const closed = watch(client.disconnect());
    expect(await wire.heard()).toBe("e000");
    expect(wire.isClosed).toBe(true);
    expect(closed.settled).toBe(true);
  });

  test("[MQTT-3.14.4-2] is the last packet, whatever is requested or finished later", async () => {
    const { client, wire } = await room.online();
    let release = (): void => undefined;
    const onMessage = () =>
      new Promise<void>((resolve) => {
        release = resolve;
      });
    await subscribed(client, wire, "#", { onMessage });
    await wire.say(publish(0x32, "a", 1));
    watch(client.publish("b", "", { qos: 1 }));
    expect(await wire.heard()).toBe(publish(0x32, "b", 2));
    const closing = watch(client.disconnect({ drainTimeout: 0 }));
    release();
    for (const qos of [0, 1, 2] as const) watch(client.publish("late", "", { qos }));
    watch(client.subscribe("late"));
    await room.clock.advance(60_000);
    expect(await wire.heard()).toBe("e000");
    expect(closing.settled).toBe(true);
  });
});
