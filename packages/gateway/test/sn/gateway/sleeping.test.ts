// Clients that sleep: how long they may, how they receive what has waited, and how they wake.
import { describe, expect, test } from "vitest";
import { type Device, Network } from "./network.ts";

async function asleep(duration = 600, network = new Network()): Promise<{ network: Network; device: Device }> {
  const device = network.device();
  await device.connect({ cleanSession: false });
  await device.sleep(duration);
  return { network, device };
}

async function sent(network: Network, ...messages: [string, string, (0 | 1 | 2)?][]): Promise<void> {
  for (const message of messages) network.uplink.last.send(...message);
  await network.pass(0);
}

describe("a client that sleeps", () => {
  test("is answered DISCONNECT without a duration, and keeps its connection", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect();
    expect(await device.sleep(600)).toEqual(["disconnect"]);
    expect(network.uplink.last.log).toEqual([]);
    expect(network.gateway.counts).toMatchObject({ asleep: 1 });
  });

  test.each([
    [60, 90_000],
    [61, 67_100],
  ])("for %i s is lost after a tolerance of half or a tenth", async (duration, limit) => {
    const { network } = await asleep(duration);
    await network.pass(limit - 1);
    expect(network.uplink.last.log).toEqual([]);
    await network.pass(1);
    expect(network.uplink.last.log).toEqual(["cut"]);
    expect(network.gateway.counts).toMatchObject({ lost: 1 });
  });

  test("receives nothing until it asks", async () => {
    const { network, device } = await asleep();
    await sent(network, ["ab", "1", 0], ["ab", "2", 1]);
    expect(device.received()).toEqual(["disconnect"].slice(1));
    expect(network.uplink.last.deliveries).toEqual([]);
  });

  test("sends data: it is accepted, the time begins again, and it sleeps on", async () => {
    const { network, device } = await asleep(60);
    await network.pass(80_000);
    expect(await device.register()).toEqual(["regack 1 #1 0"]);
    expect(await device.publish({ qos: 1, messageId: 5 })).toEqual(["puback 1 #5 0"]);
    await network.pass(80_000);
    expect(network.gateway.counts).toMatchObject({ asleep: 1 });
  });

  test("sleeps longer or shorter with another DISCONNECT", async () => {
    const { network, device } = await asleep(60);
    await network.pass(80_000);
    expect(await device.sleep(10)).toEqual(["disconnect"]);
    await network.pass(15_000);
    expect(network.gateway.counts).toMatchObject({ lost: 1 });
  });

  test("leaves with DISCONNECT", async () => {
    const { network, device } = await asleep();
    expect(await device.send({ type: "disconnect" })).toEqual(["disconnect"]);
    expect(network.uplink.last.log).toEqual(["disconnect"]);
  });
});

