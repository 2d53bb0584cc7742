// A client that is shut down gracefully at random moments, again and again, and restarted on its store. No message may
// be lost, no QoS 2 message handled twice, and no message given to the application after the call of `disconnect`. No
// handler may run when that call has resolved.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "@aiko/mqtt";
import { UNHURT } from "../fixtures/fate.ts";
import { FaultyProxy } from "../fixtures/faulty-proxy.ts";
import { connectDirectly } from "./direct-client.ts";
import { numberIn, payloadOf } from "./numbered-message.ts";
import type { Outcome } from "./outcome.ts";
import { outcomeOf, type ScenarioRun } from "./scenario.ts";
import type { ChaosServer } from "./servers.ts";
import { type LifeOrders, OWN_TOPIC, REPLY_TOPIC, WORK_TOPIC } from "./shutdown-orders.ts";
import { Tally } from "./tally.ts";
import { WireLedger } from "./wire-ledger.ts";

export interface ShutdownSettings {
  readonly version: 4 | 5;
  readonly shutdowns: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** The bundled program. */
  readonly program: string;
}

/** Lives of a client in one process. */
const LIVES = 20;
/** The maximum of messages by which the publisher is ahead of the handlers, at each QoS. */
const AHEAD = 20;
/** Milliseconds without progress after which the others are lost, or a process is stuck. */
const PATIENCE = 120_000;

export function shutdownScenario(server: ChaosServer, settings: ShutdownSettings): Promise<Outcome> {
  return outcomeOf(new ShutdownRun(server, settings));
}

class ShutdownRun implements ScenarioRun {
  /** The messages that the application got, by QoS. */
  private readonly given = { 1: new Tally(), 2: new Tally() } as const;
  private readonly handled = { 1: new Set<number>(), 2: new Set<number>() } as const;
  /** The messages that the client published, and their outcomes. */
  private readonly settled = new Set<number>();
  /** Messages that were pending when the client was shut down, and stay in the store for the next one. */
  private readonly kept = new Set<number>();
  private pending = 0;
  /** Error events for messages that simply stay in the store. */
  private noise = 0;
  private readonly own = new Tally();
  private readonly replied = new Set<number>();
  private readonly replies = new Tally();
  private readonly violations: string[] = [];
  private published = { 1: 0, 2: 0 };
  private lastOwn = 0;
  private shutdowns = 0;
  private late = 0;
  private stillRunning = 0;
  private rejected = 0;
  /** The time when a message was last handled, or a client shut down. */
  private movedAt = Date.now();
  private isOver = false;
  private directory = "";
  private readonly ledger = new WireLedger();
  private proxy: FaultyProxy | undefined;
  private direct: Client | undefined;
  /** The errors with which the observer's own connection was lost. */
  private readonly observerLost: string[] = [];
  private child: ChildProcessWithoutNullStreams | undefined;

  constructor(
    private readonly server: ChaosServer,
    private readonly settings: ShutdownSettings,
  ) {}

  async run(): Promise<Outcome> {
    const { settings, server, own, replies } = this;
    const { shutdowns, signal, version } = settings;
    const started = Date.now();
    this.directory = await mkdtemp(join(tmpdir(), "aiko-mqtt-chaos-"));
    this.proxy = await FaultyProxy.listen(server.port, {
      fate: () => UNHURT,
      came: (direction, packet, connection) => this.ledger.came(direction, packet, connection),
    });
    const direct = await connectDirectly(server, version);
    this.direct = direct;
    direct.on("disconnected", ({ error }) => this.observerLost.push(error.code));
    await direct.subscribe(OWN_TOPIC, { qos: 2, onMessage: ({ payload }) => void own.add(numberIn(payload)) });
    await direct.subscribe(REPLY_TOPIC, { qos: 1, onMessage: ({ payload }) => void replies.add(numberIn(payload)) });
    await this.process(0, true, async () => {
      await this.until("the subscriptions are granted", () => this.lastOwn > 0 && this.settled.size > 0);
      await pause(50);
    });
    const publishing = [this.publish(direct, 1), this.publish(direct, 2)];
    while (this.shutdowns < shutdowns && !signal.aborted && this.violations.length === 0) {
      await this.process(Math.min(LIVES, shutdowns - this.shutdowns), false);
    }
    this.isOver = true;
    await Promise.all(publishing);
    const done = this.shutdowns;
    await this.process(0, true, async () => {
      await this.until("every message is handled", () =>
        QUALITIES.every((qos) => this.handled[qos].size >= this.published[qos]),
      );
    });
    await own.complete([...this.settled, ...this.kept], PATIENCE);
    await replies.complete([...this.replied], PATIENCE);
    return this.outcome(done, (Date.now() - started) / 1000);
  }

