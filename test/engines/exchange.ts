// Runs inside a bare engine: the pure layers, without any platform. It is bundled and then evaluated there; it reports
// through a global function, because such an engine has no other output.
import { encode, type Packet, PacketStream, type ProtocolVersion, ServerPacketStream } from "@aiko/mqtt/codec";
import { ClientSession, NetworkConnection, OutgoingMessage, ServerSession } from "@aiko/mqtt/session";
import { FakeClock, memoryPair } from "@aiko/mqtt/testing";
import { TopicTree } from "@aiko/mqtt/topic";

interface Vector {
  readonly id: string;
  readonly version: "3.1" | "3.1.1" | "5.0";
  readonly hex: string;
  readonly level?: string;
}

const versions = { "3.1": 3, "3.1.1": 4, "5.0": 5 } as const;

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The identifiers of the vectors with a wrong result. */
export function wrongVectors(vectors: {
  readonly valid: readonly Vector[];
  readonly malformed: readonly Vector[];
}): string[] {
  const wrong: string[] = [];
  for (const { id, version, hex } of vectors.valid) {
    const [packet] = new PacketStream(versions[version]).push(bytesOf(hex));
    if (packet === undefined || hexOf(encode(packet, versions[version])) !== hex) wrong.push(id);
  }
  for (const { id, version, hex, level } of vectors.malformed) {
    if (level !== "codec") continue;
    try {
      // A truncated packet is incomplete, not malformed: the bytes after it make the difference.
      new PacketStream(versions[version]).push(bytesOf(hex));
      wrong.push(id);
    } catch (error) {
      if ((error as { name?: string }).name !== "ProtocolError") wrong.push(id);
    }
  }
  return wrong;
}

class Message extends OutgoingMessage {
  outcome = "none";
  override delivered(reasonCode: number): void {
    this.outcome = `delivered ${reasonCode}`;
  }
  override failed(error: Error): void {
    this.outcome = `failed ${error.message}`;
  }
}

const outbox = { maximumCount: 100, maximumBytes: 10_000 };

/**
 * A client and a server in one engine: connects, subscribes, publishes at every QoS. Returns the received messages and
 * the outcomes.
 */
export function exchange(version: ProtocolVersion): { received: string[]; outcomes: string[] } {
  const clock = new FakeClock();
  const [near, far] = memoryPair(clock);
  const received: string[] = [];
  const nothing = (): void => undefined;
  const client: ClientSession = new ClientSession(
    { keepAlive: 60, will: undefined, cleanStart: true, properties: {}, outbox },
    (packet, delivery) => {
      received.push(`${packet.topic} ${packet.qos} ${String.fromCharCode(...packet.payload)}`);
      if (delivery) client.finished(delivery);
    },
    undefined,
  );
  const tree = new TopicTree<ServerSession>();
  const server: ServerSession = new ServerSession(
    { outbox, receiveMaximum: 100, topicAliasMaximum: 0 },
    {
      published(packet, delivery) {
        tree.match(packet.topic, (subscriber) => {
          const { topic, payload, qos } = packet;
          subscriber.deliver(new Message(topic, payload, qos, false, undefined, Number.POSITIVE_INFINITY), clock.now());
        });
        if (delivery) server.finished(delivery, 0);
      },
      subscribe(packet) {
        for (const { topicFilter } of packet.subscriptions) tree.add(topicFilter, server);
        const { packetIdentifier, subscriptions } = packet;
        server.write({ type: "suback", packetIdentifier, reasonCodes: subscriptions.map(({ qos }) => qos) });
      },
      unsubscribe: nothing,
      disconnect: nothing,
      unsendable: nothing,
      roomAgain: nothing,
    },
  );
  const failed = (error: unknown): void => {
    throw error;
  };
  const owner = (session: ClientSession | ServerSession, packetReceived: (packet: Packet) => void) => ({
    packetReceived,
    bytesReceived: (now: number) => session.bytesReceived(now),
    beforeFlush: () => undefined,
    flushed: (now: number) => session.flushed(now),
    drained: (now: number) => session.drained(now),
    failed,
    closed: nothing,
    deadline: () => Infinity,
    advance: () => true,
  });
  const clientSide = new NetworkConnection(
    near,
    clock,
    new ServerPacketStream(version),
    owner(client, (packet) => client.receive(packet, clock.now())),
  );
  const serverSide: NetworkConnection = new NetworkConnection(
    far,
    clock,
    new PacketStream("any"),
    owner(server, (packet) => {
      if (packet.type !== "connect") {
        server.receive(packet, clock.now());
        return;
      }
      serverSide.out.append(encode({ type: "connack", sessionPresent: false, reasonCode: 0 }, version));
      serverSide.touch();
      server.connectionOpened(serverSide, packet, packet.keepAlive, false, clock.now());
    }),
  );
  clientSide.start();
  serverSide.start();
  const attempt = { version, clientId: "engine", username: undefined, password: undefined };
  const link = { outlet: clientSide, accepted: nothing, foreign: nothing, refused: nothing };
  client.connectionOpened({ ...link, authentication: nothing, disconnected: nothing }, attempt, clock.now());
  const subscriptions = [{ topicFilter: "a/#", qos: 2 as const }];
  const settle = (error: Error | undefined): void => {
    if (error !== undefined) throw error;
  };
  client.request({ type: "subscribe", subscriptions, settle }, clock.now());
  clock.run(100);
  const messages = ([0, 1, 2] as const).map((qos) => new Message(`a/${qos}`, "žluť", qos, false, undefined, Infinity));
  for (const message of messages) client.publish(message, clock.now());
  clock.run(1_000);
  return { received, outcomes: messages.map(({ outcome }) => outcome) };
}
