// A whole network in one process: a client's and a server's session on a fake clock, over links that are cut, slow or
// half-open, with slow applications, and a client that may be killed and keeps only what its store holds. A seed
// determines everything. Owns the events; the test checks the guarantees.
import { type Packet, PacketStream, type ProtocolVersion, type QoS, ServerPacketStream } from "@aiko/mqtt/codec";
import {
  ClientSession,
  type ConnectionOwner,
  type Delivery,
  NetworkConnection,
  OutgoingMessage,
  ServerSession,
  SessionJournal,
} from "@aiko/mqtt/session";
import { FakeClock, FaultyLink, type LinkFaults, randomFaults, SeededRandom } from "@aiko/mqtt/testing";
import { MortalStore, storeAround } from "../../../../test/fixtures/stores.ts";
import { StoreWriter } from "../../src/client/storing/store-writer.ts";
import { writePacket } from "../../src/codec/encode.ts";
import type { PublishPacket } from "../../src/codec/packets.ts";
import type { MqttError } from "../../src/errors.ts";
import type { StoreChange, StoredSession } from "../../src/platform/store.ts";
import type { Transport } from "../../src/platform/transport.ts";
import { MemoryStore } from "../../src/store/memory-store.ts";
import { clockKindOf } from "../testing/clock-kinds.ts";
import { holdToTransitions } from "./transitions.ts";

export interface Plan {
  readonly seed: number;
  readonly version: ProtocolVersion;
  /** The limits that the client and the server announce. */
  readonly clientReceiveMaximum: number;
  readonly serverReceiveMaximum: number;
  readonly crashes: boolean;
  readonly steps: number;
}

/** The state in a record of an incoming QoS 2 message; see session-journal.ts. */
const INCOMING = 2 ** 48;
const KEEP_ALIVE = 2;
const outbox = { maximumCount: 10_000, maximumBytes: 10_000_000 };

class Numbered extends OutgoingMessage {
  outcomes: (number | MqttError)[] = [];
  override delivered(reasonCode: number): void {
    this.outcomes.push(reasonCode);
  }
  override failed(error: MqttError): void {
    this.outcomes.push(error);
  }
}

/** The messages that one application got, in order. An entry counts once the session can know of it. */
export class Inbox {
  readonly entries: { topic: string; qos: QoS; packetIdentifier: number; counts: boolean }[] = [];

  add({ topic, qos, packetIdentifier }: PublishPacket, counts: boolean): void {
    this.entries.push({ topic, qos, packetIdentifier, counts });
  }
}

/** Everything that is the same for both ends of a connection. */
abstract class Endpoint implements ConnectionOwner {
  network: NetworkConnection | undefined;
  dead = false;

  constructor(readonly world: World) {}

  abstract receive(packet: Packet, now: number): void;
  abstract bytesReceived(now: number): void;
  abstract flushed(now: number): void;
  abstract drained(now: number): void;
  abstract lost(): void;
  abstract deadline(): number;
  abstract advance(now: number): boolean;
  abstract beforeFlush(): Promise<void> | undefined;

  packetReceived(packet: Packet, now: number): void {
    if (!this.dead) this.receive(packet, now);
  }

  failed(error: unknown): void {
    this.world.faults.push(error);
    this.network?.destroy();
  }

  closed(): void {
    if (this.dead) return;
    this.network = undefined;
    this.lost();
  }
}

/** The client as one process: from its start until it is killed. */
class ClientProcess extends Endpoint {
  private readonly journal = new SessionJournal();
  private readonly session: ClientSession;
  private readonly storeWriter: StoreWriter;

  constructor(world: World) {
    super(world);
    this.storeWriter = new StoreWriter(this.journal, () => world.faults.push(new Error("the store refused")));
    const { clientReceiveMaximum } = world.plan;
    this.session = new ClientSession(
      {
        keepAlive: KEEP_ALIVE,
        will: undefined,
        cleanStart: false,
        properties: { receiveMaximum: clientReceiveMaximum, sessionExpiryInterval: 3_600 },
        outbox,
      },
      (packet, delivery) => {
        world.clientInbox.add(packet, packet.qos !== 2);
        this.finishLater(delivery);
      },
      this.journal,
    );
  }

  async start(): Promise<void> {
    const slow = storeAround(this.world.store, (session) => ({ write: (changes) => this.write(session, changes) }));
    const { records, session } = await slow.open("session");
    this.storeWriter.session = session;
    const stored = this.journal.load(records);
    const messages = stored.messages.map(({ packet, expiresAt, sequence, packetIdentifier, state }) => {
      const message = new Numbered(
        packet.topic,
        packet.payload,
        packet.qos,
        packet.retain,
        packet.properties,
        expiresAt,
      );
      return holdToTransitions(Object.assign(message, { sequence, packetIdentifier, state }));
    });
    this.world.restored(messages);
    this.session.restore(messages, stored.incoming);
    this.dial();
  }

