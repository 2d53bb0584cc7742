// One client process behind a proxy that cuts, slows and silences its connections. The process is killed with SIGKILL
// and restarted on its store, and publishes or receives numbered messages. The other side of the exchange is connected
// directly, without faults.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "@aiko/mqtt";
import { SeededRandom } from "@aiko/mqtt/testing";
import { UNHURT } from "../fixtures/fate.ts";
import { FaultyProxy } from "../fixtures/faulty-proxy.ts";
import { ClientProcess, type Orders } from "./client-process.ts";
import { connectDirectly } from "./direct-client.ts";
import { FaultPlan, type FaultQuota } from "./fault-plan.ts";
import { FILTER, numberIn, payloadOf, topicOf } from "./numbered-message.ts";
import { FLAT, type Outcome } from "./outcome.ts";
import { outcomeOf, type ScenarioRun, type ScenarioSettings } from "./scenario.ts";
import type { ChaosServer } from "./servers.ts";
import { Tally } from "./tally.ts";
import { type Flow, WireLedger } from "./wire-ledger.ts";

export interface LinkSettings extends ScenarioSettings {
  readonly role: "publishing" | "receiving";
  readonly quota: FaultQuota;
  /** Messages to publish; 0: until all faults have happened. */
  readonly messages: number;
  /** Publishes them before it connects for the first time. */
  readonly offline: boolean;
}

/** The maximum of messages by which the direct publisher is ahead of the receiver. */
const AHEAD = 60;
/** Milliseconds without progress after which a run is stuck. */
const STUCK = 120_000;
/** Milliseconds for promises and last messages after the faults. */
const PATIENCE = 120_000;
/** The packet identifiers of a session. */
const IDENTIFIERS = 65_535;
/** The maximum of heap for the record of one packet identifier, in bytes. */
const RECORD = 256;

export function linkScenario(server: ChaosServer, settings: LinkSettings): Promise<Outcome> {
  return outcomeOf(new LinkRun(server, settings));
}

class LinkRun implements ScenarioRun {
  private readonly random: SeededRandom;
  private readonly ledger = new WireLedger();
  private readonly plan: FaultPlan;
  private readonly clients: ClientProcess;
  /** The messages that the application received: the observer of a publishing client, or the receiving client. */
  private readonly tally = new Tally();
  private readonly violations: string[] = [];
  private directory = "";
  private proxy: FaultyProxy | undefined;
  private direct: Client | undefined;
  private lastSettled = 0;
  private published = 0;
  private allPublished = false;
  private rejected = 0;
  private unsettled = 0;
  private doubled = 0;
  /**
   * QoS 2 messages that the application got again because its process was killed while it had them: the count by
   * number.
   */
  private readonly inHand = new Map<number, number>();
  /** By number: the life in which the application got it last. */
  private readonly given = new Map<number, number>();
  private memory: number[] = [];
  /** The time of the last event: output of the client, or a packet. */
  private movedAt = Date.now();
  private restarting: Promise<void> | undefined;
  /** The output of the client process that the scenario waits for, and the callbacks for it. */
  private awaited = "";
  private done: () => void = () => undefined;

  constructor(
    private readonly server: ChaosServer,
    private readonly settings: LinkSettings,
  ) {
    this.random = new SeededRandom(settings.seed);
    this.plan = new FaultPlan(this.random, settings.qos, settings.quota, () => this.kill());
    this.clients = new ClientProcess(settings.program, (words) => this.heard(words));
  }

