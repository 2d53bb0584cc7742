// A bridge between the broker and servers that are restarted and killed: a real mosquitto, and this broker with a directory.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, type ConnectOptions, connect, type Message } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";
import { expect, test } from "vitest";
import { Bridge } from "../../packages/broker/src/bridge/bridge.ts";
import { Child } from "../fixtures/child.ts";
import { freePort } from "../fixtures/free-port.ts";
import { Mosquitto } from "../fixtures/mosquitto.ts";

const RESTARTS = 100;
/** Messages in each direction before each restart. */
const BURST = 5;

const reconnect = { initialDelay: 10, maximumDelay: 50 };
const topics = [{ filter: "#", direction: "both", qos: 2, localPrefix: "", remotePrefix: "" }] as const;
const silent = { connected: () => undefined, disconnected: () => undefined, dropped: () => undefined };

function bridgeTo(broker: Broker, url: string, protocolVersion: 4 | 5): Bridge {
  return new Bridge(
    broker,
    {
      name: "test",
      servers: [url],
      client: { protocolVersion, reconnect },
      topics,
      inflight: 20,
      sessionExpiry: 3_600,
      outgoingRetain: true,
      statusTopic: undefined,
      remoteStatusTopic: undefined,
    },
    silent,
  );
}

const atServer = (clientId: string): ConnectOptions => ({
  clientId,
  reconnect,
  cleanStart: false,
  retry: true,
  protocolVersion: 5,
  outbox: { sessionLost: "resend" },
});

/** Subscribes to everything, and lists what arrives. */
async function hear(client: Client): Promise<string[]> {
  const heard: string[] = [];
  const onMessage = (message: Message): void => void heard.push(`${message.topic}=${message.text()}`);
  await client.subscribe("#", { qos: 2, onMessage });
  return heard;
}

const numbered = (topic: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${topic}=${i}`);
const ofTopic = (topic: string, heard: readonly string[]): string[] =>
  [...new Set(heard)].filter((each) => each.startsWith(`${topic}=`));
const repeated = (heard: readonly string[]): number => heard.length - new Set(heard).size;

/** Publishes in both directions while the server is restarted, and expects that all arrives in order, without a loop. */
async function carriesAll(
  version: 4 | 5,
  url: string,
  isSubscribed: () => Promise<unknown>,
  restart: () => Promise<void>,
): Promise<void> {
  await using broker = await Broker.listen({ port: 0 });
  const bridge = bridgeTo(broker, url, version);
  const [a, nearListener] = await Promise.all([connect(broker.url), connect(broker.url)]);
  const [b, farListener] = await Promise.all([connect(url, atServer("b")), connect(url, atServer("far listener"))]);
  const [near, far] = [await hear(nearListener), await hear(farListener)];
  await isSubscribed();
  let sent = 0;
  const outcomes: Promise<unknown>[] = [];
  for (let i = 0; i < RESTARTS; i++) {
    for (let j = 0; j < BURST; j++, sent++)
      outcomes.push(a.publish("out", `${sent}`, { qos: 1 }), b.publish("in", `${sent}`, { qos: 1 }));
    await restart();
  }
  await Promise.all(outcomes);
  const all = ["in", "out"].flatMap((topic) => numbered(topic, sent));
  const missing = (heard: readonly string[]) => all.filter((each) => !heard.includes(each));
  await expect.poll(() => [missing(near), missing(far)]).toEqual([[], []]);
  for (const heard of [near, far]) {
    for (const topic of ["in", "out"]) expect(ofTopic(topic, heard)).toEqual(numbered(topic, sent));
    expect(heard.length).toBeLessThan(2 * all.length); // repetitions after a restart, but no loop
  }
  console.log(`version ${version}: ${sent} messages each way, ${repeated(near)} and ${repeated(far)} repeated`);
  await bridge.stop();
  await Promise.all([a, b, nearListener, farListener].map((client) => client.disconnect({ drainTimeout: 100 })));
}

test.each([4, 5] as const)(
  "version %i: loses nothing in either direction while mosquitto is restarted 100 times, and makes no loop",
  async (version) => {
    await using mosquitto = await Mosquitto.start({ persistence: true });
    await carriesAll(
      version,
      mosquitto.url,
      () => mosquitto.logged("bridge-test 2 #"),
      async () => {
        await mosquitto.stop();
        await mosquitto.startAgain();
      },
    );
  },
);

test.each([4, 5] as const)(
  "version %i: loses nothing in either direction while a broker with a directory is killed 100 times",
  async (version) => {
    const directory = await mkdtemp(join(tmpdir(), "aiko-bridge-"));
    const port = await freePort();
    const start = () =>
      Child.command("aiko-mqtt", ["broker", "-v", "-p", `${port}`, "--persist", directory]).once((it) =>
        it.said("listening on "),
      );
    let server = await start();
    try {
      await carriesAll(
        version,
        `mqtt://127.0.0.1:${port}`,
        () => server.noted("subscribed client=bridge-test"),
        async () => {
          server.kill("SIGKILL");
          await server.ended();
          server = await start();
        },
      );
    } finally {
      await server[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    }
  },
);

