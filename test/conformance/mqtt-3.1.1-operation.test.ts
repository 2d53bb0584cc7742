// Chapters 4, 6 and 7 of MQTT 3.1.1: delivery, order, topics, errors, and the networks that the client works over.
import { createServer, type Socket } from "node:net";
import { type Client, connect, createClient, MemoryStore } from "@aiko/mqtt";
import { beforeEach, describe, expect, test } from "vitest";
import { storeAround } from "../fixtures/stores.ts";
import { bytesOf, hexOf, publish, Room, str, subscribed, watch } from "./room.ts";

let room: Room;
beforeEach(() => {
  room = new Room(4);
});

/** The API rejects the call, and nothing is sent. */
async function expectRefused(code: string, call: (client: Client) => Promise<unknown>): Promise<void> {
  const { client, wire } = await new Room(4).online();
  const outcome = watch(call(client));
  expect(await wire.heard()).toBe("");
  expect(outcome.error).toMatchObject({ name: "UsageError", code });
}

describe("session state", () => {
  test("[MQTT-4.1.0-1] is kept over many connections, however long the client is offline", async () => {
    const { client, wire } = await room.online();
    const { topics } = await subscribed(client, wire, "#");
    const one = watch(client.publish("1", "", { qos: 1 }));
    const two = watch(client.publish("2", "", { qos: 2 }));
    await wire.heard();
    expect(await wire.ask(publish(0x34, "in", 1))).toBe("50020001");
    await wire.cut();
    for (let i = 0; i < 3; i++) await (await room.accept("20020100")).cut();
    await room.clock.advance(1_000);
    const last = await room.accept("20020100");
    expect(await last.packets()).toEqual([publish(0x3a, "1", 2), publish(0x3c, "2", 3)]);
    expect(await last.ask(publish(0x3c, "in", 1))).toBe("50020001");
    await last.say("40020002", "50020003", "70020003", publish(0x30, "live"));
    expect([one.value, two.value]).toMatchObject([{ reasonCode: 0 }, { reasonCode: 0 }]);
    expect(topics).toEqual(["in", "live"]);
  });

  test("[MQTT-4.1.0-2] lasts as long as its connection, also with CleanSession 1", async () => {
    const { client, wire } = await room.online({ cleanStart: true });
    const { topics } = await subscribed(client, wire, "#");
    const sent = watch(client.publish("out", "", { qos: 2 }));
    expect(await wire.heard()).toBe(publish(0x34, "out", 2));
    expect(await wire.ask(publish(0x34, "in", 1))).toBe("50020001");
    await room.clock.advance(100_000_000);
    expect(await wire.ask(publish(0x3c, "in", 1))).toBe("50020001");
    expect(await wire.ask("50020002")).toBe("62020002");
    await room.clock.advance(100_000_000);
    await wire.say("70020002", publish(0x30, "live"));
    expect(sent.value?.reasonCode).toBe(0);
    expect(topics).toEqual(["in", "live"]);
  });
});