  async run(): Promise<Outcome> {
    const { settings, server, plan } = this;
    const started = Date.now();
    this.directory = await mkdtemp(join(tmpdir(), "aiko-mqtt-chaos-"));
    let calm = true;
    this.proxy = await FaultyProxy.listen(server.port, {
      fate: () => (calm ? UNHURT : plan.next()),
      came: (direction, packet, connection) => {
        if (packet.type !== "pingreq" && packet.type !== "pingresp") this.movedAt = Date.now();
        this.ledger.came(direction, packet, connection);
      },
    });
    this.direct = await connectDirectly(server, settings.version);
    const receiving = settings.role === "receiving";
    if (!receiving) await this.observe(this.direct);
    const ready = this.said("ready");
    this.start(calm);
    await this.orStuck(ready);
    calm = false; // from here on there is a session to resume
    this.proxy.strikeAll("reset");
    const publishing = receiving ? this.publish(this.direct) : undefined;
    while (!this.isEnough && !this.isStuck) await pause(5);
    plan.stop();
    await this.restarting;
    await publishing;
    if (receiving) await this.tally.complete(numbersTo(this.published), PATIENCE);
    const finished = this.said("done");
    this.clients.stop();
    await this.orStuck(finished);
    if (!receiving) await this.tally.complete(this.ledger.published.numbers, PATIENCE);
    if (this.unsettled === 0) await this.clients.leave();
    return this.outcome((Date.now() - started) / 1000);
  }

  async close(): Promise<void> {
    this.plan.stop();
    await this.clients[Symbol.asyncDispose]();
    await this.direct?.disconnect({ drainTimeout: 0 });
    await this.proxy?.[Symbol.asyncDispose]();
    if (this.directory !== "") await rm(this.directory, { recursive: true, force: true });
  }

  private get isEnough(): boolean {
    const { settings, plan } = this;
    return settings.signal.aborted || (settings.offline || settings.messages > 0 ? this.allPublished : plan.isOver);
  }

  private get isStuck(): boolean {
    return Date.now() - this.movedAt > STUCK;
  }

  private async observe(observer: Client): Promise<void> {
    await observer.subscribe(FILTER, {
      qos: this.settings.qos,
      onMessage: (message) => {
        this.tally.add(numberIn(message.payload));
      },
    });
  }

  /** Publishes as fast as the receiver handles the messages. */
  private async publish(publisher: Client): Promise<void> {
    const { qos } = this.settings;
    while (!this.isEnough && !this.isStuck) {
      const batch: Promise<unknown>[] = [];
      while (this.published - this.tally.size < AHEAD) {
        const number = ++this.published;
        batch.push(publisher.publish(topicOf(number), payloadOf(number), { qos }));
      }
      await Promise.all(batch);
      await pause(1);
    }
  }

  private start(calm = false): void {
    const { version, qos, role, messages, offline } = this.settings;
    const orders: Orders = {
      url: this.proxy?.url ?? "",
      clientId: `chaos-${role}`,
      version,
      qos,
      publishes: role === "publishing",
      receives: role === "receiving",
      directory: this.directory,
      from: 1 + Math.max(this.lastSettled, this.ledger.published.last),
      until: messages,
      offline,
      quiet: messages > 0,
      window: messages > 0 ? 1_000 : 1 + this.random.integer(40),
      warmUp: messages > 0 ? 10_000 : 200,
      patience: PATIENCE,
    };
    this.memory = [];
    this.clients.start(orders);
    const delay = calm ? undefined : this.plan.killByClock();
    if (delay !== undefined) setTimeout(() => this.kill(), delay);
  }

  private kill(): void {
    if (this.restarting !== undefined) return;
    this.clients.kill();
    this.restarting = this.restart();
  }

  private async restart(): Promise<void> {
    await this.clients.ended();
    this.proxy?.strikeAll("reset"); // the dead process's bytes have arrived, or are lost
    this.ledger.life++;
    this.restarting = undefined;
    this.start();
  }

  private heard([event = "", ...words]: readonly string[]): void {
    this.movedAt = Date.now();
    const number = Number(words[0]);
    switch (event) {
      case "settled":
        this.lastSettled = Math.max(this.lastSettled, number);
        break;
      case "rejected":
        this.rejected++;
        this.violations.push(`${this.name}: the promise of message ${number} was rejected with ${words[1]}`);
        break;
      case "received":
        this.received(number);
        break;
      case "memory":
        this.memory.push(number);
        break;
      case "error":
        this.violations.push(`${this.name}: ${words.join(" ")}`);
        break;
      case "published":
        this.allPublished = true;
        break;
      case "done":
        this.unsettled += number;
        break;
      default:
    }
    if (event === this.awaited) this.done();
  }

