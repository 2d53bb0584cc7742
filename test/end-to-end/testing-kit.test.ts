// The testing kit in a user's tests: client, broker and the network between them on one fake clock.
import { createClient, type Message, MqttError, ReasonCode } from "@aiko/mqtt";
import { FakeClock, FaultyLink, type LinkFaults, ScriptedServer } from "@aiko/mqtt/testing";
import { Broker, type BrokerOptions } from "@aiko/mqtt-broker";
import { describe, expect, test } from "vitest";

const MINUTE = 60_000;

async function started(options: BrokerOptions = {}) {
  const clock = new FakeClock();
  return { clock, broker: await Broker.listen({ listeners: [], clock, ...options }) };
}

describe("a client and a broker on one clock", () => {
  test("exchange messages without advancing the time", async () => {
    const clock = new FakeClock();
    const began = clock.now();
    await using broker = await Broker.listen({ listeners: [], clock });
    const client = createClient("mqtt://broker", { platform: new FaultyLink(clock, broker).platform });
    const got: string[] = [];
    await clock.until(client.connect());
    await clock.until(client.subscribe("a/#", { onMessage: (message) => got.push(message.text()) }));
    await clock.until(client.publish("a/b", "hello", { qos: 2 }));
    expect(got).toEqual(["hello"]);
    await clock.until(client.disconnect());
    expect(broker.statistics).toMatchObject({ openConnections: 0 });
    expect(clock.now()).toBe(began);
  });

  test("have different identifiers for two clients of one clock, the same in each run", async () => {
    const runs = [1, 2].map(async () => {
      const { clock, broker } = await started();
      const links = [new FaultyLink(clock, broker), new FaultyLink(clock, broker)];
      const clients = links.map(({ platform }) => createClient("mqtt://broker", { platform }));
      for (const client of clients) await clock.until(client.connect());
      expect(clients.map(({ connected }) => connected)).toEqual([true, true]);
      for (const client of clients) await clock.until(client.disconnect());
      return clients.map(({ clientId }) => clientId);
    });
    const [one, other] = await Promise.all(runs);
    expect(one).toEqual(other);
    expect(new Set(one).size).toBe(2);
  });

  test("need no real timer and no socket", async () => {
    const before = process.getActiveResourcesInfo().filter((each) => /timer|timeout|server|socket|tcp/i.test(each));
    const { clock, broker } = await started();
    const client = createClient("mqtt://broker", { platform: new FaultyLink(clock, broker).platform });
    await clock.until(client.connect());
    const during = process.getActiveResourcesInfo().filter((each) => /timer|timeout|server|socket|tcp/i.test(each));
    expect(during.length).toBeLessThanOrEqual(before.length);
    expect(broker).toMatchObject({ port: 0, url: "", urls: [] });
    await clock.until(client.disconnect());
    await broker.close();
  });

  test("keep the connection through hours of silence, in one call", async () => {
    const { clock, broker } = await started();
    const client = createClient("mqtt://broker", { platform: new FaultyLink(clock, broker).platform, keepAlive: 30 });
    let pings = 0;
    client.on("packet", (packet) => {
      if (packet.type === "pingresp") pings++;
    });
    await clock.until(client.connect());
    await clock.advance(120 * MINUTE);
    expect(client.connected).toBe(true);
    expect(pings).toBeGreaterThanOrEqual(239);
    expect(client.statistics.connections).toBe(1);
  });
});

