// What a client publishes, registers and subscribes: the answers, and what the far side is asked.
import { describe, expect, test } from "vitest";
import type { SnSettings } from "../../../src/sn/gateway/sn-settings.ts";
import { bytes, type Device, Network } from "./network.ts";

async function connected(network = new Network()): Promise<{ network: Network; device: Device }> {
  const device = network.device();
  await device.connect({ cleanSession: false });
  return { network, device };
}

const short = { kind: "short", name: "ab" } as const;

describe("REGISTER", () => {
  test("is answered with an identifier, the same for the same name", async () => {
    const { device } = await connected();
    expect(await device.register("a/b", 1)).toEqual(["regack 1 #1 0"]);
    expect(await device.register("a/c", 2)).toEqual(["regack 2 #2 0"]);
    expect(await device.register("a/b", 3)).toEqual(["regack 1 #3 0"]);
  });

  test.each([
    ["empty", ""],
    ["with a wildcard", "a/+"],
    ["with NUL", "a\0b"],
  ])("of a name that is %s is refused", async (_, name) => {
    const { device } = await connected();
    expect(await device.register(name, 1)).toEqual(["regack 0 #1 3"]);
  });

  test("and SUBSCRIBE of a name that is not well-formed are refused", async () => {
    const { network, device } = await connected();
    expect(await device.frame({ malformed: "ill-formed", messageType: 0x0a, messageId: 7 })).toEqual(["regack 0 #7 3"]);
    expect(await device.frame({ malformed: "ill-formed", messageType: 0x12, messageId: 8 })).toEqual([
      "suback 0 #8 3 qos 0",
    ]);
    expect(network.dropped).toEqual(["malformed", "malformed"]);
  });

  test("of too many names is answered with congestion", async () => {
    const { device } = await connected(new Network({ maxTopics: 2 }));
    await device.register("a", 1);
    await device.register("b", 2);
    expect(await device.register("c", 3)).toEqual(["regack 0 #3 1"]);
    expect(await device.subscribe("c", 1, 4)).toEqual(["suback 0 #4 1 qos 0"]);
  });

  test("of a client that connects again without a clean session keeps its identifiers", async () => {
    const { network, device } = await connected();
    await device.register("a/b");
    await device.send({ type: "disconnect" });
    await device.connect({ cleanSession: false });
    await device.publish();
    expect(network.uplink.published).toEqual(["publish a/b 0 21"]);
  });

  test("of a client that connects with a clean session is forgotten", async () => {
    const { network, device } = await connected();
    await device.register("a/b");
    await network.pass(20_000);
    await device.connect({ cleanSession: true });
    expect(await device.publish()).toEqual(["puback 1 #0 2"]);
  });
});