  private received(number: number): void {
    const times = this.tally.add(number);
    if (this.settings.qos === 1) return;
    const { life, received } = this.ledger;
    const before = this.given.get(number) ?? life;
    this.given.set(number, life);
    const again = this.inHand.get(number) ?? 0;
    if (times === 1 || times <= received.times(number) + again) return; // the server sent it as a new message
    // A process that was killed after it got the message, but before its PUBREC was sent, could not know that.
    const wasInHand = before < life && (received.acknowledged.get(number) ?? life) > before;
    if (wasInHand) this.inHand.set(number, again + 1);
    else this.doubled++;
  }

  private said(event: string): Promise<void> {
    this.awaited = event;
    return new Promise((resolve) => {
      this.done = resolve;
    });
  }

  private async orStuck(promise: Promise<void>): Promise<void> {
    let over = false;
    const finished = promise.then(() => {
      over = true;
    });
    while (!over && !this.isStuck) await Promise.race([finished, pause(200)]);
    if (over) return;
    this.unsettled++;
    this.violations.push(`${this.name}: nothing happened for ${STUCK} ms while waiting for "${this.awaited}"`);
  }

  private get name(): string {
    const { role, qos, version, messages, offline } = this.settings;
    const what = messages === 0 ? role : offline ? `${messages} published offline` : `${messages} published`;
    return `${what}, QoS ${qos}, ${version === 5 ? "5" : "3.1.1"}, ${this.server.name}`;
  }

  private outcome(seconds: number): Outcome {
    const { ledger, tally, violations, name, settings } = this;
    const receiving = settings.role === "receiving";
    const flow = receiving ? ledger.received : ledger.published;
    const messages = receiving ? this.published : Math.max(this.lastSettled, flow.last);
    const lost = numbersTo(messages).filter((number) => !tally.has(number));
    const notes: string[] = [];
    let doubled = 0;
    if (settings.qos === 2) {
      doubled = receiving ? this.doubled : Math.max(flow.doubled, tally.repeated);
      if (receiving && flow.doubled > 0) {
        notes.push(`${flow.doubled} sent twice by ${this.server.name}`);
        if (this.server.name === "our broker") doubled += flow.doubled;
      }
      const again = [...this.inHand.values()].reduce((sum, times) => sum + times, 0);
      if (again > 0) notes.push(`${again} in hand at a kill`);
    }
    const outOfOrder = Math.max(tally.outOfOrder, receiving ? 0 : flow.outOfOrder);
    if (lost.length > 0) violations.push(`${name}: lost ${lost.slice(0, 10)}${lost.length > 10 ? " …" : ""}`);
    if (doubled > 0) violations.push(`${name}: ${doubled} doubled${receiving ? "" : `: ${whereDoubled(flow, tally)}`}`);
    if (outOfOrder > 0) violations.push(`${name}: ${outOfOrder} out of order`);
    if (this.unsettled > 0) violations.push(`${name}: ${this.unsettled} promises never settled`);
    const [before, after] = [this.memory[0], this.memory.at(-1)];
    const heap = before === undefined || after === undefined ? undefined : ([before, after] as const);
    // The store keeps a record for each packet identifier that the server has used at QoS 2.
    const most = FLAT + (receiving && settings.qos === 2 ? RECORD * Math.min(messages, IDENTIFIERS) : 0);
    if (heap && heap[1] - heap[0] > most) violations.push(`${name}: the heap grew by ${heap[1] - heap[0]} bytes`);
    const silent = this.proxy?.struck["half-open"] ?? 0;
    if (silent > 0) notes.push(`${silent} half-open`);
    return {
      scenario: name,
      messages,
      lost: lost.length,
      doubled,
      outOfOrder,
      unsettled: this.unsettled,
      rejected: this.rejected,
      cuts: this.proxy?.cuts ?? 0,
      kills: this.clients.kills,
      seconds,
      heap,
      notes,
      violations,
    };
  }
}

function numbersTo(last: number): number[] {
  return Array.from({ length: last }, (_, i) => i + 1);
}

/** The client may have sent a message twice, one of them truncated: then only the wire knows. */
function whereDoubled(flow: Flow, tally: Tally): string {
  return `sent by the client ${flow.repeated.slice(0, 10).join(", ") || "none"}, to the application ${tally.repeated}`;
}
