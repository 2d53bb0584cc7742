// The small client with a real mosquitto, over TCP with the platform of @aiko/mqtt: shorter versions of the full
// client's tests.
import { setImmediate } from "node:timers/promises";
import { platform } from "@aiko/mqtt";
import {
  connect,
  createClient,
  type Message,
  RefusedError,
  type SmallEvents,
  type SmallOptions,
  type SmallSubscription,
} from "@aiko/mqtt/small";
import { SeededRandom } from "@aiko/mqtt/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Fate, UNHURT } from "../fixtures/fate.ts";
import { FaultyProxy } from "../fixtures/faulty-proxy.ts";
import { Mosquitto } from "../fixtures/mosquitto.ts";

const versions = [4, 5] as const;
const cases = versions.flatMap((version) => ([0, 1, 2] as const).map((qos) => ({ version, qos })));
const seed = Number(process.env["SEED"] ?? 20_120_601);

let mosquitto: Mosquitto;
beforeAll(async () => {
  mosquitto = await Mosquitto.start();
});
afterAll(() => mosquitto[Symbol.asyncDispose]());

const options = (protocolVersion: 4 | 5, more: SmallOptions = {}): SmallOptions => ({
  platform,
  protocolVersion,
  reconnect: { initialDelay: 1, maximumDelay: 20 },
  ...more,
});

test.each(cases)(
  "version $version, QoS $qos: published messages of any size are received in order",
  async ({ version, qos }) => {
    await using client = await connect(mosquitto.url, options(version));
    const topic = `small/${version}/${qos}`;
    const subscription = await client.subscribe(`small/${version}/+`, { qos });
    expect(subscription.granted).toMatchObject([{ qos, error: undefined }]);
    const payloads = [0, 1, 127, 128, 16_383, 16_384, 300_000].map((size) => new Uint8Array(size).fill(size % 251));
    const results = await Promise.all(payloads.map((payload) => client.publish(topic, payload, { qos })));
    expect(results.map((result) => result.qos)).toEqual(payloads.map(() => qos));
    const messages = await take(subscription, payloads.length);
    expect(messages.map((message) => [message.topic, message.qos])).toEqual(payloads.map(() => [topic, qos]));
    expect(messages.every(({ payload }, i) => Buffer.compare(payload, payloads[i] as Uint8Array) === 0)).toBe(true);
  },
);

test.each(versions)("mosquitto sees version %s", async (version) => {
  const clientId = `small-version-${version}`;
  const client = createClient(mosquitto.url, options(version, { clientId }));
  expect(await client.connect()).toMatchObject({ protocolVersion: version, sessionPresent: false });
  expect(await mosquitto.logged(`as ${clientId} (`)).toContain(`(${version === 4 ? "p2, c1" : "p5, c0"}, k60`);
  await client.disconnect();
  expect(await mosquitto.logged(`Client ${clientId} disconnected`)).toMatch(/disconnected\.$/);
});

const MESSAGES = 2_000;
const CUTS = 20;
/**
 * At QoS 0: the number of messages that are awaited at a time, so that the connection is cut between messages and not
 * after all of them.
 */
const BATCH = 10;
/** Bytes, in both directions together, that pass through a connection before it may be cut. */
const SHORTEST = 100;

test.each(cases)(
  `version $version, QoS $qos: ${MESSAGES} messages out, ${CUTS} cuts (SEED=${seed})`,
  async ({ version, qos }) => {
    const topic = `small/cut/${version}/${qos}`;
    const bytes = MESSAGES * (2 + 2 + topic.length + 4 + { 0: 0, 1: 6, 2: 14 }[qos]);
    await using proxy = await FaultyProxy.listen(mosquitto.port, { fate: fates(bytes) });
    // The subscriber is direct and not cut: mosquitto, as the sender, may itself repeat a QoS 2 message after quick
    // reconnections.
    await using subscriber = await connect(mosquitto.url, options(version));
    const received = await collect(subscriber, topic, qos);
    const publisher = await connect(proxy.url, options(version, { clientId: topic, cleanStart: false }));
    let failed = 0;
    const outcomes: Promise<unknown>[] = [];
    for (let i = 0; i < MESSAGES; i++) {
      outcomes.push(publisher.publish(topic, numbered(i), { qos }).catch(() => failed++));
      if (qos > 0 || i % BATCH > 0) continue;
      await Promise.all(outcomes.splice(0));
      await setImmediate(); // a cut is detected
    }
    await Promise.all(outcomes);
    await publisher.disconnect();
    await subscriber.publish(topic, "end", { qos: 1 });
    const numbers = await received.complete;

    const distinct = [...new Set(numbers)];
    expect(distinct, "the order of publishing, repeats aside").toEqual(distinct.toSorted((a, b) => a - b));
    if (qos > 0) expect(distinct).toHaveLength(MESSAGES);
    if (qos !== 1) expect(numbers, "nothing twice").toHaveLength(distinct.length);
    if (qos > 0) expect(failed).toBe(0);
    expect(proxy.cuts).toBe(CUTS);
  },
);

