// Shared by the tests of the broker: a broker on a fake clock, and raw clients that connect to it over memory
// transports.
import type { Transport } from "@aiko/mqtt";
import type {
  ConnackPacket,
  ConnectPacket,
  Packet,
  ProtocolVersion,
  PublishPacket,
  SubscriptionRequest,
} from "@aiko/mqtt/codec";
import { FakeClock, memoryPair, ScriptedPeer } from "@aiko/mqtt/testing";
import type { BrokerOptions } from "@aiko/mqtt-broker";
import { type BrokerEvent, recordEvents } from "../../../test/fixtures/broker-events.ts";
import { ClientConnection } from "../src/connecting/client-connection.ts";
import { Hub } from "../src/hub.ts";
import { parseBrokerOptions } from "../src/options/broker-options.ts";

export class Bench {
  readonly events: BrokerEvent[];
  readonly hub: Hub;
  /** The listener of the connections from now on. */
  listener: string | undefined;
  private readonly settings;

  constructor(
    options: BrokerOptions = {},
    readonly clock = new FakeClock(),
  ) {
    this.settings = parseBrokerOptions({ clock: this.clock, ...options });
    this.hub = new Hub(this.settings);
    this.events = recordEvents(this.hub.events);
  }

  /** A network connection before any bytes are sent. */
  dial(version: ProtocolVersion = 5): ScriptedPeer {
    const [client, server] = memoryPair(this.clock);
    this.accept(server);
    return new ScriptedPeer(client, this.clock, version);
  }

  /** A network connection that a client opened. */
  accept(transport: Transport): void {
    this.hub.opened(new ClientConnection(transport, this.clock, this.settings, this.hub, { listener: this.listener }));
  }

  /** A connection that has sent CONNECT, and the broker's answer. */
  async introduce(clientId: string, fields: Partial<ConnectPacket> = {}): Promise<Introduced> {
    const { protocolVersion = 5 } = fields;
    const peer = this.dial(protocolVersion);
    peer.send({ type: "connect", protocolVersion, clientId, cleanStart: true, keepAlive: 0, ...fields });
    return { peer, connack: await peer.expect("connack") };
  }

  /** A client that the broker has accepted. */
  async connect(clientId: string, fields: Partial<ConnectPacket> = {}): Promise<ScriptedPeer> {
    const { peer, connack } = await this.introduce(clientId, fields);
    if (connack.reasonCode !== 0) throw new Error(`refused with ${connack.reasonCode}`);
    return peer;
  }
}

interface Introduced {
  readonly peer: ScriptedPeer;
  readonly connack: ConnackPacket;
}

/** Fields of CONNECT that make the broker keep the session. */
export const kept = { cleanStart: false, properties: { sessionExpiryInterval: 1_000 } } as const;

export async function subscribe(
  peer: ScriptedPeer,
  topicFilter: string,
  fields: Partial<SubscriptionRequest> & { readonly subscriptionIdentifier?: number } = {},
): Promise<readonly number[]> {
  const { subscriptionIdentifier, ...request } = fields;
  peer.send({
    type: "subscribe",
    packetIdentifier: 999,
    subscriptions: [{ topicFilter, qos: 2, ...request }],
    properties: subscriptionIdentifier === undefined ? undefined : { subscriptionIdentifier },
  });
  return (await peer.expect("suback")).reasonCodes;
}

export function message(topic: string, text: string, fields: Partial<PublishPacket> = {}): PublishPacket {
  const payload = new TextEncoder().encode(text);
  return { type: "publish", topic, payload, qos: 0, retain: false, dup: false, packetIdentifier: 0, ...fields };
}

/** The next message in a short form; it is acknowledged. */
export async function receive(peer: ScriptedPeer): Promise<string> {
  const { topic, payload, qos, retain, packetIdentifier } = await peer.expect("publish");
  if (qos === 1) peer.send({ type: "puback", packetIdentifier, reasonCode: 0 });
  if (qos === 2) {
    peer.send({ type: "pubrec", packetIdentifier, reasonCode: 0 });
    await peer.expect("pubrel");
    peer.send({ type: "pubcomp", packetIdentifier, reasonCode: 0 });
  }
  return `${topic}=${new TextDecoder().decode(payload)} q${qos}${retain ? " retained" : ""}`;
}

export const disconnect: Packet = { type: "disconnect", reasonCode: 0 };