  publish(message: Numbered): void {
    this.session.publish(message, this.world.clock.now());
    this.world.clock.defer(() => {
      if (!this.dead) this.beforeFlush();
    });
  }

  override receive(packet: Packet, now: number): void {
    this.session.receive(packet, now);
  }
  override deadline(): number {
    return this.session.deadline();
  }
  override advance(now: number): boolean {
    if (this.session.advance(now) === "dead") this.network?.destroy();
    return true;
  }
  override bytesReceived(now: number): void {
    if (!this.dead) this.session.bytesReceived(now);
  }
  override flushed(now: number): void {
    if (!this.dead) this.session.flushed(now);
  }
  override drained(now: number): void {
    if (!this.dead) this.session.drained(now);
  }
  override lost(): void {
    this.session.connectionLost(this.world.clock.now());
    this.world.later(20, () => this.dial());
  }

  override beforeFlush(): Promise<void> | undefined {
    return this.storeWriter.write();
  }

  /** Slow. */
  private write(session: StoredSession, changes: readonly StoreChange[]): Promise<void> {
    return new Promise((resolve) => {
      this.world.later(3, async () => {
        if (this.dead) return; // killed before it was written
        await session.write(changes);
        for (const { key, value } of changes) {
          if (key > INCOMING && value?.[0] === 1) this.world.taken(key - INCOMING);
        }
        resolve();
      });
    });
  }

  private dial(): void {
    const { world } = this;
    if (this.dead || this.network !== undefined) return;
    this.network = new NetworkConnection(
      world.link.connect(world.nextFaults()),
      world.clock,
      new ServerPacketStream(world.plan.version),
      this,
    );
    const attempt = { version: world.plan.version, clientId: "c", username: undefined, password: undefined };
    const { network } = this;
    const server = {
      outlet: network,
      accepted: () => network.watch(),
      foreign: () => world.faults.push(new Error("foreign")),
      refused: () => world.faults.push(new Error("refused")),
      authentication: () => {},
      disconnected: () => {},
    };
    this.session.connectionOpened(server, attempt, world.clock.now());
    network.start();
    world.clock.schedule(3000, () => {
      if (this.network === network && !this.session.isOnline) network.destroy();
    });
  }

  private finishLater(delivery: Delivery | undefined): void {
    if (delivery === undefined) return;
    this.world.later(30, () => {
      if (!this.dead) this.session.finished(delivery);
      this.world.clock.defer(() => {
        if (!this.dead) this.beforeFlush();
      });
    });
  }
}

/** The server's end of one connection; the session belongs to the world. */
class ServerEnd extends Endpoint {
  constructor(world: World, transport: Transport) {
    super(world);
    this.network = new NetworkConnection(transport, world.clock, new PacketStream("any"), this);
    this.network.start();
  }

  override receive(packet: Packet, now: number): void {
    const { world, network } = this;
    if (packet.type !== "connect") {
      world.server.receive(packet, now);
      return;
    }
    if (network === undefined) return;
    world.serverEnd?.takenOver();
    world.serverEnd = this;
    const { version, serverReceiveMaximum } = world.plan;
    const properties = version === 5 ? { receiveMaximum: serverReceiveMaximum } : undefined;
    const sessionPresent = world.serverHasSession;
    writePacket(network.out, { type: "connack", sessionPresent, reasonCode: 0, properties }, version);
    network.touch();
    world.server.connectionOpened(network, packet, packet.keepAlive, sessionPresent, now);
    world.serverHasSession = true;
    network.watch();
  }

  override bytesReceived(now: number): void {
    if (this.isCurrent) this.world.server.bytesReceived(now);
  }
  override flushed(): void {
    if (this.isCurrent) this.world.server.flushed();
  }
  override drained(now: number): void {
    if (this.isCurrent) this.world.server.drained(now);
  }
  override deadline(): number {
    return this.isCurrent ? this.world.server.deadline() : Infinity;
  }
  override advance(now: number): boolean {
    if (now >= this.deadline()) this.network?.destroy();
    return true;
  }
  override beforeFlush(): undefined {
    return undefined;
  }
  override lost(): void {
    if (!this.isCurrent) return;
    this.world.serverEnd = undefined;
    this.world.server.connectionLost();
  }

  takenOver(): void {
    this.world.server.connectionLost();
    this.dead = true;
    this.network?.destroy();
  }

  private get isCurrent(): boolean {
    return this.world.serverEnd === this;
  }
}