describe("QoS", () => {
  test("[MQTT-4.3.1-1] 0: PUBLISH with QoS 0 and DUP 0, once", async () => {
    const { client, wire } = await room.online();
    const sent = [watch(client.publish("a", "x")), watch(client.publish("b", "y", { retain: true }))];
    expect(await wire.packets()).toEqual([publish(0x30, "a", 0, "x"), publish(0x31, "b", 0, "y")]);
    expect(sent.map(({ settled }) => settled)).toEqual([true, true]);
    await wire.cut();
    expect(await (await room.accept("20020100")).heard()).toBe("");
  });

  test("[MQTT-4.3.2-1] 1: a new identifier, DUP 0, and unacknowledged until its PUBACK", async () => {
    const { client, wire } = await room.online();
    const [a, b] = [
      watch(client.publish("a", "x", { qos: 1 })),
      watch(client.publish("b", "y", { qos: 1, retain: true })),
    ];
    expect(await wire.packets()).toEqual([publish(0x32, "a", 1, "x"), publish(0x33, "b", 2, "y")]);
    expect([a.settled, b.settled]).toEqual([false, false]);
    await wire.say("40020002");
    expect([a.settled, b.settled]).toEqual([false, true]);
    await wire.cut();
    const next = await room.accept("20020100");
    expect(await next.heard()).toBe(publish(0x3a, "a", 1, "x"));
    await next.say("40020001");
    expect(a.value).toMatchObject({ qos: 1, reasonCode: 0 });
  });

  test.each([0x32, 0x3a])(
    "[MQTT-4.3.2-2] 1: after PUBACK the identifier stands for a new publication (%i)",
    async (first) => {
      const { client, wire } = await room.online();
      const { topics } = await subscribed(client, wire, "#");
      expect(await wire.ask(publish(first, "a", 7))).toBe("40020007");
      expect(await wire.ask(publish(first, "a", 7))).toBe("40020007");
      expect(await wire.ask(publish(first, "b", 7))).toBe("40020007");
      expect(topics).toEqual(["a", "a", "b"]);
    },
  );

  test("[MQTT-4.3.3-1] 2: PUBLISH until PUBREC, PUBREL until PUBCOMP, and never PUBLISH after PUBREC", async () => {
    const { client, wire } = await room.online();
    const sent = watch(client.publish("a", "x", { qos: 2 }));
    const other = watch(client.publish("b", "y", { qos: 2 }));
    expect(await wire.packets()).toEqual([publish(0x34, "a", 1, "x"), publish(0x34, "b", 2, "y")]);
    await wire.cut();
    const second = await room.accept("20020100");
    expect(await second.packets()).toEqual([publish(0x3c, "a", 1, "x"), publish(0x3c, "b", 2, "y")]);
    expect(await second.ask("50020001")).toBe("62020001");
    await second.cut();
    const third = await room.accept("20020100");
    expect(await third.packets()).toEqual(["62020001", publish(0x3c, "b", 2, "y")]);
    expect(await third.ask("50020001")).toBe("62020001");
    await third.cut();
    const fourth = await room.accept("20020100");
    expect(await fourth.packets()).toEqual(["62020001", publish(0x3c, "b", 2, "y")]);
    expect(sent.settled).toBe(false);
    await fourth.say("70020001");
    expect(sent.value).toMatchObject({ qos: 2, reasonCode: 0 });
    expect(await fourth.ask("50020002")).toBe("62020002");
    await fourth.say("70020002");
    expect(other.settled).toBe(true);
    await fourth.cut();
    expect(await (await room.accept("20020100")).heard()).toBe("");
  });

  test("[MQTT-4.3.3-2] 2: PUBREC for each PUBLISH, one delivery until PUBREL, then PUBCOMP and a new message", async () => {
    const { client, wire } = await room.online();
    const { topics } = await subscribed(client, wire, "#");
    for (const first of [0x34, 0x34, 0x3c]) expect(await wire.ask(publish(first, "a", 7))).toBe("50020007");
    expect(topics).toEqual(["a"]);
    expect(await wire.ask("62020007")).toBe("70020007");
    expect(await wire.ask("62020007")).toBe("70020007");
    expect(await wire.ask(publish(0x3c, "b", 7))).toBe("50020007");
    expect(topics).toEqual(["a", "b"]);
  });

  test("[MQTT-4.4.0-1] CleanSession 0: unacknowledged packets are resent with their identifiers, and nothing else", async () => {
    const { client, wire } = await room.online();
    for (const [topic, qos] of [
      ["1", 1],
      ["2", 2],
      ["3", 2],
      ["4", 1],
      ["5", 2],
      ["0", 0],
    ] as const) {
      watch(client.publish(topic, "", { qos }));
    }
    await wire.heard();
    await wire.say("50020003", "40020004", "50020005", "70020005");
    await wire.heard();
    await room.clock.advance(1_000_000); // not while the connection stays
    expect(await wire.heard()).toBe("");
    await wire.cut();
    const next = await room.accept("20020100");
    expect(await next.packets()).toEqual([publish(0x3a, "1", 1), publish(0x3c, "2", 2), "62020003"]);
  });
});

