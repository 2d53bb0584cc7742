// Senders without a session, malformed frames, floods and forwarders.
import { describe, expect, test } from "vitest";
import type { SnPacket } from "../../../src/sn/packets.ts";
import { bytes, Network } from "./network.ts";

const short = { kind: "short", name: "ab" } as const;
const flags = { dup: false, retain: false } as const;

describe("a stranger", () => {
  test.each<SnPacket>([
    { type: "publish", topic: short, messageId: 1, qos: 1, ...flags, data: bytes("x") },
    { type: "register", topicId: 0, messageId: 1, topicName: "a" },
    { type: "subscribe", topic: { kind: "normal", name: "a" }, messageId: 1, qos: 0, dup: false },
    { type: "unsubscribe", topic: { kind: "normal", name: "a" }, messageId: 1 },
    { type: "pingreq" },
    { type: "willtopicupd" },
  ])("is told DISCONNECT, at most once a second: $type", async (packet) => {
    const network = new Network();
    const device = network.device();
    expect(await device.send(packet)).toEqual(["disconnect"]);
    expect(await device.send(packet)).toEqual([]);
    await network.pass(1_000);
    expect(await device.send(packet)).toEqual(["disconnect"]);
    expect(network.dropped).toEqual(["unsolicited", "unsolicited", "unsolicited"]);
  });

  test.each<SnPacket>([
    { type: "disconnect" },
    { type: "disconnect", duration: 10 },
    { type: "puback", topicId: 1, messageId: 1, returnCode: 0 },
    { type: "regack", topicId: 1, messageId: 1, returnCode: 0 },
    { type: "pubrec", messageId: 1 },
    { type: "pubrel", messageId: 1 },
    { type: "willmsg", message: bytes("x") },
    { type: "connack", returnCode: 0 },
    { type: "pingresp" },
    { type: "gwinfo", gatewayId: 3 },
  ])("is not answered, so that two machines cannot keep each other busy: $type", async (packet) => {
    expect(await new Network().device().send(packet)).toEqual([]);
  });

  test("whose session was kept is told DISCONNECT when it sends again", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect({ cleanSession: false, duration: 10 });
    await network.pass(15_000);
    expect(await device.publish({ topic: short, qos: 1, messageId: 1 })).toEqual(["disconnect"]);
    expect(await device.connect({ cleanSession: false })).toEqual(["connack 0"]);
  });
});

describe("a malformed frame", () => {
  test("is dropped and counted, without an answer", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect();
    expect(await device.frame({ malformed: "length", messageType: 0x0c })).toEqual([]);
    expect(await network.device("10.0.0.2:1").frame({ malformed: "length", messageType: 0x0a, messageId: 3 })).toEqual(
      [],
    );
    expect(network.dropped).toEqual(["malformed", "malformed"]);
    expect(await device.ping()).toEqual(["pingresp"]);
  });

  test.each<SnPacket>([
    { type: "connack", returnCode: 0 },
    { type: "willtopicreq" },
    { type: "willmsgreq" },
    { type: "suback", qos: 0, topicId: 1, messageId: 1, returnCode: 0 },
    { type: "unsuback", messageId: 1 },
    { type: "pingresp" },
    { type: "willtopicresp", returnCode: 0 },
    { type: "willmsgresp", returnCode: 0 },
  ])("includes what only gateways send: $type", async (packet) => {
    const network = new Network();
    const device = network.device();
    await device.connect();
    expect(await device.send(packet)).toEqual([]);
    expect(network.dropped).toEqual(["malformed"]);
  });
});

describe("a flood", () => {
  test("of a host without a session is read at 50 frames a second, after 100 at once", async () => {
    const network = new Network();
    const device = network.device();
    for (let i = 0; i < 150; i++) await device.send({ type: "pubrel", messageId: 1 });
    expect(network.dropped.filter((reason) => reason === "rate")).toHaveLength(50);
    await network.pass(1_000);
    for (let i = 0; i < 60; i++) await device.send({ type: "pubrel", messageId: 1 });
    expect(network.dropped.filter((reason) => reason === "rate")).toHaveLength(60);
  });

  test("of a client is read at 1,000 frames a second", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect();
    for (let i = 0; i < 1_100; i++) await device.ping();
    expect(network.dropped).toEqual(Array.from({ length: 100 }, () => "rate"));
  });

  test("of strangers does not keep a client from being answered", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect();
    for (let i = 0; i < 5_000; i++) {
      network.gateway.receive(network.device(`10.1.${i >> 8}.${i & 255}:1`).peer, { packet: { type: "pingreq" } });
    }
    expect(await device.ping()).toEqual(["pingresp"]);
  });

  test("of CONNECT is answered with congestion beyond 500 at once and 200 a second", async () => {
    const network = new Network({ maxClients: 10_000 });
    const answers: string[] = [];
    for (let i = 0; i < 600; i++) {
      answers.push(...(await network.device(`10.1.${i >> 8}.${i & 255}:1`).connect({ clientId: `c${i}` })));
    }
    expect(answers.filter((answer) => answer === "connack 0")).toHaveLength(500);
    expect(answers.filter((answer) => answer === "connack 1")).toHaveLength(100);
    await network.pass(1_000);
    expect(await network.device("10.2.0.0:1").connect({ clientId: "later" })).toEqual(["connack 0"]);
  });
});

describe("a forwarder", () => {
  test("serves several clients at one address, each of which is answered through it", async () => {
    const network = new Network();
    const one = network.device("10.0.0.1:1", "one");
    const two = network.device("10.0.0.1:1", "two");
    expect(await one.connect({ clientId: "one" })).toEqual(["connack 0"]);
    expect(await two.connect({ clientId: "two" })).toEqual(["connack 0"]);
    expect(await one.publish({ topic: short, qos: 1, messageId: 1 })).toEqual([`puback ${0x6162} #1 0`]);
    expect(two.received()).toEqual([]);
    network.uplink.connections[1]?.send("ab", "x");
    expect(two.received()).toEqual(["publish ab #0 qos 0 x"]);
    expect(one.received()).toEqual([]);
  });

  test("cannot speak for a client of another forwarder", async () => {
    const network = new Network();
    await network.device("10.0.0.1:1", "one").connect({ clientId: "one" });
    expect(await network.device("10.0.0.2:1", "one").ping()).toEqual(["disconnect"]);
  });

  test("may have more clients than a host", async () => {
    const network = new Network();
    for (let i = 0; i < 20; i++) {
      const device = network.device("10.0.0.1:1", `node ${i}`);
      expect(await device.connect({ clientId: `c${i}` })).toEqual(["connack 0"]);
    }
  });

  test("is not served if the configuration says so", async () => {
    const network = new Network({ forwarders: false });
    expect(await network.device("10.0.0.1:1", "one").connect()).toEqual([]);
    expect(network.dropped).toEqual(["malformed"]);
  });
});

describe("an identifier that is bound to addresses", () => {
  test("cannot be taken from another address, by CONNECT or by PINGREQ", async () => {
    const network = new Network();
    const device = network.device("10.0.0.1:1");
    const thief = network.device("10.0.0.2:1");
    expect(await thief.connect({ clientId: "bound-1" })).toEqual(["connack 3"]);
    expect(await device.connect({ clientId: "bound-1" })).toEqual(["connack 0"]);
    expect(await thief.connect({ clientId: "bound-1" })).toEqual(["connack 3"]);
    await device.sleep(60);
    expect(await thief.ping("bound-1")).toEqual(["disconnect"]);
    expect(await device.ping("bound-1")).toEqual(["pingresp"]);
  });
});
