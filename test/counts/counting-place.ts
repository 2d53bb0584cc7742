// A client whose clock, network and store count the operations on them, and a server that answers in chunks of the size
// that it received: everything that does not depend on the speed of a machine.
import { type Client, type ConnectOptions, createClient, type Store, type Transport } from "@aiko/mqtt";
import { encode, type Packet, PacketStream } from "@aiko/mqtt/codec";
import { FakeClock, SeededRandom } from "@aiko/mqtt/testing";
import { storeAround } from "../fixtures/stores.ts";

export interface Counts {
  /** Calls of the transport's `write`, and the bytes given to it. */
  writes: number;
  bytes: number;
  /** Timers that were set. */
  timers: number;
  /** Calls of the store's `write`, each of which it syncs, and the records that they put or remove. */
  commits: number;
  changes: number;
}

export class CountingPlace {
  readonly clock: CountingClock;
  private readonly counts: Counts = { writes: 0, bytes: 0, timers: 0, commits: 0, changes: 0 };
  private toClient: (bytes: Uint8Array) => void = () => undefined;
  private client: Client | undefined;

  constructor() {
    this.clock = new CountingClock(this.counts);
  }

  /** A client that is connected with MQTT 3.1.1. */
  async online(options: ConnectOptions = {}): Promise<Client> {
    const dial = () => Promise.resolve(this.transport());
    const client = createClient("mqtt://server", {
      platform: { clock: this.clock, random: new SeededRandom(1), dial },
      protocolVersion: 4,
      clientId: "c1",
      maximumInflight: 65_535,
      ...options,
    });
    this.client = client;
    const connecting = client.connect();
    await this.clock.tick();
    await connecting;
    return client;
  }

  /** The operations that `work` caused. */
  async counted(work: () => Promise<void>): Promise<Counts> {
    const before = { ...this.counts };
    await work();
    await this.clock.tick();
    const { writes, bytes, timers, commits, changes } = this.counts;
    return {
      writes: writes - before.writes,
      bytes: bytes - before.bytes,
      timers: timers - before.timers,
      commits: commits - before.commits,
      changes: changes - before.changes,
    };
  }

  /** Publishes `count` messages in each of `ticks` ticks, all at once, and waits until all have their outcome. */
  async publish(qos: 0 | 1 | 2, ticks: number, count: number): Promise<void> {
    const { client } = this;
    if (client === undefined) throw new Error("online() comes first");
    for (let tick = 0; tick < ticks; tick++) {
      const outcomes = Array.from({ length: count }, () => client.publish("bench/topic", payload, { qos }));
      await this.clock.tick();
      await Promise.all(outcomes);
    }
  }

  /** Makes the server send `count` messages at once. */
  async receive(qos: 0 | 1 | 2, count: number): Promise<void> {
    const packets = Array.from({ length: count }, (_, i) => {
      const packetIdentifier = qos === 0 ? 0 : i + 1;
      return {
        type: "publish",
        topic: "bench/topic",
        payload,
        qos,
        retain: false,
        dup: false,
        packetIdentifier,
      } as const;
    });
    this.send(packets);
    await this.clock.tick();
  }

  /** A store that counts, around another one. */
  counting(store: Store): Store {
    return storeAround(store, (session) => ({
      write: (changes) => {
        this.counts.commits++;
        this.counts.changes += changes.length;
        return session.write(changes);
      },
    }));
  }

  private transport(): Transport {
    const stream = new PacketStream("any");
    const nothing = (): void => undefined;
    return {
      start: (listener) => {
        this.toClient = (bytes) => listener.onBytes(bytes);
      },
      write: (bytes) => {
        this.counts.writes++;
        this.counts.bytes += bytes.length;
        const answers = stream.push(bytes).flatMap(answer);
        if (answers.length > 0) this.clock.defer(() => this.send(answers));
        return true;
      },
      pause: nothing,
      resume: nothing,
      end: nothing,
      destroy: nothing,
    };
  }

  private send(packets: readonly Packet[]): void {
    const all = packets.map((packet) => encode(packet, 4));
    const whole = new Uint8Array(all.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const bytes of all) {
      whole.set(bytes, at);
      at += bytes.length;
    }
    this.toClient(whole);
  }
}

const payload = new Uint8Array(64).fill(0x2a);

class CountingClock extends FakeClock {
  constructor(private readonly counts: Counts) {
    super();
  }

  override schedule(...timer: Parameters<FakeClock["schedule"]>): ReturnType<FakeClock["schedule"]> {
    this.counts.timers++;
    return super.schedule(...timer);
  }
}

function answer(packet: Packet): Packet[] {
  switch (packet.type) {
    case "connect":
      return [{ type: "connack", sessionPresent: false, reasonCode: 0 }];
    case "publish": {
      const { qos, packetIdentifier } = packet;
      if (qos === 0) return [];
      return [{ type: qos === 1 ? "puback" : "pubrec", packetIdentifier, reasonCode: 0 }];
    }
    case "pubrec":
      return [{ type: "pubrel", packetIdentifier: packet.packetIdentifier, reasonCode: 0 }];
    case "pubrel":
      return [{ type: "pubcomp", packetIdentifier: packet.packetIdentifier, reasonCode: 0 }];
    case "subscribe": {
      const { packetIdentifier, subscriptions } = packet;
      return [{ type: "suback", packetIdentifier, reasonCodes: subscriptions.map(({ qos }) => qos) }];
    }
    default:
      return [];
  }
}