describe("[MQTT-4.5.0-2] an incoming message is acknowledged", () => {
  test("without any subscription in the client", async () => {
    const { client, wire } = await room.online({ cleanStart: true });
    const unclaimed: string[] = [];
    client.on("unclaimed", ({ topic }) => unclaimed.push(topic));
    expect(await wire.ask(publish(0x32, "a", 1))).toBe("40020001");
    expect(await wire.ask(publish(0x34, "b", 2))).toBe("50020002");
    expect(await wire.ask("62020002")).toBe("70020002");
    expect(unclaimed).toEqual(["a", "b"]);
  });

  test("in a session of an earlier process, after some time even if the application never subscribes", async () => {
    const { client, wire } = await room.online({}, "20020100");
    await subscribed(client, wire, "mine");
    expect(await wire.ask(publish(0x32, "stale", 1), publish(0x34, "stale", 2), publish(0x32, "mine", 3))).toBe("");
    await room.clock.advance(60_000);
    expect(await wire.heard()).toBe("40020001" + "50020002" + "40020003");
  });

  test("in a session of an earlier process, as soon as the application subscribes", async () => {
    const { client, wire } = await room.online({}, "20020100");
    await wire.say(publish(0x32, "a", 1), publish(0x34, "b", 2));
    await subscribed(client, wire, "#");
    expect(await wire.heard()).toBe("");
    await wire.cut();
    const next = await room.accept("20020100");
    expect(await next.ask(publish(0x3a, "a", 1), publish(0x3c, "b", 2))).toBe("4002000150020002");
  });
});

describe("order", () => {
  test("[MQTT-4.6.0-1] of resent PUBLISH packets is the original order", async () => {
    const { client, wire } = await room.online();
    const sent = Array.from({ length: 36 }, (_, i) => publish(i % 2 === 0 ? 0x32 : 0x34, "t", i + 1, `${i}`));
    for (let i = 0; i < 36; i++) watch(client.publish("t", `${i}`, { qos: i % 2 === 0 ? 1 : 2 }));
    expect(await wire.packets()).toEqual(sent);
    await wire.say("40020003", "50020006", "70020006", "40020023");
    await wire.cut();
    watch(client.publish("t", "new", { qos: 1 }));
    const again = sent
      .filter((_, i) => ![2, 5, 34].includes(i))
      .map((hex) => (hex.startsWith("32") ? "3a" : "3c") + hex.slice(2));
    const next = await room.accept("20020100");
    expect(await next.packets()).toEqual([...again, publish(0x32, "t", 37, "new")]);
  });

  /** Handlers finish in the opposite order: acknowledgements must keep the order of the messages. */
  async function acknowledgements(first: number): Promise<string[]> {
    const { client, wire } = await room.online();
    const releases: (() => void)[] = [];
    for (const topic of ["a", "b", "c", "d"]) {
      await subscribed(client, wire, topic, {
        onMessage: () => new Promise<void>((resolve) => releases.push(resolve)),
      });
    }
    for (const [i, topic] of ["a", "b", "c", "d"].entries()) await wire.say(publish(first, topic, 10 - i));
    expect(await wire.heard()).toBe("");
    for (const release of releases.reverse()) {
      release();
      await room.clock.tick();
    }
    return wire.packets();
  }

  test("[MQTT-4.6.0-2] of PUBACKs is that of the PUBLISH packets", async () => {
    expect(await acknowledgements(0x32)).toEqual(["4002000a", "40020009", "40020008", "40020007"]);
  });

  test("[MQTT-4.6.0-3] of PUBRECs is that of the PUBLISH packets", async () => {
    expect(await acknowledgements(0x34)).toEqual(["5002000a", "50020009", "50020008", "50020007"]);
  });

  test("[MQTT-4.6.0-4] of PUBRELs is that of the PUBRECs", async () => {
    const { client, wire } = await room.online();
    for (let i = 0; i < 5; i++) watch(client.publish("t", "", { qos: 2 }));
    await wire.heard();
    const order = ["0003", "0001", "0005", "0002", "0004"];
    await wire.say(...order.map((identifier) => `5002${identifier}`));
    expect(await wire.packets()).toEqual(order.map((identifier) => `6202${identifier}`));
  });
});

