// A bridge between two brokers, in memory and on a fake clock.
import { type Client, createClient, type Message, type QoS, ReasonCode } from "@aiko/mqtt";
import { FakeClock, FaultyLink, type LinkFaults, SeededRandom } from "@aiko/mqtt/testing";
import { Broker, type BrokerOptions } from "@aiko/mqtt-broker";
import { expect, onTestFinished, test } from "vitest";
import { Bridge } from "../../src/bridge/bridge.ts";
import type { BridgeSettings } from "../../src/bridge/bridge-settings.ts";
import type { BridgeTopic } from "../../src/bridge/bridge-topics.ts";

const STATUS = "$SYS/broker/connection/office/state";
const both: BridgeTopic = { filter: "#", direction: "both", qos: 2, localPrefix: "", remotePrefix: "" };

interface Scene {
  readonly clock: FakeClock;
  readonly near: Broker;
  readonly far: Broker;
  readonly bridge: Bridge;
  readonly reported: string[];
  client(broker: Broker, clientId: string): Promise<Client>;
  /** Subscribes to everything, and lists what arrives. */
  hear(broker: Broker, clientId: string): Promise<string[]>;
}

async function scene(
  settings: Partial<BridgeSettings> = {},
  { far: farOptions = {}, faults }: { far?: BrokerOptions; faults?: (attempt: number) => LinkFaults } = {},
): Promise<Scene> {
  const clock = new FakeClock();
  const near = await Broker.listen({ listeners: [], clock });
  const far = await Broker.listen({ listeners: [], clock, ...farOptions });
  const reported: string[] = [];
  const report = {
    connected: () => void reported.push("connected"),
    disconnected: (reason: string) => void reported.push(`disconnected: ${reason}`),
    dropped: (...facts: string[]) => void reported.push(`dropped: ${facts.join(", ")}`),
  };
  const { platform } = new FaultyLink(clock, far, faults);
  const bridge = new Bridge(
    near,
    {
      name: "office",
      servers: ["mqtt://far"],
      client: {},
      topics: [both],
      inflight: 100,
      sessionExpiry: 86_400,
      outgoingRetain: true,
      statusTopic: STATUS,
      remoteStatusTopic: undefined,
      ...settings,
    },
    report,
    platform,
  );
  onTestFinished(async () => {
    await clock.until(bridge.stop());
    await clock.until(Promise.all([near.close(), far.close()]));
  });
  async function client(broker: Broker, clientId: string): Promise<Client> {
    const made = createClient("mqtt://broker", { platform: new FaultyLink(clock, broker).platform, clientId });
    await clock.until(made.connect());
    onTestFinished(() => clock.until(made.disconnect()));
    return made;
  }
  async function hear(broker: Broker, clientId: string): Promise<string[]> {
    const heard: string[] = [];
    const onMessage = (message: Message): void => {
      const { topic, qos, retain, properties } = message;
      heard.push(
        `${topic}=${message.text()} q${qos}${retain ? " retained" : ""}${properties?.contentType === undefined ? "" : ` ${properties.contentType}`}`,
      );
    };
    await clock.until((await client(broker, clientId)).subscribe("#", { qos: 2, retainAsPublished: true, onMessage }));
    return heard;
  }
  await clock.advance(100);
  return { clock, near, far, bridge, reported, client, hear };
}

test.each([0, 1, 2] as const)("carries messages at QoS %i in both directions, once", async (qos) => {
  const { clock, near, far, client, hear, reported } = await scene();
  const atNear = await hear(near, "near listener");
  const atFar = await hear(far, "far listener");
  const properties = { contentType: "text" };
  await clock.until((await client(near, "a")).publish("x/1", "out", { qos, retain: true, properties }));
  await clock.until((await client(far, "b")).publish("x/2", "in", { qos }));
  await clock.advance(1_000);
  const all = [`x/1=out q${qos} retained text`, `x/2=in q${qos}`];
  expect([atNear.toSorted(), atFar.toSorted()]).toEqual([all, all]);
  expect(reported).toEqual(["connected"]);
});

test.each([3, 4] as const)("does not carry a message back from a server of version %i", async (protocolVersion) => {
  const { clock, near, far, client, hear } = await scene({ client: { protocolVersion, clientId: "bridge" } });
  const atNear = await hear(near, "near listener");
  const atFar = await hear(far, "far listener");
  const a = await client(near, "a");
  const properties = { contentType: "text" }; // which the server's version does not have
  for (const text of ["1", "2", "2"]) await clock.until(a.publish("x", text, { qos: 1, properties }));
  await clock.until((await client(far, "b")).publish("x", "3", { qos: 1 }));
  await clock.advance(1_000);
  const all = ["x=1 q1", "x=2 q1", "x=2 q1", "x=3 q1"];
  expect([atNear.map((line) => line.replace(" text", "")), atFar]).toEqual([all, all]);
});

