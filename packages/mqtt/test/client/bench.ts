// Shared by the tests of both clients: clients on a fake clock, whose network leads to scripted servers.
import {
  type Client,
  type ConnectOptions,
  createClient,
  type Platform,
  type Servers,
  type SubscribeOptions,
} from "@aiko/mqtt";
import type { ConnackPacket, Packet, PublishPacket } from "@aiko/mqtt/codec";
import type { SmallClient } from "@aiko/mqtt/small";
import {
  type ClockKind,
  FakeClock,
  type LinkFaults,
  type ScriptedPeer,
  ScriptedServer,
  SeededRandom,
} from "@aiko/mqtt/testing";

export type RecordedEvents = { readonly name: string; readonly value: unknown }[];

/** The events that both clients have. */
const EVENTS = ["connected", "disconnected", "reconnecting", "closed", "error", "unclaimed", "dropped"] as const;

/** A clock, and a network that leads to a scripted server; a subclass selects the client. */
export abstract class NetworkBench<Options, Made extends SmallClient> {
  readonly clock: FakeClock;
  readonly server: ScriptedServer;
  readonly platform: Platform;
  /** The dialled host names, in order. */
  readonly dialled: string[] = [];

  constructor(faults: (attempt: number) => LinkFaults = () => ({}), seed = 1, kind?: ClockKind) {
    this.clock = new FakeClock(undefined, kind);
    this.server = new ScriptedServer(this.clock, faults);
    this.platform = {
      clock: this.clock,
      random: new SeededRandom(seed),
      dial: (address, signal) => {
        this.dialled.push(address.host);
        return this.server.dial(address, signal);
      },
    };
  }

  abstract create(options?: Options, urls?: string | readonly string[]): Made;

  /** The events of a client by name, in order. */
  recordEvents(client: Made): RecordedEvents {
    const events: RecordedEvents = [];
    for (const name of EVENTS) client.on(name, (value: unknown) => events.push({ name, value }));
    return events;
  }

  /** The next connection, after it is accepted. */
  accept(connack?: Partial<ConnackPacket>): Promise<ScriptedPeer> {
    return this.server.accept(connack);
  }

  /** Connects a client. Returns its server. */
  async connected(client: Made, connack: Partial<ConnackPacket> = {}): Promise<ScriptedPeer> {
    const connecting = client.connect();
    const peer = await this.accept(connack);
    await connecting;
    return peer;
  }

  /** A connected client, its server, and its events, which are recorded from the first access on. */
  async online(options?: Options, connack: Partial<ConnackPacket> = {}, urls?: string | readonly string[]) {
    const client = this.create(options, urls);
    const peer = await this.connected(client, connack);
    return {
      bench: this,
      client,
      peer,
      get events() {
        return this.bench.recordEvents(client);
      },
    };
  }

  /** Advances the time until the client has reconnected, and accepts it. */
  acceptAgain(connack: Partial<ConnackPacket> = {}): Promise<ScriptedPeer> {
    return this.passing(this.accept(connack));
  }

  /** Cuts the connection, advances the time until the client has reconnected, and accepts it. */
  reconnected(peer: ScriptedPeer, connack?: Partial<ConnackPacket>): Promise<ScriptedPeer> {
    peer.cut();
    return this.acceptAgain(connack);
  }

  /** Sends packets to the client, and lets it process them. */
  async deliver(peer: ScriptedPeer, ...packets: (Packet | Uint8Array)[]): Promise<void> {
    for (const packet of packets) peer.send(packet);
    await this.clock.tick();
  }

  /** Expects a request of this type, and answers it with these reason codes. Returns the request. */
  async answer<Type extends Request["type"]>(peer: ScriptedPeer, type: Type, ...reasonCodes: number[]) {
    const request = await peer.expect(type);
    answer(peer, request as Packet, reasonCodes);
    await this.clock.tick();
    return request;
  }

  /** Advances the time from timer to timer until `work` is finished. */
  passing<Result>(work: Promise<Result>): Promise<Result> {
    return this.clock.until(work, { limit: Infinity });
  }
}

export class Bench extends NetworkBench<ConnectOptions, Client> {
  /** With a clock of this kind, and no faults. */
  static on(kind: ClockKind): Bench {
    return new Bench(undefined, undefined, kind);
  }

