// A whole world on a fake clock: the real client in its process, the real broker, and the network between them. Nothing
// happens without a requested action; the same actions lead to the same state. Owns the possible actions; verdict.ts
// defines the conditions.
import type { QoS } from "@aiko/mqtt/codec";
import { FakeClock } from "@aiko/mqtt/testing";
import type { Action, Fault, FaultAction } from "./action.ts";
import { ClientProcess } from "./client-process.ts";
import { hexOf, storedText, textOf } from "./fingerprint.ts";
import { Ledger } from "./ledger.ts";
import { type Connection, connectionOf, End, type Item } from "./network.ts";
import { OpenStore } from "./open-store.ts";
import { CONNECT_TIMEOUT, expiryOf, type Scenario, subscribesAtStart } from "./scenario.ts";
import { ServerSide } from "./server-side.ts";

/** The session for which the server accepted a message. */
interface Owed {
  readonly session: object;
  /** The number of the process whose CONNECT started the session. */
  readonly maker: number;
}

/** The maximum number of timers that a client may need before it is online or connecting. */
const MOST_WAITS = 20;
/** The number of packets after which a fault-free period will never come to rest. */
const ENDLESS = 400;

export class World {
  readonly clock = new FakeClock();
  readonly ledger = new Ledger();
  readonly server: ServerSide;
  readonly connections: Connection[] = [];
  /** The count of each kind of fault. */
  readonly happened: Record<Fault, number> = { cuts: 0, losses: 0, drops: 0, kills: 0, wipes: 0, expiries: 0 };
  process: ClientProcess;
  /** Messages that the server accepted for the client, and their sessions. */
  readonly owed = new Map<string, Owed>();
  /** Whether the fault-free period came to rest. */
  isQuiet = true;
  /** Called with each packet that is sent. */
  onSent: (connection: number, by: "client" | "server", item: Item) => void = () => undefined;
  private readonly makers = new Map<object, number>();
  private position = 0;
  private slow: boolean;
  private store: OpenStore | undefined;

  /** @param byHistory whether a client is identified by everything that reached it, and not by its content */
  constructor(
    readonly scenario: Scenario,
    private readonly byHistory = false,
  ) {
    this.slow = scenario.slowHandlers;
    this.server = new ServerSide(this.clock, scenario, (name) => {
      this.ledger.arrived(name, this.process.number);
    });
    this.store = scenario.store ? new OpenStore() : undefined;
    this.process = this.newProcess(1);
  }

  async begin(): Promise<void> {
    await this.startProcess();
    await this.settle();
  }

  /** The actions that are possible now; of actions whose order does not matter, only one. */
  get actions(): readonly Action[] {
    const toServer: Action[] = [];
    const toClient: Action[] = [];
    for (const { number, client, server } of this.connections) {
      if (server.isOpen && server.arriving.length > 0) toServer.push(`arrive ${number} up`);
      if (client.isOpen && client.arriving.length > 0) toClient.push(`arrive ${number} down`);
    }
    const others = this.otherActions;
    // Packets for the client and packets for the server are independent if no other action is possible any more.
    const isAlone = others.length === 0 && this.connections.filter(({ client }) => client.isOpen).length === 1;
    return isAlone && toClient.length > 0 ? toClient : [...toServer, ...toClient, ...others];
  }

  private get otherActions(): Action[] {
    const { scenario, happened, process, current } = this;
    const actions: Action[] = process.running.length > 0 ? ["handler returns"] : [];
    if (process.closedBy !== undefined) return actions;
    if (this.position < scenario.programme.length) actions.push("next step");
    const { cuts, losses, drops, kills, wipes } = happened;
    const failed = cuts + losses + drops + kills + wipes;
    const may = (fault: Fault): boolean => happened[fault] < scenario.faults[fault];
    if (may("expiries") && this.server.session?.isOnline === false) actions.push("expire");
    if (failed + 1 >= scenario.faults.connections) return actions;
    if (may("cuts") && current?.server.isOpen) actions.push("cut");
    if (may("losses") && current !== undefined) actions.push("lose");
    if (may("drops") && current?.server.isOpen) actions.push("drop");
    if (may("kills")) actions.push("kill");
    if (may("wipes")) actions.push("wipe");
    return actions;
  }

