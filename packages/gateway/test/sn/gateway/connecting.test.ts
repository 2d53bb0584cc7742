// CONNECT, the will dialogue, and the end of a session, as the table of the client's states has them.
import { describe, expect, test } from "vitest";
import { shownWill } from "./fake-uplink.ts";
import { bytes, Network } from "./network.ts";

describe("CONNECT", () => {
  test("is answered after the server has accepted the connection", async () => {
    const network = new Network();
    network.uplink.holds = true;
    const device = network.device();
    expect(await device.connect()).toEqual([]);
    network.uplink.release();
    await network.pass(0);
    expect(device.received()).toEqual(["connack 0"]);
    expect(network.uplink.last.identity).toEqual({ clientId: "sensor", cleanSession: true, will: undefined });
    expect(network.gateway.counts).toMatchObject({ active: 1 });
  });

  test.each([
    ["congestion", "connack 1"],
    ["refused", "connack 3"],
  ] as const)("is answered with the server's outcome: %s", async (outcome, answer) => {
    const network = new Network();
    network.uplink.outcome = outcome;
    expect(await network.device().connect()).toEqual([answer]);
    expect(network.gateway.counts).toMatchObject({ active: 0, disconnected: 0 });
  });

  test.each([
    ["another protocol", { protocolId: 2 }],
    ["an empty client identifier", { clientId: "" }],
    ["a client identifier that is too long", { clientId: "x".repeat(65) }],
    ["U+0000 in the client identifier", { clientId: "sen\0sor" }],
  ])("with %s is answered with code 3", async (_, changes) => {
    const network = new Network();
    expect(await network.device().connect(changes)).toEqual(["connack 3"]);
    expect(network.uplink.connections).toEqual([]);
  });

  test("of 64 characters is accepted", async () => {
    expect(await new Network().device().connect({ clientId: "x".repeat(64) })).toEqual(["connack 0"]);
  });

  test("that is repeated is answered again, and nothing is reset", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect();
    await device.register();
    await network.pass(19_000);
    expect(await device.connect()).toEqual(["connack 0"]);
    expect(network.uplink.connections).toHaveLength(1);
    expect(await device.publish()).toEqual([]);
    expect(network.uplink.published).toEqual(["publish a/b 0 21"]);
  });

  test("that is repeated while the server has not answered is answered once", async () => {
    const network = new Network();
    network.uplink.holds = true;
    const device = network.device();
    await device.connect();
    await device.connect();
    network.uplink.release();
    await network.pass(0);
    expect(device.received()).toEqual(["connack 0"]);
  });

  test("that comes later replaces the connection, without its will", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect();
    await network.pass(20_000);
    expect(await device.connect()).toEqual(["connack 0"]);
    expect(network.uplink.connections.map(({ log }) => log)).toEqual([["disconnect"], []]);
  });

  test("from another address ends the session at the old one", async () => {
    const network = new Network();
    const old = network.device("10.0.0.1:1");
    const next = network.device("10.0.0.2:1");
    await old.connect();
    expect(await next.connect()).toEqual(["connack 0"]);
    expect(old.received()).toEqual(["disconnect"]);
    expect(await old.publish({ topic: { kind: "short", name: "ab" } })).toEqual(["disconnect"]);
    expect(await next.ping()).toEqual(["pingresp"]);
  });

  test("of another client at the same address ends the client that was there", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect({ clientId: "one" });
    expect(await device.connect({ clientId: "two" })).toEqual(["connack 0"]);
    expect(network.uplink.connections[0]?.log).toEqual(["cut"]);
    expect(network.gateway.counts).toMatchObject({ active: 1, lost: 0 });
  });

  test("that a later one has overtaken ends its connection", async () => {
    const network = new Network();
    network.uplink.holds = true;
    const device = network.device();
    await device.connect();
    await device.connect({ duration: 30 });
    network.uplink.release();
    await network.pass(0);
    expect(device.received()).toEqual(["connack 0"]);
    expect(network.uplink.connections.map(({ log }) => log)).toEqual([["disconnect"], []]);
  });

  test("beyond the most clients is answered with congestion", async () => {
    const network = new Network({ maxClients: 2 });
    await network.device("10.0.0.1:1").connect({ clientId: "one" });
    await network.device("10.0.0.2:1").connect({ clientId: "two" });
    expect(await network.device("10.0.0.3:1").connect({ clientId: "three" })).toEqual(["connack 1"]);
  });

  test("beyond the most clients takes the place of a client that is away", async () => {
    const network = new Network({ maxClients: 2 });
    const away = network.device("10.0.0.1:1");
    await away.connect({ clientId: "one", cleanSession: false });
    await away.send({ type: "disconnect" });
    await network.device("10.0.0.2:1").connect({ clientId: "two" });
    expect(await network.device("10.0.0.3:1").connect({ clientId: "three" })).toEqual(["connack 0"]);
    expect(network.uplink.forgotten).toEqual(["one"]);
  });

  test("of an active client that keeps its session leaves the connection as it is", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect({ cleanSession: false });
    network.uplink.last.send("ab", "1", 2);
    await network.pass(20_000);
    device.received();
    expect(await device.connect({ cleanSession: false })).toEqual(["connack 0", "publish ab #1 qos 2 dup 1"]);
    expect(network.uplink.connections).toHaveLength(1);
    await device.send({ type: "disconnect" });
    expect(network.gateway.counts).toMatchObject({ disconnected: 1 });
  });

  test("beyond the most clients takes the place of the silent one without a keep-alive", async () => {
    const network = new Network({ maxClients: 2 });
    await network.device("10.0.0.1:1").connect({ clientId: "one", duration: 0 });
    await network.pass(1_000);
    await network.device("10.0.0.2:1").connect({ clientId: "two", duration: 0 });
    await network.pass(60_000);
    expect(await network.device("10.0.0.3:1").connect({ clientId: "three" })).toEqual(["connack 0"]);
    expect(network.uplink.connections[0]?.log).toEqual(["cut"]);
    expect(network.uplink.connections[1]?.log).toEqual([]);
  });

  test("beyond the most clients of one host is answered with congestion", async () => {
    const network = new Network();
    for (let i = 0; i < 8; i++) {
      expect(await network.device(`10.0.0.1:${i}`).connect({ clientId: `c${i}` })).toEqual(["connack 0"]);
    }
    expect(await network.device("10.0.0.1:9").connect({ clientId: "c9" })).toEqual(["connack 1"]);
    expect(await network.device("10.0.0.2:9").connect({ clientId: "c9" })).toEqual(["connack 0"]);
  });

  test("of many clients on loopback is accepted", async () => {
    const network = new Network();
    for (let i = 0; i < 100; i++) {
      expect(await network.device(`127.0.0.1:${i}`).connect({ clientId: `c${i}` })).toEqual(["connack 0"]);
    }
  });
});

