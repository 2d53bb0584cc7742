// The source "mqtt-sn": devices over UDP, at the embedded broker, as a transparent and as an aggregating gateway.
import { createSocket } from "node:dgram";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { freePort } from "../../../../test/fixtures/free-port.ts";
import { decodeFrame, encodeFrame } from "../../src/sn/codec/frame.ts";
import { FrameSplitter } from "../../src/sn/codec/frame-splitter.ts";
import type { SnPacket } from "../../src/sn/packets.ts";
import { SnDatagrams } from "../../src/source/sn-datagrams.ts";
import { type BenchOptions, GatewayBench, scrape } from "../gateway-bench.ts";
import { shown } from "../sn/gateway/shown.ts";
import { SnDevice } from "./sn-device.ts";

const source = (more = ""): string => `
[[source]]
id = "sn"
kind = "mqtt-sn"
listen = "127.0.0.1:0"
${more}
`;

async function start(more = "", options: BenchOptions = {}): Promise<{ bench: GatewayBench; device: SnDevice }> {
  const bench = await GatewayBench.start({ sources: source(more), ...options });
  await bench.until(() => bench.gateway.status.uplink.connected);
  return { bench, device: await SnDevice.at(bench.url("sn")) };
}

const modes = ["transparent", "aggregating"] as const;

