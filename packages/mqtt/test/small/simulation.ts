// A small client and a server's session in one process, over links that are cut, slow, fragmenting or half-open, with
// slow handlers. A seed determines everything. Owns the events; the test checks the guarantees.
import { type Packet, PacketStream, type QoS } from "@aiko/mqtt/codec";
import {
  type ConnectionOwner,
  type Delivery,
  NetworkConnection,
  OutgoingMessage,
  ServerSession,
} from "@aiko/mqtt/session";
import { createClient, type SmallClient } from "@aiko/mqtt/small";
import { FakeClock, FaultyLink, type LinkFaults, randomFaults, SeededRandom } from "@aiko/mqtt/testing";
import { writePacket } from "../../src/codec/encode.ts";
import type { Transport } from "../../src/platform/transport.ts";
import { clockKindOf } from "../testing/clock-kinds.ts";

export interface Plan {
  readonly seed: number;
  readonly version: 4 | 5;
  readonly clientReceiveMaximum: number;
  readonly serverReceiveMaximum: number;
  readonly steps: number;
}

/** A message that one side sent: "up" is from the client, "down" from the server. */
export interface Sent {
  readonly topic: string;
  readonly qos: QoS;
  /** One entry for each report of its outcome; undefined for success. */
  readonly outcomes: unknown[];
}

const outbox = { maximumCount: 10_000, maximumBytes: 10_000_000 };

class FromServer extends OutgoingMessage implements Sent {
  readonly outcomes: unknown[] = [];
  override delivered(): void {
    this.outcomes.push(undefined);
  }
  override failed(error: unknown): void {
    this.outcomes.push(error);
  }
}

/** The server's end of one connection; the session belongs to the world. */
class ServerEnd implements ConnectionOwner {
  private readonly network: NetworkConnection;
  private gone = false;

  constructor(
    private readonly world: World,
    transport: Transport,
  ) {
    this.network = new NetworkConnection(transport, world.clock, new PacketStream("any"), this);
    this.network.start();
  }

  packetReceived(packet: Packet, now: number): void {
    const { world, network } = this;
    if (this.gone) return;
    if (packet.type !== "connect") {
      world.server.receive(packet, now);
      return;
    }
    world.end?.takenOver();
    world.end = this;
    const { version, serverReceiveMaximum } = world.plan;
    const properties = version === 5 ? { receiveMaximum: serverReceiveMaximum } : undefined;
    const sessionPresent = world.connections > 0;
    writePacket(network.out, { type: "connack", sessionPresent, reasonCode: 0, properties }, version);
    network.touch();
    world.server.connectionOpened(network, packet, packet.keepAlive, sessionPresent, now);
    world.connections++;
    network.watch();
  }

  bytesReceived(now: number): void {
    if (this.isCurrent) this.world.server.bytesReceived(now);
  }
  flushed(): void {
    if (this.isCurrent) this.world.server.flushed();
  }
  drained(now: number): void {
    if (this.isCurrent) this.world.server.drained(now);
  }
  beforeFlush(): undefined {
    return undefined;
  }
  deadline(): number {
    return this.isCurrent ? this.world.server.deadline() : Infinity;
  }
  advance(now: number): boolean {
    if (now >= this.deadline()) this.network.destroy();
    return true;
  }

  failed(error: unknown): void {
    this.world.faults.push(error);
    this.network.destroy();
  }

  closed(): void {
    if (!this.isCurrent) return;
    this.world.end = undefined;
    this.world.server.connectionLost();
  }

  private takenOver(): void {
    this.world.server.connectionLost();
    this.gone = true;
    this.network.destroy();
  }

  private get isCurrent(): boolean {
    return this.world.end === this;
  }
}

export class World {
  readonly clock: FakeClock;
  readonly server: ServerSession;
  readonly sent: Sent[] = [];
  /** The topics that each side received, in order. */
  readonly got = { up: [] as string[], down: [] as string[] };
  /** Errors that must never occur. */
  readonly faults: unknown[] = [];
  end: ServerEnd | undefined;
  /** How many were accepted. */
  connections = 0;
  private readonly random: SeededRandom;
  private readonly link: FaultyLink;
  private readonly client: SmallClient;
  private healed = false;

