// Our broker with the clients of others, over each transport, in each version of the protocol, and at each QoS. What a
// library cannot do is listed with the reason in test/fixtures/peers/peer.ts.
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, connect, type Message, type Subscription } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Authority } from "../fixtures/certificates.ts";
import { Child, run } from "../fixtures/child.ts";
import { type Peer, peers, play, type Quality, type Scheme, type Version } from "../fixtures/peers/peer.ts";

const schemes = ["mqtt", "mqtts", "ws", "wss"] as const;
const qualities = [0, 1, 2] as const;
/** Around the lengths at which the remaining length takes another byte, and one that takes several reads. */
const SIZES = [0, 1, 100, 127, 128, 16_383, 16_384, 70_000];
const payloads = SIZES.map((size) => Uint8Array.from({ length: size }, (_, i) => (i * 31 + size) % 256));

let folder: string;
let caFile: string;
let broker: Broker;
const urls = new Map<Scheme, string>();
const commands = new Map<Peer, readonly [string, ...string[]]>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "aiko-mqtt-peers-"));
  const authority = await Authority.named("peers");
  caFile = join(folder, "authority.pem");
  await writeFile(caFile, authority.certificate);
  const tls = await authority.issue(["127.0.0.1"]);
  broker = await Broker.listen({
    listeners: schemes.map((scheme) => {
      const url = `${scheme}://127.0.0.1:0`;
      return scheme === "mqtts" || scheme === "wss" ? { url, tls } : { url };
    }),
  });
  schemes.forEach((scheme, i) => {
    const { port } = new URL(broker.urls[i] as string);
    urls.set(scheme, `${scheme}://127.0.0.1:${port}${scheme.startsWith("ws") ? "/mqtt" : ""}`);
  });
  for (const peer of peers) commands.set(peer, peer.command(folder));
});
afterAll(async () => {
  await broker?.close();
  await rm(folder, { recursive: true, force: true });
});

interface Case {
  readonly peer: Peer;
  readonly name: string;
  readonly scheme: Scheme;
  readonly version: Version;
  readonly qos: Quality;
}

const cases: readonly Case[] = peers.flatMap((peer) =>
  schemes
    .filter((scheme) => peer.without[scheme] === undefined)
    .flatMap((scheme) =>
      peer.versions.flatMap((version) => qualities.map((qos) => ({ peer, name: peer.name, scheme, version, qos }))),
    ),
);

test.concurrent.each(cases)(
  "$name over $scheme, version $version, QoS $qos: messages in both directions, retained ones, a kept session, the will",
  async (each) => {
    await using ours = await connectOurs();
    const { qos, peer, version } = each;
    const topic = topicOf(each);
    const [, , kept] = payloads as [Uint8Array, Uint8Array, Uint8Array];
    const received = await ours.subscribe(`${topic}/out`, { qos });
    const wills = await ours.subscribe(`${topic}/will`, { qos });
    await ours.publish(`${topic}/kept/in`, kept, { qos, retain: true });
    await ours.publish(`${topic}/other`, "", { qos: 1 }); // its answer shows that the broker has the one before

    await using first = start(each, "left", [
      `subscribe ${topic}/kept/in ${qos}`,
      "await 1",
      `publish ${topic}/kept/out ${qos} 1 ${hexOf(kept)}`,
      `subscribe ${topic}/in ${qos}`,
      ...payloads.map((payload) => `publish ${topic}/out ${qos} 0 ${hexOf(payload)}`),
      `await ${1 + payloads.length}`,
      `publish ${topic}/end 1 0 00`, // some acknowledge only after their callback; its answer comes after that
      "leave",
    ]);
    expect(await first.said("connected")).toBe("connected 0");
    const fromThem = await take(received, payloads.length); // they have subscribed before
    expect(fromThem.map((message) => messageLine(message.topic, message.qos, message.retain, message.payload))).toEqual(
      payloads.map((payload) => messageLine(`${topic}/out`, qos, false, payload)),
    );
    for (const payload of payloads) await ours.publish(`${topic}/in`, payload, { qos });
    expect(await first.code()).toBe(0);
    const live = payloads.map((payload) => messageLine(`${topic}/in`, qos, false, payload));
    expect(messagesOf(first)).toEqual([messageLine(`${topic}/kept/in`, qos, true, kept), ...live]);
    expect(first.lines.filter((line) => line.startsWith("subscribed"))).toEqual(Array(2).fill(`subscribed ${qos}`));
    expect(first.lines.filter((line) => line === "published")).toHaveLength(2 + payloads.length);
    const [keptOut] = await take(await ours.subscribe(`${topic}/kept/out`, { qos }), 1);
    expect([keptOut?.retain, keptOut?.qos, hexOf(keptOut?.payload)]).toEqual([true, qos, hexOf(kept)]);

    for (const payload of payloads) await ours.publish(`${topic}/in`, payload, { qos });
    const queued = qos === 0 ? [] : live; // nothing at QoS 0 is queued for a client that is away
    await using second = start(each, "killed", []);
    await second.saidLines(1 + queued.length);
    expect(messagesOf(second)).toEqual(queued);
    const isHidden = peer.hidesSession[version] !== undefined;
    expect(await second.said("connected")).toBe(`connected ${isHidden ? 0 : 1}`);
    second.kill("SIGKILL");
    const [will] = await take(wills, 1); // the will of the first one, which left, would come before
    expect([will?.text(), will?.qos]).toEqual(["killed", qos]);
  },
);

