// A broker with a disk store, and clients that publish and subscribe, on a fake clock. The broker's process is killed,
// the power fails, the disk is full, and connections are cut, at random. A seed determines everything. The clients
// survive. Returns what the promises say was broken.
import { type Client, createClient, type Message } from "@aiko/mqtt";
import { FakeClock, FaultyLink, SeededRandom } from "@aiko/mqtt/testing";
import { Broker } from "@aiko/mqtt-broker";
import { DiskStore } from "@aiko/mqtt-store";
import { kinds } from "../../packages/broker/src/persistence/broker-record.ts";
import { CrashingDisk } from "../../packages/store/test/crashing-disk.ts";

/** How many steps a run has, and the most messages of a step. */
const STEPS = 14;
const MOST_MESSAGES = 4;
const CLIENTS = 3;
/** The members of the shared subscription. */
const SHARING: readonly number[] = [0, 2];
/**
 * How a message fails that the broker refuses while its disk is full. Before MQTT 5, the broker closes the connection.
 * After many connections that one message has ended, the client fails it.
 */
const REFUSED = { 4: "PUBLISH_UNANSWERED", 5: "PUBLISH_REFUSED" } as const;
/** Milliseconds that everything may take after the last fault. */
const PATIENCE = 600_000;

export interface Simulated {
  /** One text for each broken promise. */
  readonly violations: readonly string[];
  readonly acknowledged: number;
  readonly deaths: number;
  readonly refusedWrites: number;
}

export async function simulate(seed: number): Promise<Simulated> {
  return await new Simulation(seed).run();
}

/** One client, and what its application has got. */
class Participant {
  /** By text: how often, without the retained messages that each SUBSCRIBE brings again. */
  readonly received = new Map<string, number>();
  /** The messages that were acknowledged to it. */
  readonly acknowledged = new Set<string>();
  readonly open = new Set<Promise<void>>();
  readonly violations: string[] = [];
  private connections = 0;

  constructor(
    readonly client: Client,
    readonly name: string,
    private readonly version: 4 | 5,
  ) {
    client.on("connected", ({ sessionPresent }) => {
      if (this.connections++ > 0 && !sessionPresent) this.violations.push(`${name} has lost its session`);
    });
  }

  readonly onMessage = (message: Message): void => {
    const text = message.text();
    this.received.set(text, (this.received.get(text) ?? 0) + (message.retain ? 0 : 1));
  };

  publish(text: string, qos: 1 | 2, where: "retained" | "shared" | "live"): void {
    const topic = where === "retained" ? `t/retained/${this.name}` : where === "shared" ? "s/live" : "t/live";
    const open = this.client
      .publish(topic, text, { qos, retain: where === "retained" })
      .then(
        () => void this.acknowledged.add(text),
        (error: { code?: string }) => {
          if (error.code !== REFUSED[this.version]) this.violations.push(`${text} failed with ${error.code}`);
        },
      )
      .finally(() => this.open.delete(open));
    this.open.add(open);
  }
}