describe("topics", () => {
  test.each(["+", "#", "a/+", "a/#", "a+b"])("[MQTT-4.7.1-1] the topic name %s is rejected", async (topic) => {
    await expectRefused("TOPIC_NAME_INVALID", (client) => client.publish(topic, ""));
    expect(() => room.create({ will: { topic } })).toThrow(expect.objectContaining({ code: "TOPIC_NAME_INVALID" }));
    const { client, wire } = await room.online();
    const { topics } = await subscribed(client, wire, "#");
    await wire.say(publish(0x30, topic));
    expect(wire.isClosed).toBe(true);
    expect(topics).toEqual([]);
  });

  test.each(["a#", "a/#/b", "#/a", "##", "a/#b", "/#/"])("[MQTT-4.7.1-2] the filter %s is rejected", async (filter) => {
    await expectRefused("TOPIC_FILTER_INVALID", (client) => client.subscribe(filter));
    await expectRefused("TOPIC_FILTER_INVALID", (client) => client.unsubscribe(filter));
  });

  test.each(["a+", "+a", "a/+b", "a+/b", "++"])("[MQTT-4.7.1-3] the filter %s is rejected", async (filter) => {
    await expectRefused("TOPIC_FILTER_INVALID", (client) => client.subscribe(filter));
    await expectRefused("TOPIC_FILTER_INVALID", (client) => client.unsubscribe(filter));
  });

  test.each(["#", "a/#", "/#", "+", "+/a", "a/+", "a/+/b", "+/+", "/+", "+/#"])(
    "[MQTT-4.7.1-3, MQTT-4.7.1-2] the filter %s is sent",
    async (filter) => {
      const { client, wire } = await room.online();
      watch(client.subscribe(filter));
      expect(await wire.heard()).toContain(str(filter));
    },
  );

  test("[MQTT-4.7.3-1] empty ones are rejected, and close the connection if they are received", async () => {
    await expectRefused("TOPIC_NAME_INVALID", (client) => client.publish("", ""));
    await expectRefused("TOPIC_FILTER_INVALID", (client) => client.subscribe(""));
    await expectRefused("TOPIC_FILTER_INVALID", (client) => client.unsubscribe(["a", ""]));
    const { wire } = await room.online();
    await wire.say(publish(0x30, ""));
    expect(wire.isClosed).toBe(true);
  });

  test("[MQTT-4.7.3-2] U+0000 in one is rejected, and closes the connection if it is received", async () => {
    await expectRefused("TOPIC_NAME_INVALID", (client) => client.publish("a\0", ""));
    await expectRefused("TOPIC_FILTER_INVALID", (client) => client.subscribe("\0"));
    await expectRefused("TOPIC_FILTER_INVALID", (client) => client.unsubscribe("+/\0"));
    const { wire } = await room.online();
    await wire.say(publish(0x30, "a\0"));
    expect(wire.isClosed).toBe(true);
  });

  test("[MQTT-4.7.3-3] 65,535 bytes are sent, one more is rejected: bytes, not characters", async () => {
    const { client, wire } = await room.online();
    for (const text of ["x".repeat(65_535), `x${"é".repeat(32_767)}`]) {
      watch(client.publish(text, ""));
      watch(client.subscribe(text));
      watch(client.unsubscribe(text));
      expect((await wire.packets()).map((packet) => packet.length / 2)).toEqual([
        4 + 2 + 65_535,
        4 + 5 + 65_535,
        4 + 4 + 65_535,
      ]);
    }
    for (const text of ["x".repeat(65_536), "é".repeat(32_768)]) {
      await expectRefused("TOPIC_NAME_INVALID", (other) => other.publish(text, ""));
      await expectRefused("TOPIC_FILTER_INVALID", (other) => other.subscribe(text));
      await expectRefused("TOPIC_FILTER_INVALID", (other) => other.unsubscribe(text));
    }
  });
});

describe("errors", () => {
  test("[MQTT-4.8.0-2] a message that cannot be stored closes its connection and stays unacknowledged", async () => {
    let full = false;
    const store = storeAround(new MemoryStore(), () => ({
      write: async () => {
        if (full) throw new Error("disk full");
      },
    }));
    const { client, wire } = await room.online({ store });
    await subscribed(client, wire, "#");
    full = true;
    expect(await wire.ask(publish(0x34, "a", 7))).toBe("");
    expect(wire.isClosed).toBe(true);
    full = false;
    const next = await room.accept("20020100");
    expect(await next.ask(publish(0x3c, "a", 7))).toBe("50020007");
  });
});

