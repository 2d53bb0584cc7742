// A server that is killed again and again, with or without its sessions, while one client publishes to itself through
// the proxy. The client can then promise that every message on the wire is settled and delivered according to its QoS,
// and that the application learns at each connection whether its session is present.
import { SeededRandom } from "@aiko/mqtt/testing";
import { UNHURT } from "../fixtures/fate.ts";
import { FaultyProxy } from "../fixtures/faulty-proxy.ts";
import { ClientProcess } from "./client-process.ts";
import { topicOf } from "./numbered-message.ts";
import { FLAT, type Outcome } from "./outcome.ts";
import { outcomeOf, type ScenarioRun, type ScenarioSettings } from "./scenario.ts";
import type { ChaosServer, KeepingServer } from "./servers.ts";
import { Tally } from "./tally.ts";
import { WireLedger } from "./wire-ledger.ts";

export interface ServerSettings extends ScenarioSettings {
  readonly kills: number;
}

/** The server, and how it is ended. */
export type Victim =
  | { readonly keeps: true; readonly server: KeepingServer }
  | { readonly keeps: false; readonly server: ChaosServer };

/** The time limit of any step, in milliseconds. */
const PATIENCE = 120_000;
/** The maximum of messages that are settled between two kills. */
const MOST_BETWEEN = 60;

export function serverScenario(victim: Victim, settings: ServerSettings): Promise<Outcome> {
  return outcomeOf(new ServerRun(victim, settings));
}

class ServerRun implements ScenarioRun {
  private readonly random: SeededRandom;
  private readonly ledger = new WireLedger();
  private readonly tally = new Tally();
  private readonly clients: ClientProcess;
  private readonly settled = new Set<number>();
  private readonly lostWithSession = new Set<number>();
  /** By number: the connection over which the message was acknowledged, counted from 1. */
  private readonly settledIn = new Map<number, number>();
  /** By connection and topic: the highest number that the application received over it. */
  private readonly highest = new Map<string, number>();
  /** The session present flags that the application got, connection by connection. */
  private readonly told: boolean[] = [];
  private readonly violations: string[] = [];
  /** The first message that was published after the connection was lost. */
  private firstUnsent = 0;
  private proxy: FaultyProxy | undefined;
  private kills = 0;
  private toldRight = 0;
  private rejected = 0;
  private unsettled = 0;
  private memory: number[] = [];
  private isReady = false;
  private isDone = false;

  constructor(
    private readonly victim: Victim,
    private readonly settings: ServerSettings,
  ) {
    this.random = new SeededRandom(settings.seed);
    this.clients = new ClientProcess(settings.program, (words) => this.heard(words));
  }

  async run(): Promise<Outcome> {
    const { victim, settings, random } = this;
    const { qos, version, kills, signal } = settings;
    const started = Date.now();
    this.proxy = await FaultyProxy.listen(victim.server.port, {
      fate: () => UNHURT,
      came: (direction, packet, connection) => this.ledger.came(direction, packet, connection),
    });
    this.clients.start({
      url: this.proxy.url,
      clientId: "chaos-server",
      version,
      qos,
      publishes: true,
      receives: true,
      directory: undefined,
      from: 1,
      until: 0,
      offline: false,
      quiet: false,
      window: 20,
      warmUp: 200,
      patience: PATIENCE,
    });
    await this.until("ready", () => this.isReady);
    while (this.kills < kills && !signal.aborted && this.violations.length === 0) {
      const enough = this.settled.size + 1 + random.integer(MOST_BETWEEN);
      await this.until(`${enough} messages are settled`, () => this.settled.size >= enough);
      await this.kill();
    }
    this.clients.stop();
    await this.until("done", () => this.isDone);
    const due = victim.keeps ? this.settled : [...this.ledger.received.numbers, ...this.settledLast];
    await this.tally.complete([...due], PATIENCE);
    await this.clients.leave();
    return this.outcome((Date.now() - started) / 1000);
  }

  async close(): Promise<void> {
    await this.clients[Symbol.asyncDispose]();
    await this.proxy?.[Symbol.asyncDispose]();
  }

  /** Kills the server, restarts it, and waits until the application has learned whether the session is present. */
  private async kill(): Promise<void> {
    const { victim, proxy, random, told } = this;
    if (proxy === undefined) return;
    const connections = told.length;
    if (!victim.keeps) {
      await victim.server.killWithoutSessions();
    } else if (victim.server.isDurable && random.next() < 0.9) {
      await victim.server.killAfterSaving(); // with packets in flight
    } else if (victim.server.isDurable || random.next() < 0.5) {
      await victim.server.stop();
    } else {
      proxy.hold();
      await victim.server.killAfterSaving();
      proxy.strikeAll("reset");
    }
    this.kills++;
    await victim.server.startAgain();
    proxy.targetPort = victim.server.port;
    await this.until("connected again", () => told.length > connections);
    if (told[connections] === victim.keeps) {
      this.toldRight++;
    } else {
      this.violations.push(`${this.name}: after kill ${this.kills} the application was told ${told[connections]}`);
    }
  }

  private heard([event = "", ...words]: readonly string[]): void {
    const number = Number(words[0]);
    switch (event) {
      case "ready":
        this.isReady = true;
        break;
      case "done":
        this.unsettled = number;
        this.isDone = true;
        break;
      case "connected":
        this.told.push(number === 1);
        break;
      case "disconnected":
        this.firstUnsent = number;
        break;
      case "settled":
        this.settled.add(number);
        this.settledIn.set(number, this.told.length);
        break;
      case "rejected":
        this.refused(number, words[1] ?? "");
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
      default:
    }
  }