  constructor(readonly plan: Plan) {
    this.clock = new FakeClock(undefined, clockKindOf(plan.seed));
    this.random = new SeededRandom(plan.seed);
    this.link = new FaultyLink(
      this.clock,
      (transport) => new ServerEnd(this, transport),
      () => this.nextFaults(),
    );
    this.server = new ServerSession(
      { outbox, receiveMaximum: plan.serverReceiveMaximum, topicAliasMaximum: 0 },
      {
        published: ({ topic }, delivery: Delivery | undefined) => {
          this.got.up.push(topic);
          if (delivery) this.later(30, () => this.server.finished(delivery, 0));
        },
        subscribe: ({ packetIdentifier }) => this.server.write({ type: "suback", packetIdentifier, reasonCodes: [2] }),
        unsubscribe: () => undefined,
        disconnect: () => undefined,
        unsendable: () => undefined,
        roomAgain: () => undefined,
      },
    );
    this.client = createClient("mqtt://server", {
      platform: { clock: this.clock, random: this.random, dial: this.link.dial },
      clientId: "c",
      protocolVersion: plan.version,
      cleanStart: false,
      keepAlive: 2,
      connectTimeout: 3_000,
      reconnect: { initialDelay: 10, maximumDelay: 20 },
      properties: { receiveMaximum: plan.clientReceiveMaximum },
    });
    this.client.on("error", (error) => this.faults.push(error));
    this.client.on("unclaimed", ({ topic }) => this.faults.push(`unclaimed: ${topic}`));
  }

  /** The whole run: faults during the plan's steps, then no faults until all messages are settled. */
  async run(): Promise<void> {
    const onMessage = ({ topic }: { topic: string }) => {
      this.got.down.push(topic);
      return new Promise<void>((resolve) => this.later(20, resolve));
    };
    this.client.subscribe("down/#", { qos: 2, onMessage }).catch((error: unknown) => this.faults.push(error));
    while (!(await this.connected())) await this.clock.advance(20);
    for (let step = 0; step < this.plan.steps; step++) await this.step();
    this.healed = true;
    this.link.cut();
    for (let i = 0; i < 300 && this.sent.some(({ outcomes }) => outcomes.length === 0); i++)
      await this.clock.advance(100);
    await this.clock.advance(1_000);
  }

  /** The application retries the first connection. */
  private async connected(): Promise<boolean> {
    const connecting = this.client.connect().then(
      () => true,
      () => false,
    );
    await this.clock.advance(4_000);
    return connecting;
  }

  /** Calls back after a random time up to `limit` ms. */
  private later(limit: number, callback: () => void): void {
    this.clock.schedule(this.random.integer(limit), callback);
  }

  private nextFaults(): LinkFaults {
    const lot = this.random.next();
    if (this.healed || lot < 0.3) return { delay: this.random.integer(5) };
    if (lot > 0.95) return { vanish: { toClient: this.random.integer(200), toServer: this.random.integer(200) } };
    return randomFaults(this.random, 300);
  }

  private async step(): Promise<void> {
    const lot = this.random.next();
    if (lot < 0.35) this.publish();
    else if (lot < 0.7) this.deliver();
    else if (lot < 0.95) await this.clock.advance(this.random.integer(20));
    else this.link.cut();
  }

  private publish(): void {
    const { topic, qos } = this.next("up");
    const outcomes: unknown[] = [];
    this.sent.push({ topic, qos, outcomes });
    this.client.publish(topic, "payload", { qos }).then(
      () => outcomes.push(undefined),
      (error: unknown) => outcomes.push(error),
    );
  }

  private deliver(): void {
    const { topic, qos } = this.next("down");
    const message = new FromServer(topic, "payload", qos, false, undefined, Infinity);
    this.sent.push(message);
    this.server.deliver(message, this.clock.now());
  }

  private next(direction: "up" | "down"): { readonly topic: string; readonly qos: QoS } {
    const qos = ([0, 1, 1, 2, 2] as const)[this.random.integer(5)] ?? 1;
    return { topic: `${direction}/${qos}/${this.sent.length}`, qos };
  }
}