describe("networks", () => {
  test("[MQTT-6.0.0-2] packets may be split and merged in any way", async () => {
    const bytes = [publish(0x30, "a", 0, "x"), publish(0x32, "b", 1), publish(0x34, "c", 2), "62020002", "d000"].join(
      "",
    );
    const wanted = "40020001" + "50020002" + "70020002";
    for (const size of [1, 2, 3, 5, 7, 1000]) {
      const { client, wire } = await new Room(4).online({ cleanStart: true });
      const { topics } = await subscribed(client, wire, "#");
      await wire.heard();
      let heard = "";
      // A pause between any two bytes of different pieces.
      for (let at = 0; at < bytes.length; at += 2 * size) heard += await wire.ask(bytes.slice(at, at + 2 * size));
      expect([heard, topics]).toEqual([wanted, ["a", "b", "c"]]);
    }
  });

  test("[MQTT-7.0.0-2] a server that does exactly what 3.1.1 requires is sufficient", async () => {
    const client = createClient("mqtt://server", {
      platform: { clock: room.clock, random: { next: () => 0 }, dial: room.server.dial },
      protocolVersion: 4,
    });
    const connecting = client.connect();
    const wire = await room.dialled();
    expect(await wire.heard()).toBe(`1020${str("MQTT")}0402003c${str("aiko0000000000000000")}`);
    await wire.say("20020000");
    await connecting;
    const { subscription, topics } = await subscribed(client, wire, "a/+", { qos: 1 });
    const sent = [0, 1, 2].map((qos) => watch(client.publish("a/b", "x", { qos: qos as 0 | 1 | 2 })));
    expect(await wire.packets()).toEqual([
      publish(0x30, "a/b", 0, "x"),
      publish(0x32, "a/b", 2, "x"),
      publish(0x34, "a/b", 3, "x"),
    ]);
    expect(await wire.ask("40020002", "50020003")).toBe("62020003");
    expect(await wire.ask("70020003", publish(0x30, "a/b", 0, "x"), publish(0x32, "a/b", 1, "x"))).toBe("40020001");
    expect(sent.map(({ value }) => value?.reasonCode)).toEqual([0, 0, 0]);
    expect(topics).toEqual(["a/b", "a/b"]);
    const unsubscribing = watch(subscription.unsubscribe());
    expect(await wire.heard()).toBe(`a207${"0004"}${str("a/+")}`);
    await wire.say("b0020004");
    expect(unsubscribing.settled).toBe(true);
    await room.clock.advance(57_000);
    expect(await wire.heard()).toBe("c000");
    await wire.say("d000");
    watch(client.disconnect());
    expect(await wire.heard()).toBe("e000");
  });

  test("[MQTT-7.1.2-1] TCP: a megabyte in each direction arrives unchanged", async () => {
    const payload = Uint8Array.from({ length: 1_000_000 }, (_, i) => (i * 7 + (i >> 8)) & 255);
    const packet = `30${hexOf(Uint8Array.of(0xc3, 0x84, 0x3d))}${str("a")}${hexOf(payload)}`;
    const sockets: Socket[] = [];
    let heard = "";
    // The server's answers to the packets so far.
    const answers: [ends: string, says: string][] = [
      [`${str("c")}`, "20020000"],
      [`820600010001${hexOf("a")}00`, `9003000100${packet}`],
    ];
    let ended: () => void = () => undefined;
    const end = new Promise<void>((resolve) => {
      ended = resolve;
    });
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on("end", ended);
      socket.on("data", (bytes: Uint8Array) => {
        heard += hexOf(bytes);
        const [ends, says] = answers[0] ?? [];
        if (ends === undefined || says === undefined || !heard.endsWith(ends)) return;
        answers.shift();
        socket.write(bytesOf(says));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    try {
      const client = await connect(`mqtt://127.0.0.1:${address.port}`, {
        protocolVersion: 4,
        clientId: "c",
        keepAlive: 0,
      });
      const subscription = await client.subscribe("a");
      const { value } = await subscription[Symbol.asyncIterator]().next();
      expect(Buffer.compare(value?.payload ?? new Uint8Array(), payload)).toBe(0);
      await client.publish("a", payload);
      await client.disconnect();
      await end; // by then the server has received everything
      expect(heard.endsWith(`${packet}e000`)).toBe(true);
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });
});