  /** Runs the action, and everything that follows without advancing the time and without packets. */
  async apply(action: Action): Promise<void> {
    const [what, number, direction] = action.split(" ");
    if (what === "arrive") {
      const { client, server, process } = this.connections[Number(number) - 1] as Connection;
      (direction === "up" ? server : client).receive();
      const { session } = this.server;
      if (session !== undefined && !this.makers.has(session)) this.makers.set(session, process);
    } else if (action === "next step") {
      this.step();
    } else if (action === "handler returns") {
      this.process.finish();
    } else {
      await this.fault(action as FaultAction);
    }
    await this.settle();
  }

  /** Whether nothing is in transit over the client's connection, and no handler runs. */
  get isAtRest(): boolean {
    return this.nextInPeace === undefined;
  }

  /** From now on there are no faults and no slow handlers; data that was written to abandoned connections is lost. */
  async makePeace(): Promise<void> {
    this.slow = false;
    for (let i = 0; i < ENDLESS; i++) {
      const action = this.nextInPeace;
      if (action === undefined) return;
      await this.apply(action);
    }
    this.isQuiet = false;
  }

  /** One more message in each direction, which a working client must deliver. */
  async probe(): Promise<void> {
    const { process, server } = this;
    if (process.closedBy !== undefined) return;
    if (process.subscribed === "ok" && server.hasSubscription) this.publishDown(2, "probe");
    process.publish(this.ledger.sent("up", 2, process.number, "probe"));
    await this.settle();
    await this.makePeace();
  }

  /** Two worlds with the same text have the same possible futures. */
  get fingerprint(): string {
    const { process, ledger, server } = this;
    const now = this.clock.now();
    const ends = new Map<End, string>();
    for (const { number, client, server: end } of this.connections) {
      ends.set(client, `client${number}${client.isOpen}`);
      ends.set(end, `server${number}${end.isOpen}`);
    }
    const lane = ({ arriving }: End) => arriving.map((item) => (item === "end" ? item : hexOf(item))).join();
    const lanes = this.connections.map(
      ({ client, server: end }) => `${lane(client)}|${client.isOpen}|${lane(end)}|${end.isOpen}`,
    );
    const { number, subscribed, closedBy, history, running } = process;
    // Members with a # cannot be read; then everything that reached the client stands for its content.
    const { client } = process;
    const canBeRead = !this.byHistory && Object.keys(client).length > 0;
    const holds = canBeRead ? textOf(client, ends, now) : history.join();
    return [
      JSON.stringify(this.happened),
      `${this.position} ${number} ${subscribed} ${closedBy} ${running.length} ${this.connections.length}`,
      lanes.join(";"),
      ledger.summary,
      String(server.session && this.makers.get(server.session)),
      [...this.owed].map(([name, { session, maker }]) => `${name}${session === server.session}${maker}`).join(),
      holds,
      textOf(server.hub, ends, now),
      this.store === undefined ? "" : storedText(this.store.records),
    ].join("\n");
  }

  /** The number of finished steps of the programme. */
  get stepsDone(): number {
    return this.position;
  }

  /** The client's current connection or attempt. */
  get current(): Connection | undefined {
    return this.connections.findLast(({ client }) => client.isOpen);
  }

  private get nextInPeace(): Action | undefined {
    const { current, process } = this;
    if (current !== undefined && current.server.arriving.length > 0) return `arrive ${current.number} up`;
    if (current !== undefined && current.client.arriving.length > 0) return `arrive ${current.number} down`;
    return process.running.length > 0 ? "handler returns" : undefined;
  }

