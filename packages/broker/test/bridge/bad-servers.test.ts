// A bridge whose server lies, and one whose server is away for longer than its messages can be kept.
import { FakeClock, FaultyLink, type LinkServer, ScriptedPeer } from "@aiko/mqtt/testing";
import { Broker, type BrokerOptions } from "@aiko/mqtt-broker";
import { expect, onTestFinished, test } from "vitest";
import { Bridge } from "../../src/bridge/bridge.ts";
import type { BridgeTopic } from "../../src/bridge/bridge-topics.ts";
import { message } from "../bench.ts";

/** How long the server is away. */
const SECONDS = 30;

/** A broker with a bridge. @param server accepts the bridge's connections, unless `isDown` */
async function bridged(
  clock: FakeClock,
  server: LinkServer,
  topic: Pick<BridgeTopic, "filter" | "direction">,
  options: BrokerOptions = {},
) {
  const near = await Broker.listen({ listeners: [], clock, ...options });
  const link = { isDown: false };
  const { platform } = new FaultyLink(clock, server, () => ({ refused: link.isDown }));
  const reported: string[] = [];
  const bridge = new Bridge(
    near,
    {
      name: "office",
      servers: ["mqtt://far"],
      client: { protocolVersion: 5 },
      topics: [{ ...topic, qos: 1, localPrefix: "", remotePrefix: "" }],
      inflight: 100,
      sessionExpiry: 86_400,
      outgoingRetain: true,
      statusTopic: undefined,
      remoteStatusTopic: undefined,
    },
    {
      connected: () => void reported.push("connected"),
      disconnected: (reason) => void reported.push(reason),
      dropped: (...facts) => void reported.push(facts.join(" ")),
    },
    platform,
  );
  onTestFinished(async () => {
    await clock.until(bridge.stop());
    await clock.until(near.close());
  });
  return { near, link, reported };
}

test("a server that lies gets nothing into the broker that the bridge does not carry, and the bridge connects again", async () => {
  const clock = new FakeClock();
  const peers: ScriptedPeer[] = [];
  const accept: LinkServer = (transport) => void peers.push(new ScriptedPeer(transport, clock));
  const { near, reported } = await bridged(clock, accept, { filter: "in/#", direction: "in" });
  const arrived: string[] = [];
  near.subscribe("#", ({ topic }) => void arrived.push(topic));
  /** The next connection, after its subscription was answered with these codes. */
  async function next(reasonCodes: readonly number[]): Promise<ScriptedPeer> {
    const before = peers.length;
    for (let waited = 0; peers.length === before && waited < 120_000; waited += 500) await clock.advance(500);
    const peer = peers.at(-1) as ScriptedPeer;
    await peer.expect("connect");
    peer.send({ type: "connack", reasonCode: 0, sessionPresent: false });
    const { packetIdentifier } = await peer.expect("subscribe");
    peer.send({ type: "suback", packetIdentifier, reasonCodes });
    return peer;
  }
  const first = await next([1]);
  for (const [i, topic] of ["other/1", "$SYS/broker/uptime", "in/1"].entries())
    first.send(message(topic, "x", { qos: 1, packetIdentifier: i + 1 }));
  await clock.advance(1_000);
  expect(arrived).toEqual(["in/1"]);
  first.send({ type: "puback", packetIdentifier: 77, reasonCode: 0 });
  first.send({ type: "suback", packetIdentifier: 78, reasonCodes: [0] });
  first.cut();
  await next([1, 1, 1]);
  const third = await next([1]);
  third.send(message("in/2", "x", { qos: 1, packetIdentifier: 1 }));
  await clock.advance(1_000);
  expect(arrived).toEqual(["in/1", "in/2"]);
  expect(reported.filter((each) => each === "connected")).toHaveLength(3);
});

test("while its server is away at 1,000 messages a second, the broker keeps the oldest within its bounds", async () => {
  const clock = new FakeClock();
  const far = await Broker.listen({ listeners: [], clock });
  onTestFinished(() => clock.until(far.close()));
  const bound = 10_000;
  const kept = bound + 100; // those in flight are in the bridge
  const { near, link } = await bridged(
    clock,
    far,
    { filter: "n", direction: "out" },
    { outbox: { maximumCount: bound } },
  );
  await clock.advance(1_000);
  link.isDown = true;
  far.clients.get("bridge-office")?.disconnect();
  await clock.advance(100);
  let dropped = 0;
  near.on("dropped", () => dropped++);
  const sent = SECONDS * 1_000;
  let memory = 0;
  for (let i = 0; i < sent; i++) {
    near.publish("n", `${i}`, { qos: 1 });
    if (i % 1_000 === 0) await clock.advance(1_000);
    if (i === sent / 2) memory = near.statistics.memory;
  }
  expect(near.statistics.memory).toBeLessThan(1.01 * memory);
  expect(dropped).toBe(sent - kept);
  const arrived: string[] = [];
  far.subscribe("n", ({ payload }) => void arrived.push(Buffer.from(payload).toString()));
  link.isDown = false;
  await clock.advance(300_000);
  expect(arrived).toEqual(Array.from({ length: kept }, (_, i) => `${i}`));
});
