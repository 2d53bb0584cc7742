// A bridge between the broker and a cluster of RabbitMQ, whose serving node is killed: it fails over to another one.
import { type Client, connect, type Message } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";
import { expect, test } from "vitest";
import { Bridge } from "../../packages/broker/src/bridge/bridge.ts";
import { RabbitMqCluster, type RabbitMqNode } from "../fixtures/rabbitmq.ts";

/** Messages each second in each direction, and their numbers before and after the node ends. */
const RATE = 100;
const BEFORE = 100;
const AFTER = 300;

const options = {
  protocolVersion: 4,
  cleanStart: false,
  keepAlive: 5,
  connectTimeout: 5_000,
  reconnect: { maximumDelay: 1_000 },
} as const;

/** Subscribes to everything, and lists what arrives. */
async function hear(client: Client): Promise<string[]> {
  const heard: string[] = [];
  const onMessage = (message: Message): void => void heard.push(`${message.topic}=${message.text()}`);
  await client.subscribe("#", { qos: 1, onMessage });
  return heard;
}

test("a bridge to RabbitMQ loses nothing, keeps the order and makes no loop while its node is killed", async () => {
  await using cluster = await RabbitMqCluster.start();
  await using broker = await Broker.listen({ port: 0 });
  const connections: string[] = [];
  const dropped: string[] = [];
  const { cleanStart: _, ...client } = options;
  const bridge = new Bridge(
    broker,
    {
      name: "rabbit",
      servers: cluster.urls as [string, ...string[]],
      client,
      topics: [{ filter: "#", direction: "both", qos: 1, localPrefix: "house/", remotePrefix: "" }],
      inflight: 100,
      sessionExpiry: 3_600,
      outgoingRetain: true,
      statusTopic: undefined,
      remoteStatusTopic: undefined,
    },
    {
      connected: (server) => void connections.push(server),
      disconnected: () => undefined,
      dropped: (...facts) => void dropped.push(facts.join(" ")),
    },
  );
  await expect.poll(() => connections.length).toBe(1);
  const serving = cluster.nodes.find(({ url }) => url === connections[0]) as RabbitMqNode;
  const others = cluster.urls.filter((url) => url !== serving.url);
  const [a, nearListener] = await Promise.all([connect(broker.url), connect(broker.url)]);
  const b = await connect(others, { ...options, clientId: "b" });
  const farListener = await connect(others, { ...options, clientId: "far-listener" });
  const [near, far] = [await hear(nearListener), await hear(farListener)];
  const outcomes: Promise<unknown>[] = [];
  let sent = 0;
  const timer = setInterval(() => {
    outcomes.push(a.publish("house/out", `${sent}`, { qos: 1 }), b.publish("in", `${sent}`, { qos: 1 }));
    sent++;
  }, 1_000 / RATE);
  const reached = (count: number) =>
    expect.poll(() => Math.min(new Set(near).size, new Set(far).size), { timeout: 120_000 }).toBeGreaterThan(count);
  try {
    await reached(2 * BEFORE);
    await serving.kill();
    await reached(2 * (sent + AFTER));
  } finally {
    clearInterval(timer);
  }
  await Promise.all(outcomes);
  const expected = (topic: string) => Array.from({ length: sent }, (_, i) => `${topic}=${i}`);
  const missing = (heard: readonly string[], topics: readonly string[]) =>
    topics.flatMap(expected).filter((each) => !heard.includes(each));
  await expect
    .poll(() => [missing(near, ["house/in", "house/out"]), missing(far, ["in", "out"])], { timeout: 120_000 })
    .toEqual([[], []]);
  const first = (heard: readonly string[], topic: string) =>
    [...new Set(heard)].filter((each) => each.startsWith(`${topic}=`));
  expect(first(near, "house/in")).toEqual(expected("house/in"));
  expect(first(far, "out")).toEqual(expected("out"));
  const repeated = (heard: readonly string[]) => heard.length - new Set(heard).size;
  console.log(
    `${sent} messages each way, 0 lost; ${repeated(near)} and ${repeated(far)} arrived again; ${connections.length} connections`,
  );
  for (const heard of [near, far]) expect(repeated(heard)).toBeLessThan(sent); // repetitions, but no loop
  expect(connections.length).toBeGreaterThan(1);
  expect(dropped).toEqual([]);
  await bridge.stop();
  await Promise.all([a, b, nearListener, farListener].map((each) => each.disconnect({ drainTimeout: 100 })));
});
