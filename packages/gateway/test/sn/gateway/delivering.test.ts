// How messages get to a client that is active: registrations, acknowledgements, retries, and what cannot be delivered.
import { describe, expect, test } from "vitest";
import { type Device, Network } from "./network.ts";

async function connected(network = new Network()): Promise<{ network: Network; device: Device }> {
  const device = network.device();
  await device.connect({ cleanSession: false, duration: 600 });
  return { network, device };
}

/** The server sends a message; returns what the device has received then. */
async function sent(network: Network, device: Device, ...message: [string, string, (0 | 1 | 2)?, boolean?]) {
  network.uplink.last.send(...message);
  await network.pass(0);
  return device.received();
}

describe("REGISTER of the gateway", () => {
  test("precedes the first message of a topic, and is awaited", async () => {
    const { network, device } = await connected();
    expect(await sent(network, device, "a/b", "1")).toEqual(["register 1 #1 a/b"]);
    expect(await sent(network, device, "a/c", "2")).toEqual([]);
    expect(await device.regack(1, 1)).toEqual(["publish 1 #0 qos 0 1", "register 2 #2 a/c"]);
    expect(await device.regack(2, 2)).toEqual(["publish 2 #0 qos 0 2"]);
    expect(await sent(network, device, "a/b", "3", 0, true)).toEqual(["publish 1 #0 qos 0 retain 3"]);
  });

  test("is not needed for short and predefined topics", async () => {
    const { network, device } = await connected(new Network({ predefined: [[7, "common"]] }));
    expect(await sent(network, device, "ab", "1")).toEqual(["publish ab #0 qos 0 1"]);
    expect(await sent(network, device, "common", "2")).toEqual(["publish predefined 7 #0 qos 0 2"]);
  });

  test("is not needed for a topic that the client has registered or subscribed to", async () => {
    const { network, device } = await connected();
    await device.register("a/b", 1);
    await device.subscribe("a/c", 0, 2);
    expect(await sent(network, device, "a/b", "1")).toEqual(["publish 1 #0 qos 0 1"]);
    expect(await sent(network, device, "a/c", "2")).toEqual(["publish 2 #0 qos 0 2"]);
  });

  test("is sent again on the next connection", async () => {
    const { network, device } = await connected();
    await device.register("a/b", 1);
    await device.send({ type: "disconnect" });
    await device.connect({ cleanSession: false });
    expect(await sent(network, device, "a/b", "1")).toEqual(["register 1 #1 a/b"]);
  });

  test("that the client refuses drops the message, and those that follow on the topic", async () => {
    const { network, device } = await connected();
    await sent(network, device, "a/b", "1", 1);
    expect(await device.regack(1, 1, 3)).toEqual([]);
    expect(await sent(network, device, "a/b", "2", 1)).toEqual([]);
    expect(network.undelivered).toEqual(["refused", "refused"]);
    expect(network.uplink.last.deliveries).toEqual(["dropped", "dropped"]);
  });

  test("that the client cannot take now drops the message only", async () => {
    const { network, device } = await connected();
    await sent(network, device, "a/b", "1");
    expect(await device.regack(1, 1, 1)).toEqual([]);
    expect(await sent(network, device, "a/b", "2")).toEqual(["register 1 #2 a/b"]);
  });

  test("that is not answered is repeated, and then the client is lost", async () => {
    const { network, device } = await connected();
    await sent(network, device, "a/b", "1", 1);
    await network.pass(30_000);
    expect(device.received()).toEqual(["register 1 #1 a/b", "register 1 #1 a/b", "register 1 #1 a/b"]);
    expect(network.uplink.last.log).toEqual([]);
    await network.pass(10_000);
    expect(network.uplink.last.log).toEqual(["cut"]);
    expect(network.retries).toBe(3);
    expect(network.gateway.counts).toMatchObject({ lost: 1 });
  });

  test("takes the identifier of the topic that was not used for longest", async () => {
    const { network, device } = await connected(new Network({ maxTopics: 2 }));
    await device.register("own", 9);
    for (const [id, topic] of [
      [2, "a/b"],
      [3, "a/c"],
    ] as const) {
      await sent(network, device, topic, "1");
      await device.regack(id, id - 1);
    }
    expect(await device.publish({ topic: { kind: "normal", id: 2 } })).toEqual(["puback 2 #0 2"]);
    expect(await sent(network, device, "own", "1")).toEqual(["publish 1 #0 qos 0 1"]);
  });

  test("is not possible when the client has used all identifiers itself", async () => {
    const { network, device } = await connected(new Network({ maxTopics: 1 }));
    await device.register("own", 9);
    expect(await sent(network, device, "a/b", "1", 1)).toEqual([]);
    expect(network.undelivered).toEqual(["full"]);
  });
});