test.each(cases.filter(({ qos }) => qos > 0))(
  `version $version, QoS $qos: ${MESSAGES} messages in, ${CUTS} cuts: none is lost (SEED=${seed})`,
  async ({ version, qos }) => {
    const topic = `small/in/${version}/${qos}`;
    const bytes = MESSAGES * (2 + 2 + topic.length + 4 + 6);
    await using proxy = await FaultyProxy.listen(mosquitto.port, { fate: fates(bytes) });
    await using subscriber = await connect(proxy.url, options(version, { clientId: topic, cleanStart: false }));
    const received = await collect(subscriber, topic, qos);
    await using publisher = await connect(mosquitto.url, options(version));
    for (let i = 0; i < MESSAGES; i++) await publisher.publish(topic, numbered(i), { qos });
    await publisher.publish(topic, "end", { qos });
    expect(new Set(await received.complete).size).toBe(MESSAGES);
    expect(proxy.cuts).toBe(CUTS);
  },
);

test.each(versions)(
  "version %s: the will is published after a destroyed connection, and not after disconnect",
  async (version) => {
    await using watcher = await connect(mosquitto.url, options(version));
    const topic = `small/will/${version}`;
    const subscription = await watcher.subscribe(`${topic}/#`, { qos: 1 });
    await using proxy = await FaultyProxy.listen(mosquitto.port, { fate: () => UNHURT });
    const will = (name: string) => ({
      will: { topic: `${topic}/${name}`, payload: "gone", qos: 1 as const, retain: false },
    });
    const leaves = await connect(mosquitto.url, options(version, will("leaves")));
    await leaves.disconnect();
    const falls = await connect(proxy.url, options(version, { ...will("falls"), clientId: topic, reconnect: false }));
    const closed = new Promise((resolve) => falls.on("closed", resolve));
    proxy.strike(topic, "reset");
    await closed;
    const [message] = await take(subscription, 1);
    expect([message?.topic, message?.text()]).toEqual([`${topic}/falls`, "gone"]);
  },
);

test.each(versions)(
  "version %s: a retained message is sent to later subscribers until it is cleared",
  async (version) => {
    await using client = await connect(mosquitto.url, options(version));
    const topic = `small/retained/${version}`;
    await client.publish(topic, "kept", { qos: 1, retain: true });
    const first = await client.subscribe(topic, { qos: 1 });
    const [message] = await take(first, 1);
    expect([message?.text(), message?.retain]).toEqual(["kept", true]);
    await client.publish(topic, "", { qos: 1, retain: true });
    const again = await client.subscribe(topic, { qos: 1 });
    await client.publish(topic, "live", { qos: 1 });
    const [next] = await take(again, 1);
    expect([next?.text(), next?.retain]).toEqual(["live", false]);
  },
);

test.each([
  [4, 5],
  [5, 135],
] as const)(
  "version %s: a wrong password is refused with %i and not retried, the right one is accepted",
  async (version, reasonCode) => {
    const user = { name: "kitchen", password: "correct horse" };
    await using server = await Mosquitto.start({ user });
    const clientId = `wrong-${version}`;
    const wrong = options(version, { clientId, username: user.name, password: "battery staple" });
    const attempt = connect(server.url, wrong);
    await expect(attempt).rejects.toBeInstanceOf(RefusedError);
    await expect(attempt).rejects.toMatchObject({ code: "CONNECT_REFUSED", reasonCode });
    await expect(attempt).rejects.toThrow(clientId);
    await expect(attempt).rejects.not.toThrow("battery staple");
    await using client = await connect(
      server.url,
      options(version, { username: user.name, password: user.password, clientId: "right" }),
    );
    await client.publish("a", "b", { qos: 1 });
    expect(server.log.filter((line) => line.includes("New connection from"))).toHaveLength(2);
    const url = new URL(server.url);
    url.username = user.name;
    url.password = encodeURIComponent(user.password);
    await using byUrl = await connect(url.href, options(version));
    expect(byUrl.connected).toBe(true);
  },
);

test.each(versions)(
  "version %s: a stored session delivers the messages that arrived while its client was offline",
  async (version) => {
    const away = options(version, { clientId: `small-away-${version}`, cleanStart: false });
    const topic = `small/away/${version}`;
    const first = await connect(mosquitto.url, away);
    await first.subscribe(topic, { qos: 2 });
    await first.disconnect();
    await using publisher = await connect(mosquitto.url, options(version));
    for (const qos of [1, 2] as const) await publisher.publish(topic, `QoS ${qos}`, { qos });
    await using second = createClient(mosquitto.url, away);
    const messages: string[] = [];
    const both = new Promise<void>((resolve) =>
      second.on("unclaimed", (message) => void (messages.push(message.text()) === 2 && resolve())),
    );
    expect((await second.connect()).sessionPresent).toBe(true);
    await both;
    expect(messages).toEqual(["QoS 1", "QoS 2"]);
  },
);