describe("the will dialogue", () => {
  const willTopic = { type: "willtopic", will: { topic: "gone", qos: 1, retain: true } } as const;
  const willMessage = { type: "willmsg", message: bytes("bye") } as const;

  test("asks for topic and message before the server is asked", async () => {
    const network = new Network();
    const device = network.device();
    expect(await device.connect({ will: true })).toEqual(["willtopicreq"]);
    expect(await device.send(willTopic)).toEqual(["willmsgreq"]);
    expect(network.uplink.connections).toEqual([]);
    expect(await device.send(willMessage)).toEqual(["connack 0"]);
    expect(shownWill(network.uplink.last.identity.will)).toBe("gone 1 retain bye");
  });

  test("ends without a will if the topic is empty", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect({ will: true });
    expect(await device.send({ type: "willtopic" })).toEqual(["connack 0"]);
    expect(network.uplink.last.identity.will).toBeUndefined();
  });

  test("repeats each prompt until it is answered", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect({ will: true });
    await network.pass(10_000);
    expect(device.received()).toEqual(["willtopicreq"]);
    await device.send(willTopic);
    await network.pass(30_000);
    expect(device.received()).toEqual(["willmsgreq", "willmsgreq", "willmsgreq"]);
    expect(network.retries).toBe(4);
  });

  test("ends when no prompt is answered", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect({ will: true });
    await network.pass(40_000);
    expect(device.received()).toEqual(["willtopicreq", "willtopicreq", "willtopicreq"]);
    expect(network.gateway.counts).toMatchObject({ connecting: 0, disconnected: 0 });
    expect(await device.send(willTopic)).toEqual([]);
  });

  test("prompts again when CONNECT or WILLTOPIC is repeated", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect({ will: true });
    expect(await device.connect({ will: true })).toEqual(["willtopicreq"]);
    await device.send(willTopic);
    expect(await device.send(willTopic)).toEqual(["willmsgreq"]);
  });

  test("refuses a topic that is not a topic name", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect({ will: true });
    const will = { topic: "a/+", qos: 0, retain: false } as const;
    expect(await device.send({ type: "willtopic", will })).toEqual(["connack 3"]);
  });

  test("drops what does not belong to it", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect({ will: true });
    expect(await device.send(willMessage)).toEqual([]);
    expect(await device.register()).toEqual([]);
    expect(network.dropped).toEqual(["unsolicited", "unsolicited"]);
  });

  test("is open for 64 clients; one that is 10 s old makes room", async () => {
    const network = new Network();
    for (let i = 0; i < 64; i++) {
      await network.device(`10.0.${i}.1:1`).connect({ clientId: `c${i}`, will: true });
    }
    const device = network.device("10.1.0.1:1");
    expect(await device.connect({ clientId: "more", will: true })).toEqual(["connack 1"]);
    expect(network.gateway.counts).toMatchObject({ connecting: 64, disconnected: 0 });
    expect(await device.connect({ clientId: "more" })).toEqual(["connack 0"]);
    await network.pass(10_000);
    const other = network.device("10.1.0.2:1");
    expect(await other.connect({ clientId: "other", will: true })).toEqual(["willtopicreq"]);
    expect(network.gateway.counts).toMatchObject({ connecting: 64 });
  });

  test("does not begin for a session that keeps its will", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect({ will: true, cleanSession: false });
    await device.send(willTopic);
    await device.send(willMessage);
    await device.send({ type: "disconnect" });
    expect(await device.connect({ cleanSession: false })).toEqual(["disconnect", "connack 0"].slice(1));
    expect(shownWill(network.uplink.last.identity.will)).toBe("gone 1 retain bye");
    await device.send({ type: "disconnect" });
    await device.connect({ cleanSession: true });
    expect(network.uplink.last.identity.will).toBeUndefined();
  });
});

