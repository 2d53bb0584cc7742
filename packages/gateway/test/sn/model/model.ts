/**
 * One story of a client and a gateway: both machines, and a server in memory, over a link that loses, repeats and reorders
 * datagrams, on a fake clock. A seed decides everything. The laws are checked at the end.
 */

import { FakeClock, SeededRandom } from "@aiko/mqtt/testing";
import type { SnClient } from "../../../src/sn/client/client.ts";
import { createClient } from "../../../src/sn/client/connect.ts";
import type { Datagram, DatagramListener } from "../../../src/sn/client/datagram.ts";
import type { SnTopic } from "../../../src/sn/client/given-topic.ts";
import { decodeFrame, encodeFrame } from "../../../src/sn/codec/frame.ts";
import { SnGateway } from "../../../src/sn/gateway/sn-gateway.ts";
import { SN_DEFAULTS } from "../../../src/sn/gateway/sn-settings.ts";
import { ModelServer } from "./model-server.ts";

/** The most milliseconds from one end to the other: less than a message of QoS 2 is recognized after its end. */
const LONGEST_DELAY = 2_000;
/** Milliseconds between two steps. */
const LONGEST_STEP = 3_000;
const STEPS = 40;
/** Milliseconds after which everything must have settled, once the link is whole. */
const REST = 600_000;

interface Sent {
  /** Topic and payload. */
  readonly text: string;
  readonly qos: 1 | 2;
  outcome: "pending" | "done" | "unknown" | "never sent";
}

/** Topics of the client, with their names. */
const topics: readonly (readonly [SnTopic, string])[] = [
  ["up/a", "up/a"],
  ["up/b", "up/b"],
  ["up/c", "up/c"],
  [{ predefined: 7 }, "up/predefined"],
  [{ short: "u1" }, "u1"],
];

/** A link with faults, between one client and the gateway. */
class Link implements Datagram {
  readonly name = "model";
  readonly log: string[] = [];
  loss = 0;
  repeats = 0;
  delay = 0;
  private listener: DatagramListener | undefined;
  gateway: ((bytes: Uint8Array) => void) | undefined;

  constructor(
    private readonly clock: FakeClock,
    private readonly random: SeededRandom,
  ) {}

  async open(listener: DatagramListener): Promise<void> {
    this.listener = listener;
  }

  send(bytes: Uint8Array): void {
    this.carry("→", bytes, () => this.gateway?.(bytes));
  }

  toClient(bytes: Uint8Array): void {
    this.carry("←", bytes, () => this.listener?.onDatagram(bytes));
  }

  async close(): Promise<void> {
    this.listener = undefined;
  }

  private carry(way: string, bytes: Uint8Array, arrive: () => void): void {
    const { random, clock } = this;
    const copies = random.next() < this.repeats ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const isLost = random.next() < this.loss;
      const delay = Math.ceil(random.next() * this.delay);
      this.log.push(`${clock.now() % 1e8} ${way} ${isLost ? "lost" : `+${delay}`} ${shown(bytes)}`);
      if (!isLost) clock.schedule(delay, arrive);
    }
  }
}

export interface Story {
  /** The laws that were broken. */
  readonly broken: readonly string[];
  /** What went over the link. */
  readonly log: readonly string[];
  readonly counts: { readonly up: number; readonly down: number; readonly unknown: number; readonly lost: number };
}

/** Tells the story of a seed. */
export async function story(seed: number): Promise<Story> {
  const world = new World(seed);
  await world.run();
  return world.story;
}

class World {
  private readonly clock = new FakeClock();
  private readonly random: SeededRandom;
  private readonly link: Link;
  private readonly server: ModelServer;
  private readonly gateway: SnGateway;
  private readonly client: SnClient;
  private readonly up: Sent[] = [];
  private readonly down: Sent[] = [];
  private readonly received: string[] = [];
  private readonly unsettled = new Set<string>();
  private peer = peerAt(5000);
  private moves = 0;
  private wasLost = 0;

  constructor(private readonly seed: number) {
    const { clock } = this;
    this.random = new SeededRandom(seed);
    const random = new SeededRandom(seed + 1_000_000);
    this.link = new Link(clock, new SeededRandom(seed + 2_000_000));
    this.server = new ModelServer(clock, new SeededRandom(seed + 3_000_000));
    const retries = 2 + this.random.integer(8);
    this.gateway = new SnGateway({
      settings: {
        ...SN_DEFAULTS,
        gatewayId: 1,
        retry: 1_000,
        retries,
        predefined: [[7, "up/predefined"]],
        advertise: 0,
      },
      clock,
      random: () => random.next(),
      mayBeAt: () => true,
      uplink: this.server,
      report: {
        dropped: () => undefined,
        undelivered: () => undefined,
        retried: () => undefined,
        failed: (error) => {
          throw error;
        },
      },
      send: ({ peer }, packet) => {
        // What goes to an address that the client had before is lost.
        if (peer.address === this.peer.address) this.link.toClient(encodeFrame(packet));
      },
      broadcast: () => undefined,
      changed: () => undefined,
      keep: async () => undefined,
    });
    this.gateway.announce();
    this.link.gateway = (bytes) => this.gateway.receive(this.peer, decodeFrame(bytes));
    this.client = createClient("udp://model", {
      clientId: "model",
      cleanSession: false,
      keepAlive: 30,
      retry: 1_000,
      retries,
      datagram: this.link,
      clock,
      random,
      onMessage: (message) => void this.received.push(`${message.topic} ${message.text()}`),
      onState: (state) => {
        if (state === "lost") this.wasLost++;
      },
    });
  }

