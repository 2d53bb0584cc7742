// What the tests of the client share: clients on a fake clock, whose network leads to scripted servers.
import {
  type Client,
  type ConnectOptions,
  createClient,
  type Platform,
  type Servers,
  type SubscribeOptions,
} from "@aiko/mqtt";
import type { ConnackPacket, PublishPacket } from "@aiko/mqtt/codec";
import {
  type ClockKind,
  FakeClock,
  type LinkFaults,
  type ScriptedPeer,
  ScriptedServer,
  SeededRandom,
} from "@aiko/mqtt/testing";

/** A clock, and a network that leads to a scripted server; a subclass says which client is on it. */
export abstract class NetworkBench<Options, Made extends { connect(): Promise<unknown> }> {
  readonly clock: FakeClock;
  readonly server: ScriptedServer;
  readonly platform: Platform;
  /** The host names dialled, in order. */
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

  /** The next connection, accepted. */
  async accept(connack: Partial<ConnackPacket> = {}): Promise<ScriptedPeer> {
    const peer = await this.server.next();
    await peer.expect("connect");
    peer.send({ type: "connack", sessionPresent: false, reasonCode: 0, ...connack });
    await this.clock.tick();
    return peer;
  }

  /** A client that is connected, and its server. */
  async online(options?: Options, connack: Partial<ConnackPacket> = {}): Promise<{ client: Made; peer: ScriptedPeer }> {
    const client = this.create(options);
    const connecting = client.connect();
    const peer = await this.accept(connack);
    await connecting;
    return { client, peer };
  }

  /** Lets time pass until the client has come back, and accepts it. */
  acceptAgain(connack: Partial<ConnackPacket> = {}): Promise<ScriptedPeer> {
    return passing(this.clock, this.accept(connack));
  }

  /** Lets time pass until `work` is done, from timer to timer. */
  passing<Result>(work: Promise<Result>): Promise<Result> {
    return passing(this.clock, work);
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
}

async function passing<Result>(clock: FakeClock, work: Promise<Result>): Promise<Result> {
  const done = watch(work);
  for (;;) {
    for (let i = 0; i < 5 && done.settled === 0; i++) await clock.tick(); // both sides wait for ticks of their own
    if (done.settled > 0) return work;
    if (clock.nextTimer === Infinity) throw new Error("it would wait for ever: no timer is set");
    await clock.advance(clock.nextTimer - clock.now());
  }
}

/** What became of a promise so far. Watching it also takes care that a rejection is not reported as unhandled. */
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

/** The events of a client by name, in order. */
export function recordEvents(client: Client): { readonly name: string; readonly value: unknown }[] {
  const events: { name: string; value: unknown }[] = [];
  const names = ["connected", "disconnected", "reconnecting", "takenOver", "closed", "error", "unclaimed"] as const;
  for (const name of names) client.on(name, (value: unknown) => events.push({ name, value }));
  return events;
}

/** The codes of a client's "error" events, in order. */
export function errorCodes(client: Client): string[] {
  const codes: string[] = [];
  client.on("error", (error) => codes.push((error as { code?: string }).code ?? String(error)));
  return codes;
}

/** Subscribes and has the server grant it. */
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

/** A PUBLISH of the server; QoS 0 if it has no packet identifier. */
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