  async close(): Promise<void> {
    this.isOver = true;
    this.child?.kill("SIGKILL");
    await this.direct?.disconnect({ drainTimeout: 0 });
    await this.proxy?.[Symbol.asyncDispose]();
    if (this.directory !== "") await rm(this.directory, { recursive: true, force: true });
  }

  /** Runs one process to its end. `until` resolves when a last client must stop. */
  private async process(lives: number, last: boolean, until?: () => Promise<void>): Promise<void> {
    const { settings } = this;
    const orders: LifeOrders = {
      url: this.proxy?.url ?? "",
      clientId: "chaos-shutdown",
      version: settings.version,
      directory: this.directory,
      seed: settings.seed + this.shutdowns,
      lives,
      last,
      from: this.lastOwn + 1,
    };
    const child = spawn(process.execPath, [settings.program], { stdio: "pipe" });
    this.child = child;
    const ended = once(child, "close");
    let over = false;
    void ended.then(() => {
      over = true;
    });
    child.stdin.on("error", () => undefined);
    child.stderr.on("data", (text: Buffer) => this.violations.push(`${this.name}: ${text.toString().trim()}`));
    createInterface({ input: child.stdout }).on("line", (line) => this.heard(line.split(" ")));
    child.stdin.write(`${JSON.stringify(orders)}\n`);
    if (until !== undefined) {
      await until();
      child.stdin.write("leave\n");
    }
    await this.until("the process ends", () => over);
    if (!over) child.kill("SIGKILL");
    await ended;
  }

  private heard([event = "", ...words]: readonly string[]): void {
    const number = Number(words[0]);
    switch (event) {
      case "late":
        this.late++;
        this.give(words);
        break;
      case "given":
        this.give(words);
        break;
      case "handled":
        this.movedAt = Date.now();
        this.handled[number as 1 | 2].add(Number(words[1]));
        break;
      case "replied":
        this.replied.add(number);
        break;
      case "published":
        this.lastOwn = Math.max(this.lastOwn, number);
        break;
      case "settled":
        this.settled.add(number);
        break;
      case "rejected":
        this.reject(`message ${number} was rejected with ${words[1]}`);
        break;
      case "pending":
        this.pending++;
        if (words[1] !== NOT_KEPT) this.kept.add(number);
        break;
      case "unhandled":
        this.reject(`a handler failed: ${words.join(" ")}`);
        break;
      case "down":
        this.movedAt = Date.now();
        this.shutdowns++;
        this.stillRunning += number;
        break;
      case "noise":
        this.noise++;
        break;
      case "error":
        this.violations.push(`${this.name}: ${words.join(" ")}`);
        break;
      default:
    }
  }

  private give([qos, number]: readonly string[]): void {
    this.given[Number(qos) as 1 | 2].add(Number(number));
  }

  private reject(what: string): void {
    this.rejected++;
    this.violations.push(`${this.name}: ${what}`);
  }