describe("PUBLISH of the gateway", () => {
  test("at QoS 1 is unfinished until PUBACK, and only one at a time", async () => {
    const { network, device } = await connected();
    expect(await sent(network, device, "ab", "1", 1)).toEqual(["publish ab #1 qos 1 1"]);
    expect(await sent(network, device, "ab", "2", 1)).toEqual([]);
    expect(await sent(network, device, "ab", "3", 0)).toEqual([]);
    expect(network.uplink.last.deliveries).toEqual([]);
    expect(await device.puback(0, 1)).toEqual(["publish ab #2 qos 1 2"]);
    expect(network.uplink.last.deliveries).toEqual(["delivered"]);
    expect(await device.puback(0, 2)).toEqual(["publish ab #0 qos 0 3"]);
    expect(network.uplink.last.deliveries).toEqual(["delivered", "delivered", "delivered"]);
  });

  test("at QoS 2 is unfinished until PUBCOMP", async () => {
    const { network, device } = await connected();
    await sent(network, device, "ab", "1", 2);
    expect(await device.send({ type: "pubrec", messageId: 1 })).toEqual(["pubrel #1"]);
    expect(network.uplink.last.deliveries).toEqual([]);
    expect(await device.send({ type: "pubcomp", messageId: 1 })).toEqual([]);
    expect(network.uplink.last.deliveries).toEqual(["delivered"]);
  });

  test("is repeated with DUP until it is acknowledged, and PUBREL without", async () => {
    const { network, device } = await connected();
    await sent(network, device, "ab", "1", 2);
    await network.pass(20_000);
    expect(device.received()).toEqual(["publish ab #1 qos 2 dup 1", "publish ab #1 qos 2 dup 1"]);
    expect(await device.send({ type: "pubrec", messageId: 1 })).toEqual(["pubrel #1"]);
    await network.pass(30_000);
    expect(device.received()).toEqual(["pubrel #1", "pubrel #1", "pubrel #1"]);
    await network.pass(10_000);
    expect(network.gateway.counts).toMatchObject({ lost: 1 });
  });

  test("that was not acknowledged goes out again on the next connection, with DUP and its identifier", async () => {
    const { network, device } = await connected();
    await sent(network, device, "ab", "1", 1);
    await device.send({ type: "disconnect" });
    expect(network.uplink.last.deliveries).toEqual([]);
    expect(await device.connect({ cleanSession: false })).toEqual(["connack 0", "publish ab #1 qos 1 dup 1"]);
  });

  test("whose PUBREC has come continues with PUBREL on the next connection", async () => {
    const { network, device } = await connected();
    await sent(network, device, "ab", "1", 2);
    await device.send({ type: "pubrec", messageId: 1 });
    await device.send({ type: "disconnect" });
    expect(await device.connect({ cleanSession: false })).toEqual(["connack 0", "pubrel #1"]);
  });

  test("whose PUBREC comes while it waits to be repeated is not sent again", async () => {
    const { network, device } = await connected();
    await sent(network, device, "a/b", "1", 2);
    await device.regack(1, 1);
    await device.connect({ cleanSession: false, duration: 601 });
    await device.sleep(60);
    await device.regack(1, 3);
    expect(await device.send({ type: "pubrec", messageId: 2 })).toEqual(["pubrel #2"]);
    expect(await device.ping("sensor")).toEqual(["pubrel #2"]);
    expect(await device.send({ type: "pubcomp", messageId: 2 })).toEqual(["pingresp"]);
    expect(network.uplink.last.deliveries).toEqual(["delivered"]);
  });

  test("whose PUBREC and PUBCOMP come while it waits to be repeated is complete", async () => {
    const { network, device } = await connected();
    await sent(network, device, "a/b", "1", 2);
    await device.regack(1, 1);
    await device.connect({ cleanSession: false, duration: 601 });
    await device.sleep(60);
    await device.regack(1, 3);
    await device.send({ type: "pubrec", messageId: 2 });
    await device.send({ type: "pubcomp", messageId: 2 });
    expect(network.uplink.last.deliveries).toEqual(["delivered"]);
    expect(await device.ping("sensor")).toEqual(["pingresp"]);
  });

  test("whose PUBREC comes while its topic is registered again continues with PUBREL", async () => {
    const { network, device } = await connected();
    await sent(network, device, "a/b", "1", 2);
    await device.regack(1, 1);
    await device.connect({ cleanSession: false, duration: 601 });
    expect(await device.send({ type: "pubrec", messageId: 2 })).toEqual(["pubrel #2"]);
    expect(await device.regack(1, 3)).toEqual(["pubrel #2"]);
    await device.send({ type: "pubcomp", messageId: 2 });
    expect(network.uplink.last.deliveries).toEqual(["delivered"]);
  });

  test("to an unknown identifier is registered again and repeated once", async () => {
    const { network, device } = await connected();
    await device.register("a/b", 9);
    expect(await sent(network, device, "a/b", "1", 1)).toEqual(["publish 1 #1 qos 1 1"]);
    expect(await device.puback(1, 1, 2)).toEqual(["register 1 #2 a/b"]);
    expect(await device.regack(1, 2)).toEqual(["publish 1 #1 qos 1 dup 1"]);
    expect(await device.puback(1, 1, 2)).toEqual([]);
    expect(network.undelivered).toEqual(["refused"]);
  });

  test("at QoS 0 to an unknown identifier has the topic registered again for the next message", async () => {
    const { network, device } = await connected();
    await device.register("a/b", 9);
    await sent(network, device, "a/b", "1");
    expect(await device.puback(1, 0, 2)).toEqual([]);
    expect(await sent(network, device, "a/b", "2")).toEqual(["register 1 #1 a/b"]);
  });

  test("that the client refuses is dropped", async () => {
    const { network, device } = await connected();
    await sent(network, device, "ab", "1", 2);
    await device.puback(0, 1, 3);
    expect(network.undelivered).toEqual(["refused"]);
    expect(network.uplink.last.deliveries).toEqual(["dropped"]);
  });

  test("that the client cannot take now is repeated later", async () => {
    const { network, device } = await connected();
    await sent(network, device, "ab", "1", 1);
    expect(await device.puback(0, 1, 1)).toEqual([]);
    await network.pass(10_000);
    expect(device.received()).toEqual(["publish ab #1 qos 1 dup 1"]);
  });

  test("that does not fit into a datagram is dropped, without a registration", async () => {
    const { network, device } = await connected(new Network({ maxDatagram: 300 }));
    expect(await sent(network, device, "a/b", "x".repeat(292), 1)).toEqual([]);
    expect(network.undelivered).toEqual(["too-long"]);
    expect(await sent(network, device, "ab", "x".repeat(291))).toHaveLength(1);
  });

  test.each([0, 1] as const)(
    "at QoS %i whose topic fits no REGISTER is dropped, and the next one comes",
    async (qos) => {
      const { network, device } = await connected(new Network({ maxDatagram: 65_507 }));
      expect(await sent(network, device, "é".repeat(32_767), "x", qos)).toEqual([]);
      expect(network.undelivered).toEqual(["too-long"]);
      expect(network.uplink.last.deliveries).toEqual(["dropped"]);
      expect(await sent(network, device, "ab", "y", 0)).toEqual(["publish ab #0 qos 0 y"]);
    },
  );

  test("beyond the bounds of the queue drops messages of QoS 0 first, then the new one", async () => {
    const { network, device } = await connected(new Network({ queue: { records: 2, bytes: 100 } }));
    await sent(network, device, "ab", "1", 1); // is under way
    await sent(network, device, "ab", "2", 0);
    await sent(network, device, "ab", "3", 1);
    await sent(network, device, "ab", "4", 1);
    await sent(network, device, "ab", "5", 1);
    await sent(network, device, "ab", "x".repeat(99), 0);
    expect(network.undelivered).toEqual(["full", "full", "full"]);
    expect(await device.puback(0, 1)).toEqual(["publish ab #2 qos 1 3"]);
    expect(await device.puback(0, 2)).toEqual(["publish ab #3 qos 1 4"]);
  });

  test("of a message that is over here is ended with PUBREL", async () => {
    const { device } = await connected();
    expect(await device.send({ type: "pubrec", messageId: 44 })).toEqual(["pubrel #44"]);
    expect(await device.send({ type: "pubcomp", messageId: 44 })).toEqual([]);
    expect(await device.puback(1, 44)).toEqual([]);
  });

  test("is forgotten at the end of the connection if the server sends it again", async () => {
    const { network, device } = await connected();
    network.uplink.last.redelivers = true;
    await sent(network, device, "ab", "1", 1);
    await device.send({ type: "disconnect" });
    await network.pass(0);
    expect(network.uplink.last.deliveries).toEqual(["forgotten"]);
    expect(await device.connect({ cleanSession: false })).toEqual(["connack 0"]);
  });

  test("of a clean session is forgotten at its end, unacknowledged", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect();
    await sent(network, device, "ab", "1", 1);
    await device.send({ type: "disconnect" });
    await network.pass(0);
    expect(network.uplink.last.deliveries).toEqual(["forgotten"]);
  });
});