  private step(): void {
    const step = this.scenario.programme[this.position++];
    if (step === "subscribe") {
      this.process.subscribe();
      return;
    }
    const qos = Number(step?.at(-1)) as QoS;
    if (step?.startsWith("up")) this.process.publish(this.ledger.sent("up", qos, this.process.number));
    else this.publishDown(qos);
  }

  private publishDown(qos: QoS, note = ""): void {
    const { server, process, ledger } = this;
    const message = ledger.sent("down", qos, process.number, note);
    const { session } = server;
    const takes = session !== undefined && server.hasSubscription;
    message.outcome = takes ? "ok" : "not subscribed";
    if (takes) {
      const maker = this.makers.get(session) ?? 0;
      this.owed.set(message.name, { session, maker });
    }
    server.publish(message.name, qos);
  }

  private async fault(what: FaultAction): Promise<void> {
    const { current, happened, process } = this;
    process.history.push(what);
    switch (what) {
      case "cut":
        happened.cuts++;
        current?.client.cut();
        current?.server.cut();
        break;
      case "lose":
        happened.losses++;
        if (process.client.connected) current?.client.lose();
        else await this.pass(CONNECT_TIMEOUT);
        break;
      case "drop":
        happened.drops++;
        current?.server.lose();
        break;
      case "expire":
        happened.expiries++;
        await this.sleep();
        break;
      case "kill":
      case "wipe":
        happened[what === "kill" ? "kills" : "wipes"]++;
        await this.restart(what === "kill");
    }
  }

  /**
   * Until the server has ended a session without a connection. No network holds earlier data for as long as an hour.
   */
  private async sleep(): Promise<void> {
    const before = [...this.connections];
    await this.clock.sleep(expiryOf(this.scenario) + 1);
    if (this.scenario.version === 5) return;
    for (const { client, server } of before) if (!client.isOpen) server.cut();
  }

  private async pass(milliseconds: number): Promise<void> {
    if (this.scenario.faults.expiries > 0) this.happened.expiries++;
    await this.clock.advance(milliseconds);
  }

  private async restart(keepsStore: boolean): Promise<void> {
    const { process, store, connections } = this;
    process.kill();
    for (const { client } of connections) client.die();
    const kept = keepsStore && store !== undefined;
    this.ledger.killed(process.number, kept);
    if (store !== undefined && !kept) this.store = new OpenStore();
    await this.clock.tick();
    this.process = this.newProcess(process.number + 1);
    await this.startProcess();
  }

  private newProcess(number: number): ClientProcess {
    const { scenario, ledger, clock, store } = this;
    return new ClientProcess(
      number,
      scenario,
      ledger,
      clock,
      store,
      () => this.open(),
      () => this.slow,
    );
  }

  private async startProcess(): Promise<void> {
    const { process, scenario } = this;
    const done = scenario.programme.slice(0, this.position).includes("subscribe");
    if (done || subscribesAtStart(scenario)) process.subscribe();
    process.start();
    await this.clock.tick();
  }

  private open(): End {
    const number = this.connections.length + 1;
    const { process } = this;
    const told = (item: Item): void => {
      process.history.push(`${number}${item === "end" ? item : hexOf(item)}`);
    };
    const client = new End(process.clock, told, (item) => this.onSent(number, "client", item), true);
    const unheard = (): void => undefined;
    const server = new End(this.clock, unheard, (item) => this.onSent(number, "server", item), false);
    const connection = connectionOf(number, process.number, client, server);
    this.connections.push(connection);
    this.server.accept(connection.server);
    return connection.client;
  }

  /** Runs everything that needs no packet: a client that waits for its next attempt makes it. */
  private async settle(): Promise<void> {
    await this.clock.tick();
    for (let i = 0; i < MOST_WAITS; i++) {
      const { process, current } = this;
      if (current !== undefined || process.closedBy !== undefined) return;
      const { wait } = process.clock;
      if (wait === Infinity) return;
      await this.clock.advance(wait);
    }
  }
}