  get story(): Story {
    const unknown = [...this.up, ...this.down].filter(({ outcome }) => outcome === "unknown").length;
    const counts = { up: this.up.length, down: this.down.length, unknown, lost: this.wasLost };
    return { broken: this.broken(), log: this.link.log, counts };
  }

  async run(): Promise<void> {
    const { clock, client, link, random } = this;
    await clock.until(client.connect());
    await clock.until(
      client.subscribe("down/+", {
        qos: 2,
        onMessage: (message) => void this.received.push(`${message.topic} ${message.text()}`),
      }),
    );
    link.loss = random.next() * 0.35;
    link.repeats = random.next() * 0.3;
    link.delay = random.next() * LONGEST_DELAY;
    for (let step = 0; step < STEPS; step++) {
      this.step();
      await clock.advance(random.integer(LONGEST_STEP));
    }
    link.loss = 0;
    link.repeats = 0;
    await clock.advance(REST / 2);
    this.wake();
    await clock.advance(REST / 2);
    this.close();
    await clock.until(client.disconnect());
    this.gateway.stop();
  }

  private step(): void {
    const choice = this.random.next();
    if (choice < 0.4) this.publishUp();
    else if (choice < 0.8) this.publishDown();
    else if (choice < 0.88) this.sleep();
    else if (choice < 0.97) this.wake();
    else this.move();
  }

  private publishUp(): void {
    const [topic, name] = topics[this.random.integer(topics.length)] as (typeof topics)[number];
    const payload = `u${this.up.length}`;
    const sent: Sent = { text: `${name} ${payload}`, qos: this.random.next() < 0.5 ? 1 : 2, outcome: "pending" };
    this.up.push(sent);
    this.client.publish(topic, payload, { qos: sent.qos }).then(
      () => {
        sent.outcome = "done";
      },
      (error: { mayHaveArrived?: boolean; code?: string }) => {
        const isNever = error.mayHaveArrived === false || error.code === "NOT_CONNECTED";
        sent.outcome = isNever ? "never sent" : "unknown";
      },
    );
  }

  private publishDown(): void {
    const topic = `down/${this.random.integer(4)}`;
    const payload = `d${this.down.length}`;
    const sent: Sent = { text: `${topic} ${payload}`, qos: this.random.next() < 0.5 ? 1 : 2, outcome: "pending" };
    this.down.push(sent);
    void this.server
      .send("model", { topic, payload: Buffer.from(payload), qos: sent.qos, retain: false })
      .then((delivery) => {
        sent.outcome = delivery === "delivered" ? "done" : "unknown";
      });
  }

  private sleep(): void {
    if (this.client.state !== "active") return;
    this.settles("sleep", this.client.sleep(2 + this.random.integer(20)));
  }

  /** A router in between gives the client another port. */
  private move(): void {
    this.peer = peerAt(5000 + ++this.moves);
  }

  private wake(): void {
    if (this.client.state === "asleep") this.settles("connect", this.client.connect());
  }

  private settles(what: string, promise: Promise<void>): void {
    const name = `${what} ${this.unsettled.size}`;
    this.unsettled.add(name);
    const settled = (): void => void this.unsettled.delete(name);
    promise.then(settled, settled);
  }

  /** What must have settled before the client disconnects. */
  private close(): void {
    for (const { text, outcome } of [...this.up, ...this.down]) if (outcome === "pending") this.unsettled.add(text);
  }

  private broken(): string[] {
    return [
      ...[...this.unsettled].map((what) => `${what} never settled`),
      ...brokenCounts(this.up, this.server.published, "the server"),
      ...brokenCounts(this.down, this.received, "the client"),
      ...brokenOrder(this.up, this.server.published, "the server"),
      ...brokenOrder(this.down, this.received, "the client"),
    ].map((law) => `seed ${this.seed}: ${law}`);
  }
}

function shown(bytes: Uint8Array): string {
  const text = (_: string, value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString() : value);
  return JSON.stringify(decodeFrame(bytes).packet, text);
}

function peerAt(port: number) {
  return { address: `192.0.2.1:${port}`, host: "192.0.2.1", isShared: false } as const;
}

/** QoS 1: at least once. QoS 2: exactly once. At most once if the sender does not know. */
function brokenCounts(sent: readonly Sent[], arrived: readonly string[], by: string): string[] {
  return sent.flatMap(({ text, qos, outcome }) => {
    const count = arrived.filter((each) => each === text).length;
    const least = outcome === "done" ? 1 : 0;
    const most = outcome === "never sent" ? 0 : qos === 2 ? 1 : Infinity;
    return count < least || count > most ? [`${text} at QoS ${qos}, ${outcome}, came ${count} times to ${by}`] : [];
  });
}

/** What was acknowledged came in the order in which it was sent. */
function brokenOrder(sent: readonly Sent[], arrived: readonly string[], by: string): string[] {
  const places = sent.filter(({ outcome }) => outcome === "done").map(({ text }) => arrived.indexOf(text));
  const isOrdered = places.every((place, i) => i === 0 || place > (places[i - 1] as number));
  return isOrdered ? [] : [`the order at ${by} is ${arrived.join(" ")}`];
}