describe("PUBLISH of a client", () => {
  test("at QoS 0 is forwarded without an answer", async () => {
    const { network, device } = await connected();
    await device.register();
    expect(await device.publish({ retain: true })).toEqual([]);
    expect(network.uplink.published).toEqual(["publish a/b 0 retain 21"]);
  });

  test.each([0, 1, 2] as const)("at QoS %i with an unknown identifier is answered with code 2", async (qos) => {
    const { network, device } = await connected();
    expect(await device.publish({ qos, messageId: 5, topic: { kind: "normal", id: 9 } })).toEqual(["puback 9 #5 2"]);
    expect(await device.publish({ qos, messageId: 5, topic: { kind: "predefined", id: 9 } })).toEqual([
      "puback 9 #5 2",
    ]);
    expect(network.dropped).toEqual(["topic", "topic"]);
  });

  test("with a short topic that is not a topic name is answered with code 2", async () => {
    const { device } = await connected();
    expect(await device.publish({ qos: 1, messageId: 5, topic: { kind: "short", name: "a#" } })).toEqual([
      `puback ${0x6123} #5 2`,
    ]);
  });

  test("names a topic that is short or predefined", async () => {
    const { network, device } = await connected(new Network({ predefined: [[7, "common/topic"]] }));
    await device.publish({ topic: short });
    await device.publish({ topic: { kind: "predefined", id: 7 } });
    expect(network.uplink.published).toEqual(["publish ab 0 21", "publish common/topic 0 21"]);
  });

  test("names a topic that is predefined for some clients only", async () => {
    const predefinedFor: SnSettings["predefinedFor"] = [{ clientId: "sen*", topics: [[7, "special"]] }];
    const { network, device } = await connected(new Network({ predefined: [[7, "common"]], predefinedFor }));
    const other = network.device("10.0.0.2:1");
    await other.connect({ clientId: "other" });
    await device.publish({ topic: { kind: "predefined", id: 7 } });
    await other.publish({ topic: { kind: "predefined", id: 7 } });
    expect(network.uplink.published).toEqual(["publish special 0 21", "publish common 0 21"]);
  });

  test("at QoS 1 is acknowledged after the far side has accepted it", async () => {
    const { network, device } = await connected();
    network.uplink.holds = true;
    expect(await device.publish({ topic: short, qos: 1, messageId: 5 })).toEqual([]);
    expect(await device.publish({ topic: short, qos: 1, messageId: 5, dup: true })).toEqual([]);
    network.uplink.release();
    await network.pass(0);
    expect(device.received()).toEqual([`puback ${0x6162} #5 0`]);
    expect(network.uplink.published).toHaveLength(1);
  });

  test.each([
    [1, "congestion", 1],
    [1, "refused", 3],
    [2, "congestion", 1],
    [2, "refused", 3],
  ] as const)("at QoS %i that fails with %s is answered with code %i", async (qos, outcome, code) => {
    const { network, device } = await connected();
    network.uplink.outcome = outcome;
    expect(await device.publish({ topic: short, qos, messageId: 5 })).toEqual([`puback ${0x6162} #5 ${code}`]);
    network.uplink.outcome = "accepted";
    const answer = qos === 1 ? `puback ${0x6162} #5 0` : "pubrec #5";
    expect(await device.publish({ topic: short, qos, messageId: 5, dup: true })).toEqual([answer]);
  });

  test("at QoS 2 is forwarded once, however often it comes", async () => {
    const { network, device } = await connected();
    const publish = { topic: short, qos: 2, messageId: 5 } as const;
    network.uplink.holds = true;
    expect(await device.publish(publish)).toEqual([]);
    expect(await device.publish({ ...publish, dup: true })).toEqual([]);
    network.uplink.release();
    await network.pass(0);
    expect(device.received()).toEqual(["pubrec #5"]);
    expect(await device.publish({ ...publish, dup: true })).toEqual(["pubrec #5"]);
    expect(await device.send({ type: "pubrel", messageId: 5 })).toEqual(["pubcomp #5"]);
    expect(await device.send({ type: "pubrel", messageId: 5 })).toEqual(["pubcomp #5"]);
    expect(await device.publish({ ...publish, dup: true })).toEqual(["pubrec #5"]); // a datagram that was late
    expect(network.uplink.published).toHaveLength(1);
  });

  test("at QoS 2 is forwarded once although the client connects again meanwhile", async () => {
    const { network, device } = await connected();
    const publish = { topic: short, qos: 2, messageId: 5 } as const;
    await device.publish(publish);
    await network.pass(20_000);
    await device.connect({ cleanSession: false });
    expect(await device.publish({ ...publish, dup: true })).toEqual(["pubrec #5"]);
    expect(network.uplink.published).toHaveLength(1);
  });

  test("at QoS 2 that uses an identifier again is another message", async () => {
    const { network, device } = await connected();
    await device.publish({ topic: short, qos: 2, messageId: 5 });
    await device.send({ type: "pubrel", messageId: 5 });
    await device.publish({ topic: short, qos: 2, messageId: 5, data: bytes("22") });
    await device.send({ type: "pubrel", messageId: 5 });
    await network.pass(5_000);
    await device.publish({ topic: short, qos: 2, messageId: 5, data: bytes("22") });
    expect(network.uplink.published).toEqual(["publish ab 2 21", "publish ab 2 22", "publish ab 2 22"]);
  });

  test.each([1, 2] as const)("at QoS %i beyond ten that are unfinished is answered with congestion", async (qos) => {
    const { network, device } = await connected();
    network.uplink.holds = true;
    for (let id = 1; id <= 10; id++) await device.publish({ topic: short, qos, messageId: id, data: bytes(`${id}`) });
    expect(await device.publish({ topic: short, qos, messageId: 11 })).toEqual([`puback ${0x6162} #11 1`]);
  });

  test("at QoS 2 takes the place of one that is complete", async () => {
    const { device } = await connected();
    for (let id = 1; id <= 30; id++) {
      expect(await device.publish({ topic: short, qos: 2, messageId: id })).toEqual([`pubrec #${id}`]);
      expect(await device.send({ type: "pubrel", messageId: id })).toEqual([`pubcomp #${id}`]);
    }
  });

  test("at QoS 2 takes the place of the oldest that the client has never released", async () => {
    const { network, device } = await connected();
    for (let id = 1; id <= 11; id++) {
      expect(await device.publish({ topic: short, qos: 2, messageId: id })).toEqual([`pubrec #${id}`]);
    }
    await device.publish({ topic: short, qos: 2, messageId: 2, dup: true });
    expect(network.uplink.published).toHaveLength(11);
    await device.publish({ topic: short, qos: 2, messageId: 1, dup: true });
    expect(network.uplink.published).toHaveLength(12);
  });

  test("PUBREL of an unknown message is answered with PUBCOMP", async () => {
    const { device } = await connected();
    expect(await device.send({ type: "pubrel", messageId: 5 })).toEqual(["pubcomp #5"]);
  });
});