describe("a connection that is cut during a QoS 2 exchange", () => {
  /** Sends a message over a connection that is cut once. Returns the received messages. */
  async function exchange(faults: LinkFaults): Promise<{ got: string[]; attempts: number }> {
    const { clock, broker } = await started();
    const got: string[] = [];
    const reader = createClient("mqtt://broker", { platform: new FaultyLink(clock, broker).platform });
    await clock.until(reader.connect());
    await clock.until(reader.subscribe("meter/+", { qos: 2, onMessage: (message) => got.push(message.text()) }));
    const link = new FaultyLink(clock, broker, (attempt) => (attempt === 0 ? faults : {}));
    const sender = createClient("mqtt://broker", { platform: link.platform });
    await clock.until(sender.connect().catch(() => sender.connect())); // some cuts happen before CONNACK
    await clock.until(sender.publish("meter/1", "1042", { qos: 2 }));
    await clock.until(Promise.all([sender.disconnect(), reader.disconnect()]));
    await broker.close();
    return { got, attempts: link.attempts };
  }

  test.each(["toServer", "toClient"] as const)(
    "at any byte %s: the message arrives exactly once",
    async (direction) => {
      let cuts = 0;
      for (let offset = 1; offset < 120; offset++) {
        const { got, attempts } = await exchange({ cut: { [direction]: offset } });
        expect({ offset, got }).toEqual({ offset, got: ["1042"] });
        cuts += attempts - 1;
      }
      expect(cuts).toBeGreaterThan(10);
    },
  );

  test("explicitly, between PUBREC and PUBREL", async () => {
    const { clock, broker } = await started();
    const link = new FaultyLink(clock, broker);
    const client = createClient("mqtt://broker", { platform: link.platform });
    const got: string[] = [];
    await clock.until(client.connect());
    await clock.until(client.subscribe("meter/+", { qos: 2, onMessage: (message) => got.push(message.text()) }));
    const off = client.on("packet", ({ type }) => {
      if (type === "pubrec") link.cut();
    });
    const publishing = client.publish("meter/1", "1042", { qos: 2 });
    await clock.tick();
    off();
    expect(client.connected).toBe(false);
    await clock.until(publishing);
    await clock.tick();
    expect(got).toEqual(["1042"]);
    expect(link.attempts).toBe(2);
  });
});

test("keep-alive: both ends of a half-open connection detect it, and the broker publishes the will", async () => {
  const { clock, broker } = await started();
  const watching = createClient("mqtt://broker", { platform: new FaultyLink(clock, broker).platform });
  const wills: string[] = [];
  const onMessage = ({ topic, payload }: Message) => wills.push(`${topic}: ${new TextDecoder().decode(payload)}`);
  await clock.until(watching.connect());
  await clock.until(watching.subscribe("status/#", { onMessage }));

  const link = new FaultyLink(clock, broker);
  const will = { topic: "status/kitchen", payload: "gone" };
  const kitchen = createClient("mqtt://broker", { platform: link.platform, keepAlive: 10, reconnect: false, will });
  const errors: unknown[] = [];
  kitchen.on("closed", ({ error }) => errors.push(error));
  await clock.until(kitchen.connect());
  link.vanish();
  await clock.advance(14_000);
  expect(wills).toEqual([]);
  await clock.advance(1_000);
  expect(wills).toEqual(["status/kitchen: gone"]);
  await clock.advance(MINUTE);
  expect(errors).toMatchObject([{ code: "KEEP_ALIVE_TIMEOUT" }]);
});

describe("a scripted server", () => {
  test("accepts a client, and can send what no broker sends", async () => {
    const clock = new FakeClock();
    const server = new ScriptedServer(clock);
    const client = createClient("mqtt://server", { platform: server.platform });
    const [peer, connected] = await Promise.all([server.accept({ properties: { maximumQoS: 1 } }), client.connect()]);
    expect(connected.properties).toEqual({ maximumQoS: 1 });
    const publishing = client.publish("meter/1", "1042", { qos: 1 });
    const { packetIdentifier } = await peer.expect("publish");
    peer.send({ type: "puback", packetIdentifier, reasonCode: ReasonCode.QUOTA_EXCEEDED });
    await expect(clock.until(publishing)).rejects.toMatchObject({ code: "PUBLISH_REFUSED", reasonCode: 0x97 });
  });

  test.each([3, 4, 5] as const)("answers in the version of the CONNECT: %i", async (protocolVersion) => {
    const clock = new FakeClock();
    const server = new ScriptedServer(clock);
    const client = createClient("mqtt://server", { platform: server.platform, protocolVersion });
    const [peer] = await Promise.all([server.accept(), client.connect()]);
    expect(peer.received).toMatchObject([{ type: "connect", protocolVersion }]);
    peer.cut();
    const again = await clock.until(server.accept());
    expect(again.received).toMatchObject([{ type: "connect", protocolVersion }]);
    expect(client.connected).toBe(true);
  });

  test("refuses a client", async () => {
    const clock = new FakeClock();
    const server = new ScriptedServer(clock);
    const client = createClient("mqtt://server", { platform: server.platform, protocolVersion: 5 });
    const connecting = client.connect();
    connecting.catch(() => undefined);
    await server.accept({ reasonCode: ReasonCode.NOT_AUTHORIZED });
    const error: unknown = await clock.until(connecting).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(MqttError);
    expect(error).toMatchObject({ code: "CONNECT_REFUSED", reasonCode: ReasonCode.NOT_AUTHORIZED });
  });
});