describe.each(modes)("a gateway that is %s", (mode) => {
  const settings = `mode = "${mode}"`;

  test("publishes at each QoS", async () => {
    const { bench, device } = await start(settings);
    expect(await device.connect()).toBe("connack 0");
    device.publish();
    device.publish({ qos: 1, messageId: 1 });
    expect(await device.next()).toBe(`puback ${0x6162} #1 0`);
    device.publish({ qos: 2, messageId: 2 });
    expect(await device.next()).toBe("pubrec #2");
    expect(await device.ask({ type: "pubrel", messageId: 2 })).toBe("pubcomp #2");
    device.publish({ qos: -1 });
    await bench.until(() => bench.topics.filter((topic) => topic === "ab").length === 4);
    expect(bench.counts("sn")).toEqual({ in: 4, out: 4, spooled: 0, dropped: {} });
  });

  test("delivers what a client has subscribed to, once although two filters match", async () => {
    const { bench, device } = await start(settings);
    await device.connect();
    expect(await device.subscribe("rooms/+/temp", 0, 1)).toBe("suback 0 #1 0 qos 0");
    expect(await device.subscribe("rooms/#", 2, 2)).toBe("suback 0 #2 0 qos 2");
    await bench.observer.publish("rooms/kitchen/temp", "21", { qos: 1 });
    expect(await device.next()).toBe("register 1 #1 rooms/kitchen/temp");
    expect(await device.ask({ type: "regack", topicId: 1, messageId: 1, returnCode: 0 })).toBe("publish 1 #2 qos 1 21");
    device.puback(2, 1);
    expect(await device.ask({ type: "pingreq" })).toBe("pingresp");
    const unsubscribe = { type: "unsubscribe", messageId: 3 } as const;
    expect(await device.ask({ ...unsubscribe, topic: { kind: "normal", name: "rooms/#" } })).toBe("unsuback #3");
    await bench.observer.publish("rooms/kitchen/temp", "22", { qos: 1 });
    expect(await device.next()).toBe("publish 1 #0 qos 0 22");
  });

  test("delivers a retained message to each client that subscribes, and to no other", async () => {
    const { bench, device } = await start(settings);
    await bench.observer.publish("ab", "kept", { qos: 1, retain: true });
    await device.connect();
    await device.subscribe("ab", 1, 1);
    expect(await device.next()).toBe("publish ab #1 qos 1 retain kept");
    device.puback(1);
    const other = await SnDevice.at(bench.url("sn"));
    await other.connect({ clientId: "other" });
    await other.subscribe("ab", 0, 1);
    expect(await other.next()).toBe("publish ab #0 qos 0 retain kept");
    expect(await device.ask({ type: "pingreq" })).toBe("pingresp");
  });

  test("delivers what one of its clients publishes to another", async () => {
    const { bench, device } = await start(settings);
    const other = await SnDevice.at(bench.url("sn"));
    await device.connect();
    await other.connect({ clientId: "other" });
    await other.subscribe("ab", 1, 1);
    device.publish({ qos: 1, messageId: 1 });
    expect(await other.next()).toBe("publish ab #1 qos 1 21");
    other.puback(1);
    expect(await device.next()).toBe(`puback ${0x6162} #1 0`);
  });

  test("keeps messages for a client that sleeps", async () => {
    const { bench, device } = await start(settings);
    await device.connect({ cleanSession: false });
    await device.subscribe("ab", 1, 1);
    expect(await device.ask({ type: "disconnect", duration: 600 })).toBe("disconnect");
    for (const payload of ["1", "2", "3"]) await bench.observer.publish("ab", payload, { qos: 1 });
    await bench.until(() => bench.source("sn").sn?.clients["asleep"] === 1);
    expect(await device.ask({ type: "pingreq", clientId: "sensor" })).toBe("publish ab #1 qos 1 1");
    for (const id of [1, 2, 3]) {
      device.puback(id);
      expect(await device.next()).toBe(id < 3 ? `publish ab #${id + 1} qos 1 ${id + 1}` : "pingresp");
    }
  });

  test("publishes the will of a client that is silent, and not of one that leaves", async () => {
    const { bench, device } = await start(settings);
    const willing = async (clientId: string, duration: number): Promise<SnDevice> => {
      const each = await SnDevice.at(bench.url("sn"));
      expect(await each.connect({ clientId, will: true, duration })).toBe("willtopicreq");
      const will = { topic: `gone/${clientId}`, qos: 1, retain: false } as const;
      expect(await each.ask({ type: "willtopic", will })).toBe("willmsgreq");
      expect(await each.ask({ type: "willmsg", message: new Uint8Array(Buffer.from("old")) })).toBe("connack 0");
      return each;
    };
    const leaving = await willing("leaving", 60);
    await willing("silent", 1);
    const message = new Uint8Array(Buffer.from("new"));
    const renewed = await willing("renewed", 2);
    expect(await renewed.ask({ type: "willmsgupd", message })).toBe("willmsgresp 0");
    expect(await leaving.ask({ type: "disconnect" })).toBe("disconnect");
    await bench.until(() => bench.topics.filter((topic) => topic.startsWith("gone/")).length === 2);
    const wills = bench.messages.filter(({ topic }) => topic.startsWith("gone/"));
    expect(wills).toEqual([
      { topic: "gone/silent", payload: "old" },
      { topic: "gone/renewed", payload: "new" },
    ]);
    device.publish({ qos: -1 });
    await bench.until(() => bench.topics.includes("ab"));
  });

  test("keeps the session of a client that leaves without ending it", async () => {
    const { bench, device } = await start(settings);
    await device.connect({ cleanSession: false });
    await device.subscribe("ab", 1, 1);
    await device.ask({ type: "disconnect" });
    await bench.observer.publish("ab", "kept", { qos: 1 });
    device.send({
      type: "connect",
      clientId: "sensor",
      will: false,
      cleanSession: false,
      protocolId: 1,
      duration: 60,
    });
    const both = [await device.next(), await device.next()];
    expect(both).toEqual(["connack 0", "publish ab #1 qos 1 kept"]);
    device.puback(1);
    expect(await device.ask({ type: "pingreq" })).toBe("pingresp");
  });

  test("accepts QoS 1 and 2 while the server cannot be reached, and delivers it later", async () => {
    const { bench, device } = await start(settings);
    await device.connect();
    bench.isOnline = false;
    bench.link.cut();
    await bench.until(() => !bench.gateway.status.uplink.connected);
    device.publish({ qos: 1, messageId: 1 });
    expect(await device.next()).toBe(`puback ${0x6162} #1 0`);
    device.publish({ qos: 2, messageId: 2 });
    expect(await device.next()).toBe("pubrec #2");
    expect(bench.counts("sn").spooled).toBe(2);
    bench.isOnline = true;
    await bench.until(() => bench.topics.filter((topic) => topic === "ab").length === 2);
    device.publish({ qos: 1, messageId: 3 });
    expect(await device.next()).toBe(`puback ${0x6162} #3 0`);
  });
});

test("a transparent gateway answers new clients with congestion while the server cannot be reached", async () => {
  const bench = await GatewayBench.start({ sources: source(), online: false });
  const device = await SnDevice.at(bench.url("sn"));
  expect(await device.connect()).toBe("connack 1");
});