export class World {
  readonly clock: FakeClock;
  readonly random: SeededRandom;
  readonly store = new MortalStore(new MemoryStore());
  readonly link: FaultyLink;
  readonly server: ServerSession;
  readonly clientInbox = new Inbox();
  readonly serverInbox = new Inbox();
  /** Errors that must never occur, above all protocol errors. */
  readonly faults: unknown[] = [];
  /** By topic: the messages that the client published, in this process or an earlier one. */
  readonly sentByClient = new Map<string, Numbered>();
  readonly sentByServer = new Map<string, Numbered>();
  serverEnd: ServerEnd | undefined;
  serverHasSession = false;
  connections = 0;
  crashes = 0;
  private client: ClientProcess;
  private healed = false;
  private published = 0;

  constructor(readonly plan: Plan) {
    this.clock = new FakeClock(undefined, clockKindOf(plan.seed));
    this.random = new SeededRandom(plan.seed);
    this.link = new FaultyLink(this.clock, (transport) => new ServerEnd(this, transport));
    this.server = new ServerSession(
      { outbox, receiveMaximum: plan.serverReceiveMaximum, topicAliasMaximum: 0 },
      {
        published: (packet, delivery) => {
          this.serverInbox.add(packet, true);
          if (delivery !== undefined) this.later(30, () => this.server.finished(delivery, 0));
        },
        subscribe: () => {},
        unsubscribe: () => {},
        disconnect: () => {},
        unsendable: () => {},
        roomAgain: () => {},
      },
    );
    this.client = new ClientProcess(this);
  }

  /** The whole run: faults during the plan's steps, then no faults until all messages are settled. */
  async run(): Promise<void> {
    await this.client.start();
    for (let step = 0; step < this.plan.steps; step++) await this.step();
    this.healed = true;
    this.link.cut();
    for (let i = 0; i < 200 && !this.isSettled; i++) await this.clock.advance(100);
  }

  /** Whether every message of a running process has its outcome. */
  get isSettled(): boolean {
    return [...this.sentByClient.values(), ...this.sentByServer.values()].every(({ outcomes }) => outcomes.length > 0);
  }

  /** Calls back after a random time up to `limit` ms. */
  later(limit: number, callback: () => void): void {
    this.clock.schedule(this.random.integer(limit), callback);
  }

  nextFaults(): LinkFaults {
    this.connections++;
    const lot = this.random.next();
    if (this.healed || lot < 0.3) return { delay: this.random.integer(5) };
    if (lot > 0.95) return { vanish: { toClient: this.random.integer(200), toServer: this.random.integer(200) } };
    return randomFaults(this.random, 300);
  }

  /**
   * What a new process finds in the store. Messages that are not there were never durable, and their sender is gone.
   */
  restored(messages: readonly Numbered[]): void {
    const found = new Map(messages.map((message) => [message.topic, message]));
    for (const [topic, { outcomes }] of this.sentByClient) {
      const again = found.get(topic);
      if (again !== undefined) this.sentByClient.set(topic, again);
      else if (outcomes.length === 0) this.sentByClient.delete(topic);
    }
  }

  /** The store records that the client has accepted the QoS 2 message of this identifier. */
  taken(packetIdentifier: number): void {
    const entry = this.clientInbox.entries.findLast(
      (each) => each.qos === 2 && each.packetIdentifier === packetIdentifier,
    );
    if (entry !== undefined) entry.counts = true;
  }

  private async step(): Promise<void> {
    const lot = this.random.next();
    if (lot < 0.35) {
      const message = this.message("up");
      this.sentByClient.set(message.topic, message);
      this.client.publish(message);
    } else if (lot < 0.7) {
      const message = this.message("down");
      this.sentByServer.set(message.topic, message);
      this.server.deliver(message, this.clock.now());
    } else if (lot < 0.95) {
      await this.clock.advance(this.random.integer(20));
    } else if (lot < 0.98 || !this.plan.crashes) {
      this.link.cut();
    } else {
      await this.crash();
    }
  }

  private message(direction: string): Numbered {
    const qos = ([0, 1, 1, 2, 2] as const)[this.random.integer(5)] ?? 1;
    const topic = `${direction}/${qos}/${this.published++}`;
    return holdToTransitions(new Numbered(topic, "payload", qos, false, undefined, Infinity));
  }

  /** The client is killed: only those of its messages count that its store has. Another process starts. */
  private async crash(): Promise<void> {
    this.crashes++;
    this.client.dead = true;
    this.client.network?.destroy();
    await this.clock.tick();
    await this.store.kill();
    this.client = new ClientProcess(this);
    await this.client.start();
  }
}