class Simulation {
  private readonly random: SeededRandom;
  private readonly clock = new FakeClock();
  private readonly disk = new CrashingDisk();
  private readonly link: FaultyLink;
  private readonly participants: Participant[] = [];
  private broker: Broker | undefined;
  private count = 0;
  private deaths = 0;
  private refusedWrites = 0;
  private readonly violations: string[] = [];

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.link = new FaultyLink(this.clock, (transport) => {
      if (this.broker === undefined) transport.destroy();
      else this.broker.accept(transport);
    });
  }

  async run(): Promise<Simulated> {
    await this.start();
    for (let i = 0; i < CLIENTS; i++) await this.join(i);
    for (let step = 0; step < STEPS; step++) {
      const messages = this.random.integer(MOST_MESSAGES + 1);
      for (let i = 0; i < messages; i++) this.publish();
      await this.fault();
      await this.clock.advance(this.random.integer(3) === 0 ? this.random.integer(2_000) : this.random.integer(4));
    }
    this.disk.fault = () => undefined;
    if (this.disk.crashed || this.broker === undefined) await this.die("kill");
    await this.settle();
    this.check();
    const { violations, deaths, refusedWrites } = this;
    for (const { client } of this.participants) await this.clock.until(client.disconnect());
    await this.clock.until(this.broker?.close() ?? Promise.resolve());
    await this.checkStore();
    const acknowledged = this.participants.reduce((sum, each) => sum + each.acknowledged.size, 0);
    return { violations, acknowledged, deaths, refusedWrites };
  }

  private async start(): Promise<void> {
    const store = new DiskStore("/d", {
      fileSystem: this.disk.fileSystem,
      toleratedWaste: 3_000,
      onDamage: ({ offset }) => this.violations.push(`a crash is no damage; at ${offset}`),
    });
    // Few messages stay in memory, so that most wait in the store.
    const outboxInMemory = { maximumCount: 2 };
    const broker = await this.clock.until(Broker.listen({ listeners: [], clock: this.clock, store, outboxInMemory }));
    broker.on("storeDamaged", ({ reason }) => this.violations.push(`a crash is no damage: ${reason}`));
    broker.on("error", (error) => {
      if (!String(error).includes("could not read the session")) this.violations.push(`the broker failed: ${error}`);
    });
    broker.on("dropped", ({ reason }) => {
      if (!reason.includes("store")) this.violations.push(`dropped: ${reason}`);
    });
    this.broker = broker;
  }

  private async join(i: number): Promise<void> {
    const protocolVersion = i % 2 === 0 ? 5 : 4;
    const client = createClient("mqtt://broker", {
      platform: this.link.platform,
      clientId: `c${i}`,
      protocolVersion,
      cleanStart: false,
      keepAlive: 30,
      connectTimeout: 1_000,
      reconnect: { initialDelay: 1, maximumDelay: 50 },
    });
    client.on("error", (error) => this.violations.push(`c${i}: ${error}`));
    const participant = new Participant(client, `c${i}`, protocolVersion);
    this.participants.push(participant);
    await this.clock.until(client.connect());
    const { onMessage } = participant;
    await this.clock.until(client.subscribe("t/#", { qos: 2, onMessage }));
    if (SHARING.includes(i)) await this.clock.until(client.subscribe("$share/g/s/#", { qos: 2, onMessage }));
  }

  private publish(): void {
    const { random, participants } = this;
    const participant = participants[random.integer(participants.length)] as Participant;
    const qos = random.integer(2) === 0 ? 1 : 2;
    const where = (["retained", "shared", "shared", "live", "live", "live"] as const)[random.integer(6)] ?? "live";
    participant.publish(`${qos}:${where}:${++this.count}`, qos, where);
  }

  private async fault(): Promise<void> {
    const { random, disk } = this;
    const kind = random.integer(10);
    if (disk.crashed || kind < 2) {
      await this.clock.advance(random.integer(3));
      await this.die(random.integer(2) === 0 ? "kill" : "power");
    } else if (kind < 4) {
      // The process dies within one of the next operations.
      const at = disk.operations + random.integer(8);
      disk.fault = (operation) => (operation === at ? "crash" : undefined);
    } else if (kind === 4) {
      const until = disk.operations + 1 + random.integer(6);
      disk.fault = (operation, what) => {
        if (operation >= until || !what.startsWith("write")) return undefined;
        this.refusedWrites++;
        return { fail: "ENOSPC", part: random.integer(2) / 2 };
      };
    } else if (kind < 7) {
      this.link.cut();
    }
  }

  private async die(how: "kill" | "power"): Promise<void> {
    const { disk, broker } = this;
    this.deaths++;
    this.broker = undefined;
    disk.fault = () => undefined;
    if (how === "kill") disk.kill();
    else disk.powerLoss(() => this.random.next());
    this.link.cut();
    broker?.on("error", () => undefined);
    await this.clock.until((broker?.close() ?? Promise.resolve()).catch(() => undefined)); // nothing of it counts any more
    await this.start();
  }

  /** Waits until each promise is settled, and each acknowledged message has arrived everywhere. */
  private async settle(): Promise<void> {
    for (let waited = 0; waited < PATIENCE && !this.isComplete; waited += 1_000) await this.clock.advance(1_000);
    await this.clock.advance(10_000); // whatever arrives twice
  }

  /** Everything was delivered, so only sessions, subscriptions and retained messages are left. */
  private async checkStore(): Promise<void> {
    const { records, session } = await new DiskStore("/d", { fileSystem: this.disk.fileSystem }).open("broker");
    const counts = new Map<string, number>();
    for (const { value } of records) {
      const kind = kinds[value[0] ?? 0] ?? "unknown";
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    const { session: sessions, subscription, message, retained, ...others } = Object.fromEntries(counts);
    if (
      sessions !== CLIENTS ||
      subscription !== CLIENTS + SHARING.length ||
      message !== retained ||
      Object.keys(others).length > 0
    )
      this.violations.push(`the store has ${JSON.stringify(Object.fromEntries(counts))}`);
    await session.close();
  }

  private get isComplete(): boolean {
    const { participants } = this;
    if (participants.some(({ open }) => open.size > 0)) return false;
    return this.expected.every((text) =>
      isShared(text) ? this.timesOf(text) > 0 : participants.every(({ received }) => received.has(text)),
    );
  }

  private get expected(): readonly string[] {
    return this.participants.flatMap(({ acknowledged }) => [...acknowledged]);
  }

  private check(): void {
    const { participants, violations, expected } = this;
    for (const { name, open, received, violations: own } of participants) {
      violations.push(...own);
      if (open.size > 0) violations.push(`${name}: ${open.size} promises are not settled`);
      for (const text of expected)
        if (!isShared(text) && !received.has(text)) violations.push(`${name} has not received ${text}`);
      for (const [text, times] of received)
        if (times > 1 && text.startsWith("2:")) violations.push(`${name} has received ${text} ${times} times`);
    }
    for (const text of new Set(participants.flatMap(({ received }) => [...received.keys()].filter(isShared))))
      if (text.startsWith("2:") && this.timesOf(text) > 1) violations.push(`two members have received ${text}`);
    for (const text of expected)
      if (isShared(text) && this.timesOf(text) === 0) violations.push(`no member has received ${text}`);
  }

  /** How often the participants together have received a message. */
  private timesOf(text: string): number {
    return this.participants.reduce((sum, { received }) => sum + (received.get(text) ?? 0), 0);
  }
}

function isShared(text: string): boolean {
  return text.includes(":shared:");
}
