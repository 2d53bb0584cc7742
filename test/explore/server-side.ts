// The server: the broker's own hub and connections, with an application that receives the clients' messages and
// publishes its own.

import type { Clock } from "@aiko/mqtt";
import type { PublishPacket, QoS } from "@aiko/mqtt/codec";
import type { Delivery } from "@aiko/mqtt/session";
import type { KnownClient } from "../../packages/broker/src/clients/known-client.ts";
import { ClientConnection } from "../../packages/broker/src/connecting/client-connection.ts";
import { Hub } from "../../packages/broker/src/hub.ts";
import { parseBrokerOptions } from "../../packages/broker/src/options/broker-options.ts";
import type { End } from "./network.ts";
import { expiryOf, type Scenario } from "./scenario.ts";

/** Milliseconds: a server that waits for a CONNECT as long as the network can hold it. */
const PATIENT = 2 ** 31 - 1;
export const FILTER = "down/#";
const CLIENT = "c";
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Reasons for the end of a connection that are not errors. */
const FAIR = [
  "DISCONNECT",
  "another connection took over the session",
  "the client closed the connection without DISCONNECT",
];

class ObservedHub extends Hub {
  observe: (name: string) => void = () => undefined;

  override published(client: KnownClient, packet: PublishPacket, delivery: Delivery | undefined): void {
    this.observe(decoder.decode(packet.payload));
    super.published(client, packet, delivery);
  }
}

export class ServerSide {
  readonly hub: ObservedHub;
  /** The server's complaints. */
  readonly objections: string[] = [];
  private readonly settings;

  /** @param arrived called with each message that a client publishes */
  constructor(
    private readonly clock: Clock,
    scenario: Scenario,
    arrived: (name: string) => void,
  ) {
    this.settings = parseBrokerOptions({
      clock,
      connectTimeout: PATIENT,
      ...(scenario.faults.expiries > 0 && { maximumSessionExpiry: expiryOf(scenario) / 1000 }),
    });
    this.hub = new ObservedHub(this.settings);
    const judge = ({ reason }: { readonly reason: string }): void => {
      if (!FAIR.includes(reason)) this.objections.push(reason);
    };
    this.hub.events.on("refused", judge);
    this.hub.events.on("disconnected", judge);
    this.hub.observe = arrived;
  }

  accept(end: End): void {
    this.hub.opened(new ClientConnection(end, this.clock, this.settings, this.hub));
  }

  publish(name: string, qos: QoS): void {
    const payload = encoder.encode(name);
    const topic = name.split("/").slice(0, 2).join("/");
    this.hub.router.publish({
      topic,
      payload,
      qos,
      retain: false,
      properties: undefined,
      expiresAt: Infinity,
      publisher: undefined,
      publisherIdentity: undefined,
      holders: 0,
      record: undefined,
    });
  }

  /** The client's session, if there is one. */
  get session(): KnownClient | undefined {
    const { clients } = this.hub as unknown as { readonly clients: ReadonlyMap<string, KnownClient> };
    return clients.get(CLIENT);
  }

  get hasSubscription(): boolean {
    return this.session?.topicFilters.has(FILTER) === true;
  }
}