  create(options: ConnectOptions = {}, urls: Servers = "mqtt://server"): Client {
    const defaults = { platform: this.platform, clientId: "c1", protocolVersion: 5, keepAlive: 0 } as const;
    return createClient(urls, { ...defaults, ...options });
  }

  override recordEvents(client: Client): RecordedEvents {
    const events = super.recordEvents(client);
    client.on("takenOver", (value: unknown) => events.push({ name: "takenOver", value }));
    return events;
  }
}

/** A server's answers, except for CONNECT. */
type Request = Extract<Packet, { type: "publish" | "pubrec" | "pubrel" | "subscribe" | "unsubscribe" | "pingreq" }>;

/** Answers a packet as a server does, if it needs an answer. Without reason codes, every request is granted. */
export function answer(peer: ScriptedPeer, packet: Packet, reasonCodes: readonly number[] = []): void {
  const { packetIdentifier } = packet as { packetIdentifier: number };
  const [reasonCode = 0] = reasonCodes;
  const each = (count: number) => Array.from({ length: count }, (_, i) => reasonCodes[i] ?? reasonCode);
  switch (packet.type) {
    case "publish":
      if (packet.qos > 0) peer.send({ type: packet.qos === 1 ? "puback" : "pubrec", packetIdentifier, reasonCode });
      break;
    case "pubrec":
      peer.send({ type: "pubrel", packetIdentifier, reasonCode });
      break;
    case "pubrel":
      peer.send({ type: "pubcomp", packetIdentifier, reasonCode });
      break;
    case "pingreq":
      peer.send({ type: "pingresp" });
      break;
    case "subscribe":
      peer.send({ type: "suback", packetIdentifier, reasonCodes: each(packet.subscriptions.length) });
      break;
    case "unsubscribe": {
      const [connect] = peer.received;
      const says = connect?.type === "connect" && connect.protocolVersion === 5;
      peer.send({ type: "unsuback", packetIdentifier, reasonCodes: says ? each(packet.topicFilters.length) : [] });
    }
  }
}

/** The state of a promise. Watching it also prevents the report of an unhandled rejection. */
export interface Outcome<Result> {
  settled: number;
  value?: Result;
  error?: unknown;
}

export function watch<Result>(promise: Promise<Result>): Outcome<Result> {
  const outcome: Outcome<Result> = { settled: 0 };
  promise.then(
    (value) => {
      outcome.settled++;
      outcome.value = value;
    },
    (error: unknown) => {
      outcome.settled++;
      outcome.error = error;
    },
  );
  return outcome;
}

/** The codes of a client's "error" events, in order. */
export function errorCodes(client: Client): string[] {
  const codes: string[] = [];
  client.on("error", (error) => codes.push((error as { code?: string }).code ?? String(error)));
  return codes;
}

/** Subscribes, and lets the server grant it. */
export async function subscribed<Options extends SubscribeOptions, Result>(
  bench: { readonly clock: FakeClock },
  client: { subscribe(topicFilters: string | readonly string[], options?: Options): Promise<Result> },
  peer: ScriptedPeer,
  topicFilters: string | readonly string[],
  options?: NoInfer<Options>,
): Promise<Result> {
  const subscribing = client.subscribe(topicFilters, { qos: 2, ...options } as Options);
  const { packetIdentifier, subscriptions } = await peer.expect("subscribe");
  peer.send({ type: "suback", packetIdentifier, reasonCodes: subscriptions.map(({ qos }) => qos) });
  await bench.clock.tick();
  return subscribing;
}

/** A handler that returns when `finish` is called: each call of it ends the oldest running call of the handler. */
export function holding() {
  const got: string[] = [];
  const waiting: (() => void)[] = [];
  return {
    got,
    finish: (): void => waiting.shift()?.(),
    onMessage: (message: { text(): string }): Promise<void> => {
      got.push(message.text());
      return new Promise((resolve) => waiting.push(resolve));
    },
  };
}

/** A PUBLISH from the server; QoS 0 if it has no packet identifier. */
export function message(topic: string, text: string, qos: 0 | 1 | 2 = 0, packetIdentifier = 0): PublishPacket {
  return {
    type: "publish",
    topic,
    payload: new TextEncoder().encode(text),
    qos,
    retain: false,
    dup: false,
    packetIdentifier,
  };
}
