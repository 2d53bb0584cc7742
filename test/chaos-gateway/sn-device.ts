// A device that speaks MQTT-SN and loses nothing: one message at a time, repeated until it is acknowledged, and a subscription.
import { createSocket, type Socket } from "node:dgram";
import { decodeFrame, encodeFrame } from "../../packages/gateway/src/sn/codec/frame.ts";
import type { SnPacket } from "../../packages/gateway/src/sn/packets.ts";
import { crc32 } from "../../packages/store/src/crc32.ts";

/** Milliseconds between two looks, and after which a message without an answer is repeated. */
const LOOK = 20;
const REPEAT = 150;
/** Milliseconds without anything from the gateway after which the device connects again. */
const SILENCE = 3_000;

type State =
  | { readonly at: "connecting" }
  | { readonly at: "subscribing" }
  | { readonly at: "registering" }
  | { readonly at: "publishing"; readonly isRepeated: boolean }
  | { readonly at: "releasing" };

export class SnDevice {
  /** Messages that the gateway has accepted: all up to this number. */
  acknowledged = 0;
  sent = 0;
  /** Numbers that have come on the device's topic, and how many came again. */
  readonly received = new Set<number>();
  repeated = 0;
  connects = 0;
  private state: State = { at: "connecting" };
  private isSubscribed = false;
  private topicId = 0;
  private messageId = 1;
  private askedAt = 0;
  private heardAt = 0;
  private isStopped = false;
  private readonly socket: Socket = createSocket("udp4");
  private readonly timer: NodeJS.Timeout;

  constructor(
    readonly name: string,
    private readonly port: number,
    private readonly qos: 1 | 2,
    private readonly complain: (what: string) => void,
  ) {
    this.socket.on("message", (bytes) => this.receive(bytes));
    this.timer = setInterval(() => this.look(), LOOK);
  }

  /** Sends nothing new. What was sent is repeated until it is acknowledged. */
  finish(): void {
    this.isStopped = true;
  }

  get isDone(): boolean {
    return this.isStopped && this.acknowledged >= this.sent;
  }

  close(): void {
    clearInterval(this.timer);
    this.socket.close();
  }

  private look(): void {
    const now = performance.now();
    if (now - this.heardAt > SILENCE && this.state.at !== "connecting") this.state = { at: "connecting" };
    if (now - this.askedAt > REPEAT) this.ask();
  }

  /** Sends what the state asks for, also again. */
  private ask(): void {
    const { state, messageId, name } = this;
    this.askedAt = performance.now();
    switch (state.at) {
      case "connecting":
        this.connects++;
        this.send({ type: "connect", clientId: name, will: false, cleanSession: false, protocolId: 1, duration: 600 });
        return;
      case "subscribing": {
        const topic = { kind: "normal", name: `down/${name}` } as const;
        this.send({ type: "subscribe", topic, messageId, qos: 1, dup: false });
        return;
      }
      case "registering":
        this.send({ type: "register", topicId: 0, messageId, topicName: `up/${name}` });
        return;
      case "publishing": {
        const number = this.acknowledged + 1;
        if (this.isStopped && number > this.sent) return;
        this.sent = Math.max(this.sent, number);
        const text = `${name},${number}`;
        const data = new Uint8Array(Buffer.from(`${text},${crc32(Buffer.from(text))}`));
        const topic = { kind: "normal", id: this.topicId } as const;
        const { qos } = this;
        this.send({ type: "publish", topic, messageId, qos, dup: state.isRepeated, retain: false, data });
        this.state = { at: "publishing", isRepeated: true };
        return;
      }
      case "releasing":
        this.send({ type: "pubrel", messageId });
    }
  }

  private receive(bytes: Uint8Array): void {
    const { packet } = decodeFrame(bytes);
    this.heardAt = performance.now();
    const { at } = this.state;
    switch (packet?.type) {
      case undefined:
        this.complain(`${this.name}: the gateway has sent a malformed message`);
        return;
      case "connack":
        if (at === "connecting" && packet.returnCode === 0) this.next();
        return;
      case "disconnect":
        this.become({ at: "connecting" });
        return;
      case "suback":
        if (at !== "subscribing" || packet.messageId !== this.messageId || packet.returnCode !== 0) return;
        this.isSubscribed = true;
        this.next();
        return;
      case "regack":
        if (at !== "registering" || packet.messageId !== this.messageId || packet.returnCode !== 0) return;
        this.topicId = packet.topicId;
        this.next();
        return;
      case "puback":
        if (at !== "publishing" || packet.messageId !== this.messageId) return;
        if (packet.returnCode === 0) this.done();
        else if (packet.returnCode === 2) {
          this.topicId = 0;
          this.next();
        }
        return;
      case "pubrec":
        if (at !== "publishing" || packet.messageId !== this.messageId) return;
        this.acknowledged++;
        this.become({ at: "releasing" });
        return;
      case "pubcomp":
        if (at === "releasing" && packet.messageId === this.messageId) this.next();
        return;
      case "register":
        this.send({ type: "regack", topicId: packet.topicId, messageId: packet.messageId, returnCode: 0 });
        return;
      case "publish": {
        const number = Number(Buffer.from(packet.data).toString());
        if (this.received.has(number)) this.repeated++;
        this.received.add(number);
        const topicId = packet.topic.kind === "short" ? 0 : packet.topic.id;
        if (packet.qos === 1) this.send({ type: "puback", topicId, messageId: packet.messageId, returnCode: 0 });
        return;
      }
      default:
        return;
    }
  }

  private done(): void {
    this.acknowledged++;
    this.next();
  }

  /** A message that is not acknowledged keeps its identifier, also on the next connection. */
  private next(): void {
    if (!this.isSubscribed) this.become({ at: "subscribing" }, true);
    else if (this.topicId === 0) this.become({ at: "registering" }, false);
    else if (this.acknowledged < this.sent) this.become({ at: "publishing", isRepeated: true });
    else this.become({ at: "publishing", isRepeated: false }, true);
  }

  private become(state: State, isNew = false): void {
    this.state = state;
    if (isNew) this.messageId = this.messageId >= 0xffff ? 1 : this.messageId + 1;
    this.ask();
  }

  private send(packet: SnPacket): void {
    this.socket.send(encodeFrame(packet), this.port, "127.0.0.1");
  }
}