test("gives topics another prefix, and carries only what matches", async () => {
  const topics: BridgeTopic[] = [
    { filter: "#", direction: "out", qos: 1, localPrefix: "sensors/", remotePrefix: "house/7/" },
    { filter: "light/+", direction: "in", qos: 0, localPrefix: "commands/", remotePrefix: "house/7/set/" },
    { filter: "", direction: "out", qos: 1, localPrefix: "alarm", remotePrefix: "house/7/alarm" },
  ];
  const { clock, near, far, client, hear } = await scene({ topics });
  const atNear = await hear(near, "near listener");
  const atFar = await hear(far, "far listener");
  const a = await client(near, "a");
  for (const topic of ["sensors/attic/t", "other", "alarm", "alarm/2"])
    await clock.until(a.publish(topic, "", { qos: 2 }));
  const b = await client(far, "b");
  for (const topic of ["house/7/set/light/1", "house/7/set/light/1/2", "house/8/set/light/1"])
    await clock.until(b.publish(topic, "", { qos: 1 }));
  await clock.advance(1_000);
  expect(atFar.filter((line) => !line.includes("set"))).toEqual(["house/7/attic/t= q1", "house/7/alarm= q1"]);
  expect(atNear.filter((line) => line.startsWith("commands"))).toEqual(["commands/light/1= q0"]);
});

test("messages that the server refuses do not stop the others", async () => {
  const authorizePublish = ({ topic }: { topic: string }) =>
    topic === "bad" ? { reasonCode: ReasonCode.NOT_AUTHORIZED } : undefined;
  const { clock, near, far, client, hear, reported } = await scene(
    {},
    { far: { authorizePublish: (_, { topic }) => authorizePublish({ topic }) ?? true } as BrokerOptions },
  );
  const atFar = await hear(far, "far listener");
  const a = await client(near, "a");
  for (const topic of ["good", "bad", "good"]) await clock.until(a.publish(topic, "", { qos: 1 }));
  await clock.advance(1_000);
  expect(atFar).toEqual(["good= q1", "good= q1"]);
  expect(reported).toEqual(["connected", expect.stringMatching(/^dropped: out, bad, .*not authorized/i)]);
});

test("publishes again what a server has no room for, until it has", async () => {
  let isFull = true;
  const authorizePublish = () => (isFull ? { reasonCode: ReasonCode.QUOTA_EXCEEDED } : true);
  const { clock, near, far, client, hear, reported } = await scene({}, { far: { authorizePublish } as BrokerOptions });
  const atFar = await hear(far, "far listener");
  await clock.until((await client(near, "a")).publish("x", "1", { qos: 1 }));
  await clock.advance(10_000);
  expect([atFar, reported]).toEqual([[], ["connected"]]);
  isFull = false;
  await clock.advance(1_000);
  expect(atFar).toEqual(["x=1 q1"]);
});

test("keeps messages while the server is not reachable, and carries them in order", async () => {
  let isDown = true;
  const { clock, near, far, client, hear, reported } = await scene({}, { faults: () => ({ refused: isDown }) });
  const atFar = await hear(far, "far listener");
  const a = await client(near, "a");
  for (let i = 0; i < 500; i++) await clock.until(a.publish("x", `${i}`, { qos: 1 }));
  await clock.advance(3_600_000);
  expect(atFar).toEqual([]);
  expect(reported).toEqual([expect.stringMatching(/^disconnected: /)]);
  isDown = false;
  await clock.advance(120_000);
  expect(atFar).toEqual(Array.from({ length: 500 }, (_, i) => `x=${i} q1`));
});

test.each([1, 2] as const)("loses nothing at QoS %i while connections are cut at random bytes", async (qos) => {
  const random = new SeededRandom(qos);
  const offset = () => Math.floor(random.next() * 500);
  let cuts = 0;
  const faults = (): LinkFaults => (++cuts > 60 ? {} : { cut: { toClient: offset(), toServer: offset() } });
  const { clock, near, far, client, hear } = await scene({}, { faults });
  const atFar = await hear(far, "far listener");
  const atNear = await hear(near, "near listener");
  const a = await client(near, "a");
  const b = await client(far, "b");
  const count = 300;
  for (let i = 0; i < count; i++) {
    await clock.until(Promise.all([a.publish("out", `${i}`, { qos }), b.publish("in", `${i}`, { qos })]));
    await clock.advance(500);
  }
  await clock.advance(7_200_000);
  expect(cuts).toBeGreaterThan(20);
  const expected = (topic: string, most: QoS) => Array.from({ length: count }, (_, i) => `${topic}=${i} q${most}`);
  const first = (lines: readonly string[], topic: string) =>
    [...new Set(lines)].filter((line) => line.startsWith(topic));
  expect(first(atFar, "out")).toEqual(expected("out", qos));
  expect(first(atNear, "in")).toEqual(expected("in", qos));
  if (qos === 2) expect([atFar.length, atNear.length]).toEqual([2 * count, 2 * count]);
});