describe("a will update", () => {
  async function withWill(network: Network) {
    const device = network.device();
    await device.connect({ will: true });
    await device.send({ type: "willtopic", will: { topic: "gone", qos: 1, retain: false } });
    await device.send({ type: "willmsg", message: bytes("bye") });
    return device;
  }

  test("of the topic is answered after the far side has it", async () => {
    const network = new Network();
    const device = await withWill(network);
    const will = { topic: "new", qos: 0, retain: true } as const;
    expect(await device.send({ type: "willtopicupd", will })).toEqual(["willtopicresp 0"]);
    expect(network.uplink.last.log).toEqual(["will new 0 retain bye"]);
  });

  test("of the message is answered after the far side has it", async () => {
    const network = new Network();
    const device = await withWill(network);
    expect(await device.send({ type: "willmsgupd", message: bytes("adieu") })).toEqual(["willmsgresp 0"]);
    expect(network.uplink.last.log).toEqual(["will gone 1 adieu"]);
  });

  test("that is empty deletes topic and message", async () => {
    const network = new Network();
    const device = await withWill(network);
    expect(await device.send({ type: "willtopicupd" })).toEqual(["willtopicresp 0"]);
    expect(network.uplink.last.log).toEqual(["will none"]);
    expect(await device.send({ type: "willmsgupd", message: bytes("x") })).toEqual(["willmsgresp 3"]);
  });

  test("with a wrong topic is refused", async () => {
    const network = new Network();
    const device = await withWill(network);
    const will = { topic: "#", qos: 0, retain: true } as const;
    expect(await device.send({ type: "willtopicupd", will })).toEqual(["willtopicresp 3"]);
  });

  test("that the far side cannot take is answered with congestion, and can be repeated", async () => {
    const network = new Network();
    const device = await withWill(network);
    network.uplink.outcome = "congestion";
    expect(await device.send({ type: "willmsgupd", message: bytes("x") })).toEqual(["willmsgresp 1"]);
    network.uplink.outcome = "accepted";
    expect(await device.send({ type: "willmsgupd", message: bytes("x") })).toEqual(["willmsgresp 0"]);
  });
});

