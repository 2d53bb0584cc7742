/** A machine with everything that it does written down, and a gateway of which a test says each message. */

import type { MqttError } from "@aiko/mqtt";
import { Machine, type MachineSettings, type SnState } from "../../../src/sn/client/machine.ts";
import { type Publication, PublishExchange } from "../../../src/sn/client/publish-exchange.ts";
import { SubscribeExchange } from "../../../src/sn/client/subscribe-exchange.ts";
import { decodeFrame, encodeFrame } from "../../../src/sn/codec/frame.ts";
import type { FilterTopic, PublishPacket, SnPacket } from "../../../src/sn/packets.ts";

const settings: MachineSettings = {
  clientId: "n1",
  cleanSession: true,
  keepAlive: 0,
  will: undefined,
  predefined: new Map([[7, "seven"]]),
  retry: 10_000,
  retries: 3,
  maximumQueue: 8,
  maximumDatagram: 100,
};

export type Outcome = "pending" | "done" | MqttError;

export class Bench {
  now = 1000;
  readonly machine: Machine;
  readonly messages: [topic: string | undefined, packet: PublishPacket][] = [];
  readonly states: SnState[] = [];
  readonly malformed: string[] = [];
  private sent: SnPacket[] = [];

  constructor(more: Partial<MachineSettings> = {}) {
    const sink = {
      send: (datagram: Uint8Array) => {
        const { packet } = decodeFrame(datagram);
        if (packet === undefined) throw new Error("the client sent a malformed message");
        this.sent.push(packet);
      },
      message: (packet: PublishPacket, topic: string | undefined) => void this.messages.push([topic, packet]),
      changed: (state: SnState) => void this.states.push(state),
      malformed: (detail: string) => void this.malformed.push(detail),
    };
    this.machine = new Machine({ ...settings, ...more }, sink, 0);
  }

  /** A machine that is connected. */
  static active(more: Partial<MachineSettings> = {}): Bench {
    const bench = new Bench(more);
    bench.run((now, settle) => bench.machine.connect(now, settle));
    bench.gateway({ type: "connack", returnCode: 0 });
    bench.takeSent();
    return bench;
  }

  /** A machine that sleeps, and wakes each 60 s. */
  static asleep(more: Partial<MachineSettings> = {}): Bench {
    const bench = Bench.active(more);
    bench.run((now, settle) => bench.machine.fallAsleep(60, now, settle));
    bench.gateway({ type: "disconnect" });
    bench.takeSent();
    return bench;
  }

  /** The messages that the client has sent since the last call. */
  takeSent(): SnPacket[] {
    return this.sent.splice(0);
  }

  gateway(...packets: SnPacket[]): void {
    for (const packet of packets) this.machine.receive(encodeFrame(packet), this.now);
  }

  /** The application is done with the message that came as number `index`. */
  handled(index: number): void {
    const [, packet] = this.messages[index] ?? [];
    if (packet !== undefined) this.machine.handled(packet, this.now);
  }

  bytes(...bytes: number[]): void {
    this.machine.receive(Uint8Array.from(bytes), this.now);
  }

  /** Lets time pass, from deadline to deadline. */
  pass(milliseconds: number): void {
    const until = this.now + milliseconds;
    for (let turn = 0; this.machine.deadline() <= until; turn++) {
      if (turn === 1000) throw new Error("the machine has no rest");
      this.now = Math.max(this.now, this.machine.deadline());
      this.machine.advance(this.now);
    }
    this.now = until;
  }

  run(call: (now: number, settle: (error: MqttError | undefined) => void) => void): { outcome: Outcome } {
    const result: { outcome: Outcome } = { outcome: "pending" };
    call(this.now, (error) => {
      if (result.outcome !== "pending") throw new Error("settled twice");
      result.outcome = error ?? "done";
    });
    return result;
  }

  publish(more: Partial<Publication> & { readonly topic: FilterTopic }): { outcome: Outcome } {
    const publication = { payload: Uint8Array.of(1), qos: 1, retain: false, ...more } as const;
    const { machine } = this;
    return this.run((now, settle) =>
      machine.exchange(new PublishExchange(publication, machine.topics, machine.nextId), now, settle),
    );
  }

  subscribe(topic: FilterTopic, qos: 0 | 1 | 2 = 1): { outcome: Outcome; exchange: SubscribeExchange } {
    const { machine } = this;
    const exchange = new SubscribeExchange(topic, qos, machine.topics, machine.nextId());
    return Object.assign(
      this.run((now, settle) => machine.exchange(exchange, now, settle)),
      { exchange },
    );
  }
}

export const named = (name: string): FilterTopic => ({ kind: "normal", name });