describe("PINGREQ of a client that sleeps", () => {
  test("is answered with PINGRESP if nothing waits", async () => {
    const { network, device } = await asleep();
    expect(await device.ping("sensor")).toEqual(["pingresp"]);
    expect(network.gateway.counts).toMatchObject({ asleep: 1 });
  });

  test("is answered with all messages, each to its end, and then PINGRESP", async () => {
    const { network, device } = await asleep();
    await sent(network, ["ab", "1", 0], ["a/b", "2", 1], ["ab", "3", 2]);
    expect(await device.ping("sensor")).toEqual(["publish ab #0 qos 0 1", "register 1 #1 a/b"]);
    expect(network.gateway.counts).toMatchObject({ awake: 1 });
    expect(await device.regack(1, 1)).toEqual(["publish 1 #2 qos 1 2"]);
    expect(await device.puback(1, 2)).toEqual(["publish ab #3 qos 2 3"]);
    expect(await device.send({ type: "pubrec", messageId: 3 })).toEqual(["pubrel #3"]);
    expect(await device.send({ type: "pubcomp", messageId: 3 })).toEqual(["pingresp"]);
    expect(network.gateway.counts).toMatchObject({ asleep: 1 });
    expect(network.uplink.last.deliveries).toEqual(["delivered", "delivered", "delivered"]);
  });

  test("includes messages that come meanwhile", async () => {
    const { network, device } = await asleep();
    await sent(network, ["ab", "1", 1]);
    await device.ping("sensor");
    await sent(network, ["ab", "2", 0]);
    expect(device.received()).toEqual([]);
    expect(await device.puback(0, 1)).toEqual(["publish ab #0 qos 0 2", "pingresp"]);
  });

  test("ends with PINGRESP after half of the sleep; the rest comes next time", async () => {
    const { network, device } = await asleep(10);
    await sent(network, ["ab", "1", 1], ["ab", "2", 1]);
    await device.ping("sensor");
    await network.pass(5_000);
    expect(device.received()).toEqual(["pingresp"]);
    await network.pass(10_000);
    expect(device.received()).toEqual([]);
    expect(await device.ping("sensor")).toEqual(["publish ab #1 qos 1 dup 1"]);
    expect(await device.puback(0, 1)).toEqual(["publish ab #2 qos 1 2"]);
    expect(await device.puback(0, 2)).toEqual(["pingresp"]);
  });

  test("counts an acknowledgement that comes after PINGRESP", async () => {
    const { network, device } = await asleep(10);
    await sent(network, ["ab", "1", 1]);
    await device.ping("sensor");
    await network.pass(5_000);
    expect(await device.puback(0, 1)).toEqual(["pingresp"]);
    expect(network.uplink.last.deliveries).toEqual(["delivered"]);
  });

  test("does not begin again while the messages are being sent", async () => {
    const { network, device } = await asleep();
    await sent(network, ["ab", "1", 1]);
    await device.ping("sensor");
    expect(await device.ping("sensor")).toEqual([]);
    expect(await device.puback(0, 1)).toEqual(["pingresp"]);
  });

  test("with retries that are not answered loses the client", async () => {
    const { network, device } = await asleep(600);
    await sent(network, ["ab", "1", 1]);
    await device.ping("sensor");
    await network.pass(40_000);
    expect(device.received()).toHaveLength(3);
    expect(network.gateway.counts).toMatchObject({ lost: 1 });
  });

  test("from another address moves the client", async () => {
    const { network, device } = await asleep();
    await sent(network, ["ab", "1", 0]);
    const moved = network.device("10.0.0.9:9");
    expect(await moved.ping("sensor")).toEqual(["publish ab #0 qos 0 1", "pingresp"]);
    expect(device.received()).toEqual([]);
    expect(await device.ping()).toEqual(["disconnect"]);
  });

  test("without an identifier counts at the client's own address", async () => {
    const { device } = await asleep();
    expect(await device.ping()).toEqual(["pingresp"]);
  });

  test.each(["stranger", ""])(
    "with the unknown identifier %j from a stranger is answered with DISCONNECT",
    async (id) => {
      const { network } = await asleep();
      expect(await network.device("10.0.0.9:9").ping(id)).toEqual(["disconnect"]);
    },
  );

  test("of an active client from another address moves nobody", async () => {
    const network = new Network();
    const device = network.device();
    await device.connect();
    expect(await network.device("10.0.0.9:9").ping("sensor")).toEqual(["disconnect"]);
    expect(await device.ping()).toEqual(["pingresp"]);
  });
});

describe("CONNECT of a client that sleeps", () => {
  test("keeps the connection, registers again, and delivers what has waited", async () => {
    const { network, device } = await asleep();
    await device.register("a/b", 1);
    await sent(network, ["a/b", "1", 1]);
    expect(await device.connect({ will: true, cleanSession: false })).toEqual(["connack 0", "register 1 #1 a/b"]);
    expect(await device.regack(1, 1)).toEqual(["publish 1 #2 qos 1 1"]);
    expect(network.uplink.connections).toHaveLength(1);
    expect(network.uplink.last.log).toEqual([]);
    expect(network.gateway.counts).toMatchObject({ active: 1 });
  });

  test("with a clean session ends subscriptions and identifiers: the device knows nothing", async () => {
    const { network, device } = await asleep();
    await device.register("a/b", 1);
    await sent(network, ["a/b", "1", 1]);
    expect(await device.connect({ cleanSession: true })).toEqual(["connack 0"]);
    expect(network.uplink.last.log).toEqual(["unsubscribe all"]);
    expect(await device.publish()).toEqual(["puback 1 #0 2"]);
    expect(network.uplink.last.deliveries).toEqual(["forgotten"]);
  });

  test("while it receives its messages ends that, and continues as active", async () => {
    const { network, device } = await asleep();
    await sent(network, ["ab", "1", 1]);
    await device.ping("sensor");
    expect(await device.connect({ cleanSession: false })).toEqual(["connack 0", "publish ab #1 qos 1 dup 1"]);
    expect(await device.puback(0, 1)).toEqual([]);
    expect(network.gateway.counts).toMatchObject({ active: 1 });
  });

  test("from another address tells the old one", async () => {
    const { network, device } = await asleep();
    const moved = network.device("10.0.0.9:9");
    expect(await moved.connect({ cleanSession: false })).toEqual(["connack 0"]);
    expect(device.received()).toEqual(["disconnect"]);
    expect(network.uplink.connections).toHaveLength(1);
  });
});
