// A far side for tests of the machine: answers as the test says, and records what it was asked.
import type {
  SnConnected,
  SnConnection,
  SnConnectionListener,
  SnDelivery,
  SnFilter,
  SnIdentity,
  SnMessage,
  SnOutcome,
  SnSubscribed,
  SnUplink,
  SnWill,
} from "../../../src/sn/gateway/sn-uplink.ts";

/** The connection of one client. */
export class FakeConnection implements SnConnection {
  redelivers = false;
  readonly log: string[] = [];
  /** What became of messages that the test has sent to the client. */
  readonly deliveries: SnDelivery[] = [];

  constructor(
    readonly identity: SnIdentity,
    private readonly listener: SnConnectionListener,
    private readonly uplink: FakeUplink,
  ) {}

  publish(message: SnMessage): Promise<SnOutcome> {
    return this.uplink.take(message, this.log);
  }

  subscribe(filter: string, qos: 0 | 1 | 2): Promise<SnSubscribed> {
    this.log.push(`subscribe ${filter} ${qos}`);
    const { outcome, granted } = this.uplink;
    const result: SnSubscribed = outcome === "accepted" ? { outcome, qos: granted ?? qos } : { outcome };
    return this.uplink.held(result);
  }

  unsubscribe(filter: string): Promise<SnOutcome> {
    this.log.push(`unsubscribe ${filter}`);
    return this.uplink.held(this.uplink.outcome);
  }

  unsubscribeAll(): void {
    this.log.push("unsubscribe all");
  }

  changeWill(will: SnWill | undefined): Promise<SnOutcome> {
    this.log.push(`will ${shownWill(will)}`);
    return this.uplink.held(this.uplink.outcome);
  }

  disconnect(): void {
    this.log.push("disconnect");
  }

  cut(): void {
    this.log.push("cut");
  }

  /** The server sends a message. */
  send(topic: string, payload: string, qos: 0 | 1 | 2 = 0, retain = false): void {
    const message = { topic, payload: new Uint8Array(Buffer.from(payload)), qos, retain };
    void this.listener.deliver(message).then((delivery) => this.deliveries.push(delivery));
  }

  /** The server ends the connection. */
  end(): void {
    this.listener.ended();
  }
}

export class FakeUplink implements SnUplink {
  isConnected = true;
  /** How everything is answered. */
  outcome: SnOutcome = "accepted";
  granted: 0 | 1 | 2 | undefined;
  /** How the far side breaks its contract, once. */
  breaks: "rejects" | "throws" | undefined;
  /** Whether answers wait until `release`. */
  holds = false;
  readonly connections: FakeConnection[] = [];
  /** What was published, by any connection, in order. */
  readonly published: string[] = [];
  readonly forgotten: string[] = [];
  private waiting: (() => void)[] = [];

  connect(identity: SnIdentity, listener: SnConnectionListener): Promise<SnConnected> {
    const { outcome } = this;
    if (outcome !== "accepted") return this.held<SnConnected>({ outcome });
    const connection = new FakeConnection(identity, listener, this);
    this.connections.push(connection);
    return this.held<SnConnected>({ outcome, connection });
  }

  publish(message: SnMessage): Promise<SnOutcome> {
    return this.take(message);
  }

  forget(clientId: string): void {
    this.forgotten.push(clientId);
  }

  /** By client. */
  readonly filters = new Map<string, readonly SnFilter[]>();

  filtersOf(clientId: string): readonly SnFilter[] {
    return this.filters.get(clientId) ?? [];
  }

  restore(clientId: string, filters: readonly SnFilter[]): void {
    this.filters.set(clientId, filters);
  }

  take({ topic, payload, qos, retain }: SnMessage, log: string[] = []): Promise<SnOutcome> {
    const line = `publish ${topic} ${qos}${retain ? " retain" : ""} ${Buffer.from(payload).toString()}`;
    log.push(line);
    this.published.push(line);
    return this.held(this.outcome);
  }

  held<Result>(result: Result): Promise<Result> {
    const { breaks } = this;
    this.breaks = undefined;
    if (breaks === "throws") throw new Error("broken");
    if (breaks === "rejects") return Promise.reject(new Error("broken"));
    if (!this.holds) return Promise.resolve(result);
    return new Promise((resolve) => this.waiting.push(() => resolve(result)));
  }

  /** Answers what has waited. */
  release(): void {
    this.holds = false;
    for (const answer of this.waiting.splice(0)) answer();
  }

  /** The last connection. */
  get last(): FakeConnection {
    const last = this.connections.at(-1);
    if (last === undefined) throw new Error("no client has connected");
    return last;
  }
}

export function shownWill(will: SnWill | undefined): string {
  if (will === undefined) return "none";
  const { topic, message, qos, retain } = will;
  return `${topic} ${qos}${retain ? " retain" : ""} ${Buffer.from(message).toString()}`;
}