test.each(versions)(
  "version %s: after a restart of the server it reconnects and resubscribes, and loses no queued message",
  async (version) => {
    await using server = await Mosquitto.start();
    await using client = await connect(
      server.url,
      options(version, { clientId: "stays", reconnect: { initialDelay: 20, maximumDelay: 200 } }),
    );
    let connections = 1;
    client.on("connected", () => connections++);
    const subscription = await client.subscribe(["small/a", "small/b/#"], { qos: 1 });
    await server.kill();
    const queued = client.publish("small/a", "while it was away", { qos: 1 });
    await server.startAgain();
    await queued;
    await server.logged("stays 1 small/b/#");
    await client.publish("small/b/c", "after", { qos: 1 });
    for await (const message of subscription) {
      // The first may have been sent before the subscription was restored; then there was no subscriber.
      if (message.text() === "after") break;
      expect(message.text()).toBe("while it was away");
    }
    expect(connections).toBe(2);
  },
);

test.each(versions)(
  "version %s: of two clients with one identifier the newer replaces the other, and one that does not reconnect is closed",
  async (version) => {
    const clientId = `small-twin-${version}`;
    const slow = { clientId, reconnect: { initialDelay: 200, maximumDelay: 400 } };
    const first = createClient(mosquitto.url, options(version, slow));
    const lost = new Promise<SmallEvents["disconnected"]>((resolve) => first.on("disconnected", resolve));
    await first.connect();
    const second = await connect(mosquitto.url, options(version, { clientId, reconnect: false }));
    const thrownOut = new Promise<SmallEvents["closed"]>((resolve) => second.on("closed", resolve));
    expect((await lost).error).toMatchObject({ name: expect.stringMatching(/^(TransportError|RefusedError)$/) });
    // The first reconnects and replaces the second: a client that does not reconnect is closed with that error.
    expect((await thrownOut).error).toBeDefined();
    await expect(second.publish("a", "b")).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
    await first.publish("a", "b", { qos: 1 });
    expect(first.connected).toBe(true);
    await first.disconnect();
  },
);

test.each(versions)(
  "version %s: each message of a shared subscription goes to one client, and each gets some",
  async (version) => {
    const topic = `small/jobs/${version}`;
    const shares = [0, 0, 0];
    const texts: string[] = [];
    let complete: () => void = () => undefined;
    const all = new Promise<void>((resolve) => (complete = resolve));
    const workers = await Promise.all(shares.map(() => connect(mosquitto.url, options(version))));
    for (const [i, worker] of workers.entries())
      await worker.subscribe(`$share/workers/${topic}`, {
        qos: 1,
        onMessage(message) {
          shares[i] = (shares[i] ?? 0) + 1;
          if (texts.push(message.text()) === 300) complete();
        },
      });
    await using publisher = await connect(mosquitto.url, options(version));
    const numbers = Array.from({ length: 300 }, (_, i) => numbered(i));
    await Promise.all(numbers.map((text) => publisher.publish(topic, text, { qos: 1 })));
    await all;
    await Promise.all(workers.map((worker) => worker.disconnect())); // duplicates would have arrived by now
    expect(texts.toSorted()).toEqual(numbers);
    expect(Math.min(...shares)).toBeGreaterThan(0);
  },
);

const numbered = (i: number): string => String(i).padStart(4, "0");

/** Cuts each of the first connections at some byte of its share. */
function fates(bytes: number): () => Fate {
  const random = new SeededRandom(seed);
  let planned = 0;
  return () => {
    if (planned++ >= CUTS) return UNHURT;
    const count = SHORTEST + random.integer(Math.floor(bytes / CUTS) - SHORTEST);
    return { pace: { of: "bytes" }, strike: { aim: { at: "bytes", count }, blow: "reset" } };
  };
}

/** The numbers that arrive, in order, after "end" has arrived. */
async function collect(
  client: Awaited<ReturnType<typeof connect>>,
  topic: string,
  qos: 0 | 1 | 2,
): Promise<{ complete: Promise<number[]> }> {
  const numbers: number[] = [];
  let last: () => void = () => undefined;
  const end = new Promise<void>((resolve) => (last = resolve));
  await client.subscribe(topic, {
    qos,
    onMessage(message) {
      if (message.text() === "end") last();
      else numbers.push(Number(message.text()));
    },
  });
  return { complete: end.then(() => numbers) };
}

async function take(subscription: SmallSubscription, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  for await (const message of subscription) if (messages.push(message) === count) break;
  return messages;
}