describe("the end of a session", () => {
  test("DISCONNECT is answered, and the server publishes no will", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect();
    expect(await device.send({ type: "disconnect" })).toEqual(["disconnect"]);
    expect(network.uplink.last.log).toEqual(["disconnect"]);
    expect(network.gateway.counts).toMatchObject({ active: 0 });
  });

  test("DISCONNECT with the duration 0 does not sleep", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect();
    expect(await device.sleep(0)).toEqual(["disconnect"]);
    expect(network.gateway.counts).toMatchObject({ active: 0, asleep: 0 });
  });

  test("a DISCONNECT that is repeated is answered once more", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect();
    await device.send({ type: "disconnect" });
    expect(await device.send({ type: "disconnect" })).toEqual(["disconnect"]);
    await network.pass(2_000);
    expect(await device.send({ type: "disconnect" })).toEqual([]);
  });

  test.each([
    [10, 15_000],
    [60, 90_000],
    [100, 110_000],
  ])("silence for longer than the keep-alive of %i s loses the client", async (duration, limit) => {
    const network = new Network();
    const device = network.device();
    await device.connect({ duration });
    await network.pass(limit - 1);
    expect(network.uplink.last.log).toEqual([]);
    await device.ping();
    await network.pass(limit - 1);
    expect(network.uplink.last.log).toEqual([]);
    await network.pass(1);
    expect(network.uplink.last.log).toEqual(["cut"]);
    expect(device.received()).toEqual([]);
    expect(await device.ping()).toEqual(["disconnect"]);
  });

  test("the keep-alive 0 is not supervised", async () => {
    const network = new Network();
    await network.device().connect({ duration: 0 });
    await network.pass(1_000_000);
    expect(network.gateway.counts).toMatchObject({ active: 1 });
  });

  test("the server ends the connection for good: the client is told", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect();
    network.uplink.last.end();
    expect(device.received()).toEqual(["disconnect"]);
    expect(network.gateway.counts).toMatchObject({ active: 0 });
  });

  test("the gateway stops: active clients are told, sleeping ones are not", async () => {
    const network = new Network();
    const active = network.device("10.0.0.1:1");
    const asleep = network.device("10.0.0.2:1");
    await active.connect({ clientId: "one" });
    await asleep.connect({ clientId: "two" });
    await asleep.sleep(60);
    network.gateway.stop();
    expect(active.received()).toEqual(["disconnect"]);
    expect(asleep.received()).toEqual([]);
    expect(network.uplink.connections.map(({ log }) => log)).toEqual([["disconnect"], ["disconnect"]]);
    expect(await active.connect({ clientId: "one" })).toEqual([]);
    expect(network.clock.nextTimer).toBe(Infinity);
  });
});