/** What the log of a mosquitto says that it has received from the bridge, and that it has sent there and the bridge has acknowledged. */
function logged(lines: readonly string[]): { received: string[]; carried: string[] } {
  const [received, carried]: [string[], string[]] = [[], []];
  const sent = new Map<string, string>();
  for (const line of lines) {
    const [, direction = "", identifier = "", topic = ""] =
      /(Received PUBLISH from|Sending PUBLISH to) bridge-test \(d\d, q\d, r\d, m(\d+), '([^']*)'/.exec(line) ?? [];
    if (direction.startsWith("Received")) received.push(topic);
    else if (direction !== "") sent.set(identifier, topic);
    const [, acknowledged = ""] = /Received (?:PUBACK|PUBCOMP) from bridge-test \(Mid: (\d+)/.exec(line) ?? [];
    const topicOfIt = sent.get(acknowledged);
    if (topicOfIt !== undefined) carried.push(topicOfIt);
  }
  return { received, carried };
}

// A killed mosquitto forgets what it has acknowledged since it saved its state. So its log says what the bridge has carried.
test.each([4, 5] as const)(
  "version %i: while mosquitto is killed 100 times, it receives all in order, and what it was acknowledged has arrived",
  async (version) => {
    const config = ["autosave_interval 1", "autosave_on_changes true"];
    await using mosquitto = await Mosquitto.start({ persistence: true, config });
    await using broker = await Broker.listen({ port: 0 });
    const bridge = bridgeTo(broker, mosquitto.url, version);
    const [a, nearListener] = await Promise.all([connect(broker.url), connect(broker.url)]);
    const b = await connect(mosquitto.url, atServer("b"));
    const near: string[] = [];
    await nearListener.subscribe("#", { qos: 2, onMessage: ({ topic }) => void near.push(topic) });
    await mosquitto.logged("bridge-test 2 #");
    const received: string[] = [];
    const carried: string[] = [];
    const note = (): void => {
      const found = logged(mosquitto.log);
      received.push(...found.received);
      carried.push(...found.carried);
    };
    let sent = 0;
    const outcomes: Promise<unknown>[] = [];
    for (let i = 0; i < RESTARTS; i++) {
      for (let j = 0; j < BURST; j++, sent++)
        outcomes.push(a.publish(`out/${sent}`, "", { qos: 1 }), b.publish(`in/${sent}`, "", { qos: 1 }));
      await new Promise((resolve) => setTimeout(resolve, i % 20)); // at different moments of the exchanges
      await mosquitto.kill();
      note();
      await mosquitto.startAgain();
    }
    await Promise.all(outcomes);
    const topicsOf = (prefix: string) => Array.from({ length: sent }, (_, i) => `${prefix}/${i}`);
    const before = received.length;
    await expect
      .poll(() => {
        received.length = before;
        received.push(...logged(mosquitto.log).received);
        return topicsOf("out").filter((topic) => !received.includes(topic));
      })
      .toEqual([]);
    carried.push(...logged(mosquitto.log).carried);
    const first = (list: readonly string[], prefix: string) =>
      [...new Set(list)].filter((topic) => topic.startsWith(`${prefix}/`));
    expect(first(received, "out")).toEqual(topicsOf("out"));
    expect(received.filter((topic) => topic.startsWith("in/"))).toEqual([]); // no loop
    const incoming = first(near, "in");
    expect(carried.filter((topic) => topic.startsWith("in/") && !incoming.includes(topic))).toEqual([]);
    expect(incoming).toEqual(topicsOf("in").filter((topic) => incoming.includes(topic)));
    console.log(
      `version ${version}: ${sent} messages each way; mosquitto received ${received.length} from the bridge, and itself lost ${sent - incoming.length} that it had acknowledged`,
    );
    await bridge.stop();
    await Promise.all([a, b, nearListener].map((client) => client.disconnect({ drainTimeout: 100 })));
  },
);