const commandCases = (["mqtt", "mqtts"] as const).flatMap((scheme) =>
  (["mqttv31", "mqttv311", "mqttv5"] as const).flatMap((version) => qualities.map((qos) => ({ scheme, version, qos }))),
);

test.concurrent.each(commandCases)(
  "mosquitto_pub and mosquitto_sub over $scheme, $version, QoS $qos: a message arrives in both directions",
  async ({ scheme, version, qos }) => {
    const topic = `commands/${scheme}/${version}/${qos}`;
    const port = new URL(urls.get(scheme) ?? "").port;
    const secure = scheme === "mqtts" ? ["--cafile", caFile] : [];
    const common = ["-h", "127.0.0.1", "-p", port, "-V", version, "-q", `${qos}`, ...secure];
    await using ours = await connectOurs();
    const received = await ours.subscribe(`${topic}/out`, { qos });
    const subscribed = new Promise<void>((resolve) =>
      broker.on("subscribed", ({ topicFilter }) => topicFilter === `${topic}/in` && resolve()),
    );
    await using sub = new Child("mosquitto_sub", "mosquitto_sub", [
      ...common,
      ...["-t", `${topic}/in`, "-C", "1", "-F", "%q %x"],
    ]);
    await subscribed;
    await ours.publish(`${topic}/in`, new Uint8Array([0, 10, 255]), { qos });
    expect(await run(sub)).toMatchObject({ code: 0, lines: [`${qos} 000aff`] });
    const pub = new Child("mosquitto_pub", "mosquitto_pub", [...common, "-t", `${topic}/out`, "-s"], {
      input: "grüße\n",
    });
    expect((await run(pub)).code).toBe(0);
    const [message] = await take(received, 1);
    expect([message?.text(), message?.qos]).toEqual(["grüße\n", qos]);
  },
);

/** A process of the client whose session is kept, with a will of this text. */
function start(each: Case, text: string, script: readonly string[]): Child {
  const { peer, scheme, version, qos } = each;
  const url = urls.get(scheme) ?? "";
  // At most 23 characters, as MQTT 3.1 requires.
  const clientId = `${peers.indexOf(peer)}-${scheme}-${version}-${qos}`;
  const command = commands.get(peer);
  if (command === undefined) throw new Error(`${peer.name} has no program`);
  const will = { topic: `${topicOf(each)}/will`, payload: text, qos };
  return play(command, { url, version, clientId, caFile, will, script });
}

function topicOf({ peer, scheme, version, qos }: Case): string {
  return `peers/${peers.indexOf(peer)}/${scheme}/${version}/${qos}`;
}

function messagesOf(child: Child): string[] {
  return child.lines.filter((line) => line.startsWith("message ")).map(short);
}

function messageLine(topic: string, qos: Quality, retain: boolean, payload: Uint8Array): string {
  return short(`message ${topic} ${qos} ${retain ? 1 : 0} ${hexOf(payload)}`);
}

/** Long payloads by their hash, so that a difference can be read. */
function short(line: string): string {
  return line.length < 300 ? line : `${line.slice(0, 100)}… ${createHash("sha256").update(line).digest("hex")}`;
}

function hexOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString("hex");
}

function connectOurs(): Promise<Client> {
  return connect(urls.get("mqtt") ?? "");
}

async function take(subscription: Subscription, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  for await (const message of subscription) if (messages.push(message) === count) break;
  return messages;
}