test("an aggregating gateway accepts new clients while the server cannot be reached", async () => {
  const bench = await GatewayBench.start({ sources: source('mode = "aggregating"'), online: false });
  const device = await SnDevice.at(bench.url("sn"));
  expect(await device.connect()).toBe("connack 0");
  expect(await device.subscribe("ab")).toBe("suback 0 #1 1 qos 0");
});

test("malformed datagrams are counted, and nothing else happens", async () => {
  const { bench, device } = await start();
  for (const hex of ["", "00", "01", "0102", "0100", "020c", "ff16", "02ff", "03fe00", "0216ff"]) {
    device.write(new Uint8Array(Buffer.from(hex, "hex")));
  }
  expect(await device.connect()).toBe("connack 0");
  expect(bench.counts("sn").dropped).toEqual({ malformed: 10 });
});

test("the metrics have sessions, retries and what was not delivered", async () => {
  const { bench, device } = await start();
  await device.connect();
  const samples = await scrape(bench.gateway.status.metrics ?? "");
  const found = samples.filter(({ name, value }) => name.startsWith("aiko_gateway_sn_") && value > 0);
  expect(found).toEqual([{ name: "aiko_gateway_sn_clients", labels: { source: "sn", state: "active" }, value: 1 }]);
});

test("clients find the gateway by its multicast group", async () => {
  const port = await freePort();
  const { bench, device } = await start(`group = "239.83.78.1:${port}"\nadvertise = "1h"\ngateway_id = 7`);
  const listener = createSocket({ type: "udp4", reuseAddr: true });
  onTestFinished(() => void listener.close());
  const heard: string[] = [];
  listener.on("message", (bytes) => heard.push(bytes.toString("hex")));
  await new Promise<void>((resolve) => listener.bind(port, "239.83.78.1", resolve));
  listener.addMembership("239.83.78.1", "127.0.0.1");
  device.writeTo("239.83.78.1", port, { type: "searchgw", radius: 1 });
  expect(await device.next()).toBe("gwinfo 7");
  await bench.until(() => heard.includes("030207"));
  expect(heard).toEqual(["030101", "030207"]);
});

describe("over a TCP stream", () => {
  /** A device behind ser2net: the bytes that it has received, as messages. */
  async function lineOf(mode: string) {
    const heard: string[] = [];
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      const note = { frame: (bytes: Uint8Array) => void heard.push(shownFrame(bytes)), broken: () => {} };
      const splitter = new FrameSplitter({ maxFrame: 1_000, gap: 50 }, note);
      socket.on("error", () => {}).on("data", (bytes) => splitter.push(new Uint8Array(bytes), 0));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const connect = `connect = "127.0.0.1:${(server.address() as AddressInfo).port}"`;
    const sources = source(`${connect}\n${mode}`).replace('listen = "127.0.0.1:0"\n', "");
    const bench = await GatewayBench.start({ sources });
    await bench.until(() => bench.gateway.status.uplink.connected && sockets.length > 0);
    const send = (packet: SnPacket, node?: string): void => {
      const encapsulation = node === undefined ? undefined : { wirelessNodeId: Buffer.from(node), radius: 0 };
      sockets.at(-1)?.write(encodeFrame(packet, encapsulation));
    };
    return { bench, heard, send, sockets };
  }

  const connectPacket = { type: "connect", will: false, cleanSession: true, protocolId: 1, duration: 60 } as const;

  test("a client and others behind a forwarder are served", async () => {
    const { bench, heard, send } = await lineOf("");
    send({ ...connectPacket, clientId: "alone" });
    await bench.until(() => heard.includes("connack 0"));
    send({ ...connectPacket, clientId: "one" }, "n1");
    await bench.until(() => heard.includes("n1 connack 0"));
    send({ type: "subscribe", topic: { kind: "normal", name: "ab" }, messageId: 1, qos: 0, dup: false }, "n1");
    await bench.until(() => heard.includes("n1 suback 1 #1 0 qos 0"));
    const data = new Uint8Array(Buffer.from("21"));
    const flags = { dup: false, retain: false } as const;
    send({ type: "publish", topic: { kind: "short", name: "ab" }, messageId: 2, qos: 1, ...flags, data });
    await bench.until(() => heard.includes("n1 publish ab #0 qos 0 21"));
    expect(heard).toContain(`puback ${0x6162} #2 0`);
  });

  test("what is no message is dropped, and the next message is found", async () => {
    const { bench, heard, send, sockets } = await lineOf("");
    sockets[0]?.write(Buffer.from("hello\r\n", "latin1"));
    await bench.until(() => Object.keys(bench.counts("sn").dropped).length > 0);
    await new Promise((resolve) => setTimeout(resolve, 100)); // a line is silent for a moment
    send({ ...connectPacket, clientId: "alone" });
    await bench.until(() => heard.includes("connack 0"));
  });

  test("the stream is opened again, and sessions continue", async () => {
    const { bench, heard, send, sockets } = await lineOf('mode = "aggregating"');
    send({ ...connectPacket, clientId: "alone" });
    await bench.until(() => heard.includes("connack 0"));
    sockets[0]?.destroy();
    await bench.until(() => sockets.length === 2 && bench.source("sn").state === "up");
    send({ type: "pingreq" });
    await bench.until(() => heard.includes("pingresp"));
    expect(bench.source("sn").reopens).toBe(1);
  });
});

