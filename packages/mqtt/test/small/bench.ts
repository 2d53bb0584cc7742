// What the tests of the small client share: the network of the whole client's tests, with small clients on it.
import type { ConnackPacket } from "@aiko/mqtt/codec";
import {
  createClient,
  type SmallClient,
  type SmallEvents,
  type SmallOptions,
  type SmallSubscribeOptions,
  type SmallSubscription,
} from "@aiko/mqtt/small";
import type { ClockKind, FakeClock, LinkFaults, ScriptedPeer, ScriptedServer } from "@aiko/mqtt/testing";
import type { Platform } from "../../src/platform/platform.ts";
import { Bench } from "../client/bench.ts";

export { message, type Outcome, watch } from "../client/bench.ts";

/** The versions that the small client speaks. */
export const VERSIONS = [4, 5] as const;

export class SmallBench {
  readonly clock: FakeClock;
  readonly server: ScriptedServer;
  readonly platform: Platform;
  /** The host names dialled, in order. */
  readonly dialled: string[];
  private readonly network: Bench;

  constructor(faults: (attempt: number) => LinkFaults = () => ({}), seed = 1, kind?: ClockKind) {
    this.network = new Bench(faults, seed, kind);
    const { clock, server, platform, dialled } = this.network;
    this.clock = clock;
    this.server = server;
    this.platform = platform;
    this.dialled = dialled;
  }

  /** With a clock of this kind, and no faults. */
  static on(kind: ClockKind): SmallBench {
    return new SmallBench(undefined, undefined, kind);
  }

  create(options: SmallOptions = {}, urls: string | readonly string[] = "mqtt://server"): SmallClient {
    return createClient(urls, { platform: this.platform, clientId: "c1", keepAlive: 0, ...options });
  }

  /** The next connection, accepted. */
  accept(connack: Partial<ConnackPacket> = {}): Promise<ScriptedPeer> {
    return this.network.accept(connack);
  }

  /** Lets time pass until the client has come back, and accepts it. */
  acceptAgain(connack: Partial<ConnackPacket> = {}): Promise<ScriptedPeer> {
    return this.network.acceptAgain(connack);
  }

  /** A client that is connected, and its server. */
  async online(
    options: SmallOptions = {},
    connack: Partial<ConnackPacket> = {},
  ): Promise<{ client: SmallClient; peer: ScriptedPeer }> {
    const client = this.create(options);
    const connecting = client.connect();
    const peer = await this.accept(connack);
    await connecting;
    return { client, peer };
  }

  /** Lets time pass until `work` is done, from timer to timer. */
  passing<Result>(work: Promise<Result>): Promise<Result> {
    return this.network.passing(work);
  }
}

/** The events of a client by name, in order. */
export function recordEvents(client: SmallClient): { readonly name: string; readonly value: unknown }[] {
  const events: { name: string; value: unknown }[] = [];
  const names: readonly (keyof SmallEvents)[] = [
    "connected",
    "disconnected",
    "reconnecting",
    "closed",
    "error",
    "unclaimed",
    "dropped",
  ];
  for (const name of names) client.on(name, (value: unknown) => events.push({ name, value }));
  return events;
}

/** Subscribes and has the server grant it. */
export async function subscribed(
  bench: SmallBench,
  client: SmallClient,
  peer: ScriptedPeer,
  topicFilters: string | readonly string[],
  options: SmallSubscribeOptions = {},
): Promise<SmallSubscription> {
  const subscribing = client.subscribe(topicFilters, { qos: 2, ...options });
  const { packetIdentifier, subscriptions } = await peer.expect("subscribe");
  peer.send({ type: "suback", packetIdentifier, reasonCodes: subscriptions.map(({ qos }) => qos) });
  await bench.clock.tick();
  return subscribing;
}