describe("PUBLISH at QoS −1", () => {
  const predefined: SnSettings["predefined"] = [[7, "common/topic"]];

  test.each([0, 1] as const)("needs no session, and is published at QoS %i as configured", async (qosMinusOneAs) => {
    const network = new Network({ predefined, qosMinusOneAs });
    const device = network.device();
    expect(await device.publish({ qos: -1, topic: short })).toEqual([]);
    expect(await device.publish({ qos: -1, topic: { kind: "predefined", id: 7 } })).toEqual([]);
    expect(network.uplink.published).toEqual([
      `publish ab ${qosMinusOneAs} 21`,
      `publish common/topic ${qosMinusOneAs} 21`,
    ]);
  });

  test("with another topic is dropped", async () => {
    const network = new Network({ predefined });
    expect(await network.device().publish({ qos: -1 })).toEqual([]);
    expect(await network.device().publish({ qos: -1, topic: { kind: "predefined", id: 8 } })).toEqual([]);
    expect(network.dropped).toEqual(["topic", "topic"]);
  });

  test("is dropped if the configuration does not allow it", async () => {
    const network = new Network({ qosMinusOne: false });
    expect(await network.device().publish({ qos: -1, topic: short })).toEqual([]);
    expect(network.dropped).toEqual(["unsolicited"]);
    expect(network.uplink.published).toEqual([]);
  });

  test("of a client that is connected is published too", async () => {
    const { network, device } = await connected();
    await device.publish({ qos: -1, topic: short });
    expect(network.uplink.published).toEqual(["publish ab 0 21"]);
  });
});