/** A message, after the name of its node if it is encapsulated. */
function shownFrame(bytes: Uint8Array): string {
  const { packet, encapsulation } = decodeFrame(bytes);
  const node = encapsulation === undefined ? "" : `${Buffer.from(encapsulation.wirelessNodeId).toString()} `;
  return `${node}${packet === undefined ? "malformed" : shown(packet)}`;
}

test("a datagram with the port 0 as its sender is not answered", async () => {
  const datagrams = new SnDatagrams({
    settings: { listen: { host: "127.0.0.1", port: 0 }, group: undefined, hops: 1 },
    listener: { received: () => {}, opened: () => {}, failed: (why) => expect.fail(why) },
  });
  await new Promise((resolve) => setImmediate(resolve));
  datagrams.send({ address: "127.0.0.1:0", host: "127.0.0.1", isShared: true }, new Uint8Array([2, 0x16]));
  await datagrams.close();
});

describe.each(modes)("after a restart, a gateway that is %s", (mode) => {
  test("continues the session of a client that sleeps, with its subscriptions, topics and messages", async () => {
    const port = await freePort();
    const sources = source(`mode = "${mode}"`).replace("127.0.0.1:0", `127.0.0.1:${port}`);
    const bench = await GatewayBench.start({ sources, disk: true });
    await bench.until(() => bench.gateway.status.uplink.connected);
    const device = await SnDevice.at(bench.url("sn"));
    await device.connect({ cleanSession: false });
    await device.subscribe("a/b", 1, 1);
    await device.ask({ type: "disconnect", duration: 600 });
    await bench.observer.publish("a/b", "before", { qos: 1 });
    await device.ask({ type: "pingreq", clientId: "sensor" }); // the message has come, and is not acknowledged
    await bench.restart();
    await bench.until(() => bench.source("sn").sn?.clients["asleep"] === 1);
    await bench.observer.publish("a/b", "after", { qos: 1 });
    device.publish({ topic: { kind: "normal", id: 1 }, qos: 1, messageId: 9 });
    expect(await device.next()).toBe("puback 1 #9 0");
    const delivered: string[] = [];
    while (delivered.length < 3) {
      let heard = await device.ask({ type: "pingreq", clientId: "sensor" });
      while (heard !== "pingresp") {
        const packet = device.packets.at(-1);
        if (packet?.type === "register") {
          device.send({ type: "regack", topicId: packet.topicId, messageId: packet.messageId, returnCode: 0 });
        } else if (packet?.type === "publish") {
          delivered.push(Buffer.from(packet.data).toString());
          device.puback(packet.messageId, 1);
        }
        heard = await device.next();
      }
    }
    expect(delivered).toEqual(["before", "after", "21"]);
  });

  test("tells clients with a clean session at their next message", async () => {
    const port = await freePort();
    const sources = source(`mode = "${mode}"`).replace("127.0.0.1:0", `127.0.0.1:${port}`);
    const bench = await GatewayBench.start({ sources, disk: true });
    await bench.until(() => bench.gateway.status.uplink.connected);
    const device = await SnDevice.at(bench.url("sn"));
    await device.connect();
    await bench.restart();
    expect(await device.next()).toBe("disconnect");
    expect(await device.ask({ type: "pingreq" })).toBe("disconnect");
  });
});