test("reports its state in the broker, as a retained message", async () => {
  let isDown = false;
  const { clock, near, far } = await scene({}, { faults: () => ({ refused: isDown }) });
  const states: string[] = [];
  near.subscribe(STATUS, ({ retain, payload }) => {
    states.push(`${new TextDecoder().decode(payload)}${retain ? " retained" : ""}`);
  });
  await clock.advance(10);
  expect(states).toEqual(["1 retained"]);
  isDown = true;
  far.clients.get("bridge-office")?.disconnect();
  await clock.advance(1_000);
  expect(states.slice(1)).toEqual(["0"]);
});

test("tries again after the server has refused the client for good", async () => {
  let isKnown = false;
  const { clock, near, reported } = await scene({}, { far: { authenticate: () => isKnown } });
  await clock.advance(20_000);
  expect(reported).toEqual([expect.stringMatching(/^disconnected: .*refused/)]);
  isKnown = true;
  await clock.advance(20_000);
  expect(reported.slice(1)).toEqual(["connected"]);
  expect(near.clients.get("bridge-office")?.identity).toBe("$bridge:office");
});

test("what was not carried when the bridge stopped is carried by the next one", async () => {
  let isDown = true;
  const { clock, near, far, bridge, client, hear } = await scene({}, { faults: () => ({ refused: isDown }) });
  const atFar = await hear(far, "far listener");
  const a = await client(near, "a");
  for (let i = 0; i < 200; i++) await clock.until(a.publish("x", `${i}`, { qos: 2 }));
  await clock.until(bridge.stop());
  isDown = false;
  const report = { connected: () => undefined, disconnected: () => undefined, dropped: () => undefined };
  const next = new Bridge(
    near,
    {
      name: "office",
      servers: ["mqtt://far"],
      client: {},
      topics: [both],
      inflight: 100,
      sessionExpiry: 100,
      outgoingRetain: true,
      statusTopic: undefined,
      remoteStatusTopic: undefined,
    },
    report,
    new FaultyLink(clock, far).platform,
  );
  await clock.advance(10_000);
  expect(atFar).toEqual(Array.from({ length: 200 }, (_, i) => `x=${i} q2`));
  await clock.until(next.stop());
});

test("reports its state at the server, too: by a message, and by its will if the connection is lost", async () => {
  const { clock, far, bridge, hear } = await scene({
    topics: [{ ...both, direction: "in" }],
    remoteStatusTopic: "b/state",
  });
  const atFar = await hear(far, "far listener");
  await clock.advance(10);
  far.clients.get("bridge-office")?.disconnect();
  await clock.advance(120_000);
  await clock.until(bridge.stop());
  await clock.advance(10);
  expect(atFar).toEqual([
    "b/state=1 q1 retained",
    "b/state=0 q1 retained",
    "b/state=1 q1 retained",
    "b/state=0 q1 retained",
  ]);
});

test("reports that the server refuses the state, and carries messages", async () => {
  const authorizePublish = (_: unknown, { topic }: { topic: string }) => topic !== "b/state";
  const { clock, near, far, client, hear, reported } = await scene(
    { remoteStatusTopic: "b/state" },
    { far: { authorizePublish } as BrokerOptions },
  );
  const atFar = await hear(far, "far listener");
  await clock.until((await client(near, "a")).publish("x", "1", { qos: 1 }));
  await clock.advance(1_000);
  expect(atFar).toEqual(["x=1 q1"]);
  expect(reported).toEqual(["connected", expect.stringMatching(/^dropped: out, b\/state, /)]);
});

test("publishes no state without a topic for it", async () => {
  const { clock, near } = await scene({ statusTopic: undefined });
  const states: string[] = [];
  near.subscribe("$SYS/#", ({ topic }) => void states.push(topic));
  await clock.advance(10);
  expect(states).toEqual([]);
});

test("clears the retain flag of outgoing messages if the server accepts none, not that of incoming ones", async () => {
  const { clock, near, far, client, hear } = await scene({ outgoingRetain: false });
  const atFar = await hear(far, "far listener");
  const atNear = await hear(near, "near listener");
  await clock.until((await client(near, "a")).publish("out", "1", { qos: 1, retain: true }));
  await clock.until((await client(far, "b")).publish("in", "2", { qos: 1, retain: true }));
  await clock.advance(1_000);
  expect(atFar.filter((line) => line.startsWith("out"))).toEqual(["out=1 q1"]);
  expect(atNear.filter((line) => line.startsWith("in"))).toEqual(["in=2 q1 retained"]);
});

test.each([3, 4] as const)(
  "keeps no session at a server of version %i if sessions expire at once",
  async (protocolVersion) => {
    const { far, bridge, clock } = await scene({ sessionExpiry: 0, client: { protocolVersion } });
    expect(far.clients.get("bridge-office")?.subscriptions).toEqual(["#"]);
    await clock.until(bridge.stop());
    await clock.advance(10);
    expect(far.clients.get("bridge-office")).toBeUndefined();
  },
);