describe("SUBSCRIBE", () => {
  test("is answered with the granted QoS and the identifier", async () => {
    const { network, device } = await connected();
    network.uplink.granted = 1;
    expect(await device.subscribe("a/b", 2, 3)).toEqual(["suback 1 #3 0 qos 1"]);
    expect(network.uplink.last.log).toEqual(["subscribe a/b 2"]);
    network.uplink.last.send("a/b", "on");
    await network.pass(0);
    expect(device.received()).toEqual(["publish 1 #0 qos 0 on"]);
  });

  test("is answered before messages that have come meanwhile", async () => {
    const { network, device } = await connected();
    network.uplink.holds = true;
    await device.subscribe("a/b", 1, 3);
    network.uplink.last.send("a/b", "kept", 1, true);
    await network.pass(0);
    expect(device.received()).toEqual([]);
    network.uplink.release();
    await network.pass(0);
    expect(device.received()).toEqual(["suback 1 #3 0 qos 1", "publish 1 #1 qos 1 retain kept"]);
  });

  test("with a wildcard or a short name is answered with the identifier 0", async () => {
    const { device } = await connected();
    expect(await device.subscribe("a/#", 1, 3)).toEqual(["suback 0 #3 0 qos 1"]);
    const packet = { type: "subscribe", topic: short, messageId: 4, qos: 0, dup: false } as const;
    expect(await device.send(packet)).toEqual(["suback 0 #4 0 qos 0"]);
  });

  test("to a predefined topic is answered with its identifier", async () => {
    const { network, device } = await connected(new Network({ predefined: [[7, "common/topic"]] }));
    const packet = { type: "subscribe", messageId: 4, qos: 0, dup: false } as const;
    expect(await device.send({ ...packet, topic: { kind: "predefined", id: 7 } })).toEqual(["suback 7 #4 0 qos 0"]);
    expect(await device.send({ ...packet, topic: { kind: "predefined", id: 8 } })).toEqual(["suback 0 #4 2 qos 0"]);
    expect(network.uplink.last.log).toEqual(["subscribe common/topic 0"]);
  });

  test.each(["", "a/#/b", "a+", "$share//a"])("with the malformed filter %j is refused", async (filter) => {
    const { network, device } = await connected();
    expect(await device.subscribe(filter, 1, 3)).toEqual(["suback 0 #3 3 qos 0"]);
    expect(network.uplink.last.log).toEqual([]);
  });

  test.each([
    ["congestion", 1],
    ["refused", 3],
  ] as const)("that fails with %s is answered with code %i", async (outcome, code) => {
    const { network, device } = await connected();
    network.uplink.outcome = outcome;
    expect(await device.subscribe("a", 1, 3)).toEqual([`suback 0 #3 ${code} qos 0`]);
  });

  test("that is repeated is asked once, and answered once", async () => {
    const { network, device } = await connected();
    network.uplink.holds = true;
    await device.subscribe("a", 1, 3);
    await device.subscribe("a", 1, 3);
    network.uplink.release();
    await network.pass(0);
    expect(device.received()).toEqual(["suback 1 #3 0 qos 1"]);
    expect(network.uplink.last.log).toEqual(["subscribe a 1"]);
  });

  test("beyond 16 that are unanswered is answered with congestion", async () => {
    const { network, device } = await connected();
    network.uplink.holds = true;
    for (let id = 1; id <= 16; id++) await device.subscribe(`a/${id}`, 1, id);
    expect(await device.subscribe("a", 1, 17)).toEqual(["suback 0 #17 1 qos 0"]);
  });

  test("beyond the most filters is answered with congestion, unless the client has the filter", async () => {
    const network = new Network({ maxTopics: 2 });
    const device = network.device();
    await device.connect();
    network.uplink.filters.set("sensor", [
      ["a/#", 0],
      ["b/#", 0],
    ]);
    expect(await device.subscribe("c/#", 1, 1)).toEqual(["suback 0 #1 1 qos 0"]);
    expect(await device.subscribe("b/#", 1, 2)).toEqual(["suback 0 #2 0 qos 1"]);
  });

  test("and REGISTER of a name of more than 1,400 octets are refused", async () => {
    const network = new Network({ maxDatagram: 100 });
    const device = network.device();
    await device.connect();
    const name = "é".repeat(700);
    expect(await device.register(name, 1)).toEqual(["regack 1 #1 0"]);
    expect(await device.register(`${name}a`, 2)).toEqual(["regack 0 #2 3"]);
    expect(await device.subscribe(`${name}a`, 1, 3)).toEqual(["suback 0 #3 3 qos 0"]);
  });

  test("whose answer comes after the session has ended is not answered", async () => {
    const { network, device } = await connected();
    network.uplink.holds = true;
    await device.subscribe("a", 1, 3);
    await device.send({ type: "disconnect" });
    network.uplink.release();
    await network.pass(0);
    expect(device.received()).toEqual([]);
  });
});

describe("UNSUBSCRIBE", () => {
  const packet = { type: "unsubscribe", messageId: 4 } as const;

  test("is answered after the far side has answered", async () => {
    const { network, device } = await connected();
    network.uplink.holds = true;
    expect(await device.send({ ...packet, topic: { kind: "normal", name: "a" } })).toEqual([]);
    network.uplink.release();
    await network.pass(0);
    expect(device.received()).toEqual(["unsuback #4"]);
    expect(network.uplink.last.log).toEqual(["unsubscribe a"]);
  });

  test("of an unknown predefined topic is answered, because nothing is subscribed", async () => {
    const { network, device } = await connected();
    expect(await device.send({ ...packet, topic: { kind: "predefined", id: 8 } })).toEqual(["unsuback #4"]);
    expect(network.uplink.last.log).toEqual([]);
  });

  test("that fails with congestion is not answered, so that the client repeats it", async () => {
    const { network, device } = await connected();
    network.uplink.outcome = "congestion";
    expect(await device.send({ ...packet, topic: { kind: "normal", name: "a" } })).toEqual([]);
    network.uplink.outcome = "accepted";
    expect(await device.send({ ...packet, topic: { kind: "normal", name: "a" } })).toEqual(["unsuback #4"]);
  });
});