  /** Publishes as fast as the messages are handled. */
  private async publish(publisher: Client, qos: 1 | 2): Promise<void> {
    const { published, handled } = this;
    while (!this.isOver) {
      const batch: Promise<unknown>[] = [];
      while (published[qos] - handled[qos].size < AHEAD) {
        batch.push(publisher.publish(`${WORK_TOPIC}/${qos}`, payloadOf(numberOf(qos, ++published[qos])), { qos }));
      }
      await Promise.all(batch);
      await pause(2);
    }
  }

  private async until(what: string, condition: () => boolean): Promise<void> {
    for (this.movedAt = Date.now(); !condition(); await pause(5)) {
      if (Date.now() - this.movedAt < PATIENCE) continue;
      this.violations.push(`${this.name}: nothing happened for ${PATIENCE} ms: ${what}`);
      return;
    }
  }

  private get name(): string {
    const { version } = this.settings;
    return `shut down gracefully, ${version === 5 ? "5" : "3.1.1"}, ${this.server.name}`;
  }

  private outcome(shutdowns: number, seconds: number): Outcome {
    const { violations, name, published, handled, given, own, replies } = this;
    const unhandled = QUALITIES.flatMap((qos) =>
      numbersTo(published[qos])
        .map((count) => numberOf(qos, count))
        .filter((number) => !handled[qos].has(number))
        .map((number) => `${number} at QoS ${qos}`),
    );
    const unseen = [...this.settled, ...this.kept]
      .filter((number) => !own.has(number))
      .map((number) => `own ${number}`);
    const unanswered = [...this.replied].filter((number) => !replies.has(number)).map((number) => `reply ${number}`);
    const lost = [...unhandled, ...unseen, ...unanswered];
    // An application may get a message as often as the server sent it as a new one.
    const { received } = this.ledger;
    const sentTwice = received.repeated.filter((number) => number % 2 === 0);
    let handledTwice = 0;
    for (const number of numbersTo(published[2]).map((count) => numberOf(2, count))) {
      handledTwice += Math.max(0, given[2].times(number) - Math.max(1, received.times(number)));
    }
    const byServer = this.server.name === "our broker" ? sentTwice.length : 0;
    const doubled = handledTwice + own.repeated + byServer;
    if (lost.length > 0) violations.push(`${name}: lost ${lost.slice(0, 10).join(", ")}`);
    if (doubled > 0)
      violations.push(
        `${name}: ${handledTwice} handled twice at QoS 2, ${own.repeated} published twice, ${byServer} sent twice by the broker`,
      );
    if (this.late > 0) violations.push(`${name}: ${this.late} handed over after disconnect was called`);
    if (this.stillRunning > 0)
      violations.push(`${name}: ${this.stillRunning} handlers ran when disconnect had resolved`);
    const notes = [
      `${shutdowns} shutdowns, ${given[1].repeated} handled twice at QoS 1, ${this.pending} pending at a shutdown`,
    ];
    if (sentTwice.length > 0) notes.push(`${sentTwice.length} sent twice by ${this.server.name}`);
    if (this.observerLost.length > 0) notes.push(`the observer's connection was lost: ${this.observerLost.join(", ")}`);
    if (this.noise > 0) notes.push(`${this.noise} error events for what stays in the store`);
    return {
      scenario: name,
      messages: published[1] + published[2] + this.lastOwn + this.replied.size,
      lost: lost.length,
      doubled,
      outOfOrder: 0,
      unsettled: 0,
      rejected: this.rejected,
      cuts: 0,
      kills: 0,
      seconds,
      heap: undefined,
      notes,
      violations,
    };
  }
}

const QUALITIES = [1, 2] as const;
/** The outcome of a pending message, which promises nothing: it may be in the store or not. */
const NOT_KEPT = "CLIENT_CLOSED";

/** Each message has its own number, whatever its QoS: odd ones have QoS 1, even ones QoS 2. */
function numberOf(qos: 1 | 2, count: number): number {
  return 2 * count - (qos === 1 ? 1 : 0);
}

function numbersTo(last: number): number[] {
  return Array.from({ length: last }, (_, i) => i + 1);
}
