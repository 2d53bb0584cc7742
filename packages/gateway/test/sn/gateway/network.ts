// A gateway's machine with a fake clock, a fake far side and devices that tests speak for.
import { FakeClock, SeededRandom } from "@aiko/mqtt/testing";
import type { DecodedFrame } from "../../../src/sn/codec/frame.ts";
import { type Route, routeOf, type SnPeer } from "../../../src/sn/gateway/route.ts";
import { SnGateway } from "../../../src/sn/gateway/sn-gateway.ts";
import { SN_DEFAULTS, type SnSettings } from "../../../src/sn/gateway/sn-settings.ts";
import type { ConnectPacket, Encapsulation, PublishPacket, SnPacket } from "../../../src/sn/packets.ts";
import { FakeUplink } from "./fake-uplink.ts";
import { shown } from "./shown.ts";

/** One device, at one address. */
export class Device {
  private readonly heard: string[] = [];

  constructor(
    private readonly network: Network,
    readonly peer: SnPeer,
    readonly encapsulation: Encapsulation | undefined,
  ) {}

  /** Sends a message, and returns what has come back by then. */
  async send(packet: SnPacket): Promise<string[]> {
    return await this.frame({ packet, encapsulation: this.encapsulation });
  }

  async frame(frame: DecodedFrame): Promise<string[]> {
    this.network.gateway.receive(this.peer, frame);
    await this.network.clock.tick();
    return this.received();
  }

  connect(changes: Partial<ConnectPacket> = {}): Promise<string[]> {
    return this.send({
      type: "connect",
      clientId: "sensor",
      will: false,
      cleanSession: true,
      protocolId: 1,
      duration: 60,
      ...changes,
    });
  }

  publish(changes: Partial<PublishPacket> = {}): Promise<string[]> {
    const topic = { kind: "normal", id: 1 } as const;
    const flags = { qos: 0, dup: false, retain: false } as const;
    return this.send({ type: "publish", topic, messageId: 0, ...flags, data: bytes("21"), ...changes });
  }

  register(topicName = "a/b", messageId = 1): Promise<string[]> {
    return this.send({ type: "register", topicId: 0, messageId, topicName });
  }

  subscribe(name = "a/b", qos: 0 | 1 | 2 = 1, messageId = 2): Promise<string[]> {
    return this.send({ type: "subscribe", topic: { kind: "normal", name }, messageId, qos, dup: false });
  }

  regack(topicId: number, messageId: number, returnCode = 0): Promise<string[]> {
    return this.send({ type: "regack", topicId, messageId, returnCode });
  }

  puback(topicId: number, messageId: number, returnCode = 0): Promise<string[]> {
    return this.send({ type: "puback", topicId, messageId, returnCode });
  }

  sleep(duration: number): Promise<string[]> {
    return this.send({ type: "disconnect", duration });
  }

  ping(clientId?: string): Promise<string[]> {
    return this.send({ type: "pingreq", clientId });
  }

  /** What has come since the last look. */
  received(): string[] {
    return this.heard.splice(0);
  }

  take(packet: SnPacket): void {
    this.heard.push(shown(packet));
  }
}

export class Network {
  readonly clock = new FakeClock();
  readonly uplink = new FakeUplink();
  readonly gateway: SnGateway;
  /** What was sent to all. */
  readonly broadcasts: string[] = [];
  readonly dropped: string[] = [];
  readonly undelivered: string[] = [];
  /** Clients of which something that is kept has changed. */
  readonly changed = new Set<string>();
  /** Clients whose session was kept before an answer. */
  readonly keeping: string[] = [];
  /** What the far side has thrown. */
  readonly failures: string[] = [];
  retries = 0;
  private readonly devices = new Map<string, Device>();

  constructor(settings: Partial<SnSettings> = {}) {
    const random = new SeededRandom(1);
    this.gateway = new SnGateway({
      settings: { ...SN_DEFAULTS, gatewayId: 1, ...settings },
      clock: this.clock,
      random: () => random.next(),
      mayBeAt: (clientId, { host }) => !clientId.startsWith("bound") || host === "10.0.0.1",
      uplink: this.uplink,
      report: {
        dropped: (reason) => this.dropped.push(reason),
        undelivered: (reason) => this.undelivered.push(reason),
        retried: () => this.retries++,
        failed: (error) => this.failures.push(String(error)),
      },
      send: (route, packet) => this.devices.get(route.key)?.take(packet),
      broadcast: (packet) => this.broadcasts.push(shown(packet)),
      changed: (clientId) => this.changed.add(clientId),
      keep: async (clientId) => {
        this.keeping.push(clientId);
      },
    });
    this.gateway.announce();
  }

  /** A device at an address, such as "10.0.0.1:1000", or behind a forwarder at that address. */
  device(address = "10.0.0.1:1000", node?: string): Device {
    const [host = ""] = address.split(":");
    const peer: SnPeer = { address, host, isShared: host === "127.0.0.1" };
    const encapsulation = node === undefined ? undefined : { wirelessNodeId: bytes(node), radius: 0 };
    const route: Route = routeOf(peer, encapsulation);
    const device = this.devices.get(route.key) ?? new Device(this, peer, encapsulation);
    this.devices.set(route.key, device);
    return device;
  }

  async pass(milliseconds: number): Promise<void> {
    await this.clock.advance(milliseconds);
  }
}

export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}