  private get isOurs(): boolean {
    return this.victim.server.name === "our broker";
  }

  private received(number: number): void {
    this.tally.add(number);
    const stream = `${this.told.length} ${topicOf(number)}`;
    this.highest.set(stream, Math.max(number, this.highest.get(stream) ?? 0));
  }

  /** The messages that the server acknowledged in its last session, which was not lost. */
  private get settledLast(): number[] {
    if (!this.isOurs) return [];
    return [...this.settledIn].filter(([, connection]) => connection === this.told.length).map(([number]) => number);
  }

  /** The messages that were acknowledged in a session and never delivered. */
  private get undelivered(): number[] {
    return [...this.settledIn.keys()].filter((number) => !this.tally.has(number));
  }

  /**
   * Whether the loss of the session does not explain why an acknowledged message was not delivered: the session was not
   * lost, or it delivered a later message of the topic. A session delivers in order and loses its end. This is only known
   * of our broker, which delivers a message before PUBREC: mosquitto may lose one whose PUBREC arrived in the session before
   * and whose promise is fulfilled in the next.
   */
  private isUnexplained(number: number): boolean {
    if (!this.isOurs) return false;
    const connection = this.settledIn.get(number) ?? 0;
    return connection === this.told.length || (this.highest.get(`${connection} ${topicOf(number)}`) ?? 0) > number;
  }

  /** Only a QoS 2 message that was sent and had no PUBREC when the session was lost may fail. */
  private refused(number: number, code: string): void {
    const { victim, settings } = this;
    const cause = code === "SESSION_LOST" && !victim.keeps && settings.qos === 2 && this.mayHaveLeft(number);
    this.settled.add(number);
    if (cause) {
      this.lostWithSession.add(number);
      return;
    }
    this.rejected++;
    this.violations.push(`${this.name}: the promise of message ${number} was rejected with ${code}`);
  }

  /**
   * Whether the message was on the wire, or was published while there was a connection: the client never delays a
   * message then, and bytes that it has handed over may be lost within the kernel.
   */
  private mayHaveLeft(number: number): boolean {
    return this.ledger.published.has(number) || number < this.firstUnsent;
  }

  private async until(what: string, condition: () => boolean): Promise<void> {
    for (const start = Date.now(); !condition(); ) {
      if (Date.now() - start > PATIENCE) {
        this.violations.push(`${this.name}: not within ${PATIENCE} ms: ${what}`);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  private get name(): string {
    const { qos, version } = this.settings;
    const { server, keeps } = this.victim;
    return `${server.name} killed ${keeps ? "with" : "without"} session, QoS ${qos}, ${version === 5 ? "5" : "3.1.1"}`;
  }

  private outcome(seconds: number): Outcome {
    const { ledger, tally, victim, settled, lostWithSession, violations, name } = this;
    const { qos } = this.settings;
    const { published, received } = ledger;
    // A settled message was accepted by the server. A message that the server sent and the client acknowledged was
    // given to the application.
    const unsent = [...settled].filter((number) => !published.has(number) && !lostWithSession.has(number));
    const dropped = [...received.acknowledged.keys()].filter((number) => !tally.has(number));
    const { undelivered } = this;
    const swallowed = victim.keeps
      ? [...settled].filter((number) => !tally.has(number))
      : undelivered.filter((number) => this.isUnexplained(number));
    const lost = new Set([...unsent, ...dropped, ...swallowed]).size;
    let doubled = 0;
    const notes = [`told ${this.toldRight} times of ${this.kills}`];
    if (qos === 2) {
      doubled = published.doubled;
      for (const number of received.numbers) doubled += Math.max(0, tally.times(number) - received.times(number));
      if (received.doubled > 0) notes.push(`${received.doubled} sent twice by ${victim.server.name}`);
      // Mosquitto may send a message as a new one twice. Our broker may not, and a message in doubt is not resent.
      if (this.isOurs) doubled = Math.max(doubled, tally.repeated);
      if (lostWithSession.size > 0) notes.push(`${lostWithSession.size} SESSION_LOST`);
    }
    if (!victim.keeps) notes.push(`${undelivered.length} acknowledged and lost with their session`);
    const [before, after] = [this.memory[0], this.memory.at(-1)];
    const heap = before === undefined || after === undefined ? undefined : ([before, after] as const);
    const outOfOrder = Math.max(tally.outOfOrder, published.outOfOrder);
    if (lost > 0) violations.push(`${name}: lost ${unsent} | ${dropped} | ${swallowed}`);
    if (doubled > 0) violations.push(`${name}: ${doubled} doubled`);
    if (outOfOrder > 0) violations.push(`${name}: ${outOfOrder} out of order`);
    if (this.unsettled > 0) violations.push(`${name}: ${this.unsettled} promises never settled`);
    if (heap && heap[1] - heap[0] > FLAT) violations.push(`${name}: the heap grew by ${heap[1] - heap[0]} bytes`);
    return {
      scenario: name,
      messages: settled.size,
      lost,
      doubled,
      outOfOrder,
      unsettled: this.unsettled,
      rejected: this.rejected,
      cuts: this.proxy?.cuts ?? 0,
      kills: this.kills,
      seconds,
      heap,
      notes,
      violations,
    };
  }
}
