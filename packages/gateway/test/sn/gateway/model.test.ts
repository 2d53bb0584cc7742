// Our client and the gateway's machine over a link that loses, repeats and reorders datagrams, on a fake clock. Set MODEL_SEEDS for more runs.
import { FakeClock, SeededRandom } from "@aiko/mqtt/testing";
import { expect, test } from "vitest";
import { SnClient } from "../../../src/sn/client/client.ts";
import { readSnOptions } from "../../../src/sn/client/client-options.ts";
import type { Datagram, DatagramListener } from "../../../src/sn/client/datagram.ts";
import { decodeFrame, encodeFrame } from "../../../src/sn/codec/frame.ts";
import type { SnPeer } from "../../../src/sn/gateway/route.ts";
import { SnGateway } from "../../../src/sn/gateway/sn-gateway.ts";
import { SN_DEFAULTS } from "../../../src/sn/gateway/sn-settings.ts";
import { FakeUplink } from "./fake-uplink.ts";

const SEEDS = Number(process.env["MODEL_SEEDS"] ?? 40);
const LOSS = 0.15;
const REPEAT = 0.1;
/** The longest delay of a datagram, in milliseconds. Shorter than the time before a repetition, longer than a gap between messages. */
const DELAY = 300;
const RETRY = { retry: 1_000, retries: 15 };
const MESSAGES = 8;

class World {
  readonly clock = new FakeClock();
  readonly uplink = new FakeUplink();
  readonly random: SeededRandom;
  readonly gateway: SnGateway;
  private readonly listeners = new Map<string, DatagramListener>();

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.gateway = new SnGateway({
      settings: { ...SN_DEFAULTS, gatewayId: 1, ...RETRY },
      clock: this.clock,
      random: () => this.random.next(),
      uplink: this.uplink,
      report: {
        dropped: () => {},
        undelivered: (reason) => expect.fail(reason),
        retried: () => {},
        failed: (error) => expect.fail(String(error)),
      },
      send: ({ peer: { address } }, packet) => {
        const bytes = encodeFrame(packet);
        this.carry(() => this.listeners.get(address)?.onDatagram(bytes));
      },
      broadcast: () => {},
      changed: () => {},
      keep: async () => {},
    });
  }

  client(clientId: string): SnClient {
    const { clock, random } = this;
    const peer: SnPeer = { address: clientId, host: clientId, isShared: false };
    const datagram: Datagram = {
      name: clientId,
      open: async (listener) => void this.listeners.set(clientId, listener),
      send: (sent) => {
        const bytes = new Uint8Array(sent);
        this.carry(() => this.gateway.receive(peer, decodeFrame(bytes)));
      },
      close: async () => void this.listeners.delete(clientId),
    };
    const options = { clientId, cleanSession: false, keepAlive: 60, ...RETRY, datagram, clock, random };
    return new SnClient(readSnOptions(options), datagram);
  }

  /** A link without promises: what is lost is lost silently. */
  private carry(arrive: () => void): void {
    for (let copies = this.random.next() < REPEAT ? 2 : 1; copies > 0; copies--) {
      if (this.random.next() >= LOSS) this.clock.schedule(this.random.next() * DELAY, arrive);
    }
  }

  /** Publishes as the server: the client's connection is known by its identifier. */
  async give(clientId: string, topic: string, qos: 1 | 2): Promise<string[]> {
    const payloads: string[] = [];
    for (let n = 1; n <= MESSAGES; n++) {
      payloads.push(`${n}`);
      const connection = this.uplink.connections.findLast(({ identity }) => identity.clientId === clientId);
      connection?.send(topic, `${n}`, qos);
      await this.clock.advance(this.random.next() * 4_000);
    }
    return payloads;
  }
}

/** Fails unless all have come, in order, and at QoS 2 none twice. */
function expectDelivered(received: readonly string[], sent: readonly string[], qos: 1 | 2): void {
  if (qos === 2) expect(received).toEqual(sent);
  else expect([...new Set(received)]).toEqual(sent);
}

test.each([1, 2] as const)(
  "QoS %i holds from an active client to the server",
  async (qos) => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const world = new World(seed);
      const client = world.client("up");
      await world.clock.until(client.connect());
      const sent: string[] = [];
      for (let n = 1; n <= MESSAGES; n++) {
        sent.push(`publish a/b ${qos} ${n}`);
        await world.clock.until(client.publish("a/b", `${n}`, { qos }));
      }
      expectDelivered(world.uplink.published, sent, qos);
      await world.clock.until(client.disconnect());
      world.gateway.stop();
    }
  },
  600_000,
);

test.each([1, 2] as const)(
  "QoS %i holds from the server to an active client",
  async (qos) => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const world = new World(seed);
      const client = world.client("down");
      await world.clock.until(client.connect());
      const received: string[] = [];
      const onMessage = (message: { text(): string }): void => void received.push(message.text());
      await world.clock.until(client.subscribe("a/b", { qos, onMessage }));
      const sent = await world.give("down", "a/b", qos);
      for (let i = 0; i < 100 && new Set(received).size < MESSAGES; i++) await world.clock.advance(1_000);
      expectDelivered(received, sent, qos);
      await world.clock.until(client.disconnect());
      world.gateway.stop();
    }
  },
  600_000,
);

test.each([1, 2] as const)(
  "QoS %i holds from the server to a client that sleeps",
  async (qos) => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const world = new World(seed);
      const client = world.client("sleeper");
      await world.clock.until(client.connect());
      const received: string[] = [];
      const onMessage = (message: { text(): string }): void => void received.push(message.text());
      await world.clock.until(client.subscribe("a/b", { qos, onMessage }));
      await world.clock.until(client.sleep(60));
      const sent = await world.give("sleeper", "a/b", qos);
      for (let i = 0; i < 20 && new Set(received).size < MESSAGES; i++) await world.clock.advance(60_000);
      expectDelivered(received, sent, qos);
      expect(world.gateway.counts).toMatchObject({ lost: 0, disconnected: 0 });
      await world.clock.until(client.disconnect());
      world.gateway.stop();
    }
  },
  600_000,
);
