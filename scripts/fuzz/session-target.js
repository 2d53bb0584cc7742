// @ts-check
// A session that gets packets and events in any order: the food determines them, byte by byte.
import { MqttError, ProtocolError } from "@aiko/mqtt";
import { PacketStream } from "@aiko/mqtt/codec";
import { ClientSession, OutgoingMessage, OutputBuffer, ServerSession } from "@aiko/mqtt/session";

/** Bytes that may be waiting in the output. */
const MOST_OUTPUT = 10_000_000;

/** @param {"client" | "server"} side @returns {import("./targets.js").Target} */
export const session = (side) => (food) => new SessionRun(side, food).run();

const outbox = { maximumCount: 100, maximumBytes: 100_000 };
const nothing = () => {};

class SessionRun {
  outlet = { out: new OutputBuffer(), takes: 0, congested: false, touch() {} };
  /** Not finished yet. @type {import("@aiko/mqtt/session").Delivery[]} */
  deliveries = [];
  /** @type {Message[]} */
  messages = [];
  now = 1000;
  at = 1;

  /** @param {"client" | "server"} side @param {Uint8Array} food */
  constructor(side, food) {
    const first = food[0] ?? 0;
    this.food = food;
    this.version = /** @type {3 | 4 | 5} */ (3 + (first % 3));
    const keep = (
      /** @type {unknown} */ _packet,
      /** @type {import("@aiko/mqtt/session").Delivery | undefined} */ delivery,
    ) => {
      if (delivery) this.deliveries.push(delivery);
    };
    this.client =
      side === "client"
        ? new ClientSession(
            {
              keepAlive: 10,
              will: undefined,
              cleanStart: (first & 64) > 0,
              properties: { receiveMaximum: 10, topicAliasMaximum: 5 },
              outbox,
            },
            keep,
            undefined,
          )
        : undefined;
    this.server =
      side === "server"
        ? new ServerSession(
            { outbox, receiveMaximum: 10, topicAliasMaximum: 5 },
            {
              published: keep,
              subscribe: nothing,
              unsubscribe: nothing,
              disconnect: nothing,
              unsendable: nothing,
              roomAgain: nothing,
            },
          )
        : undefined;
  }

  run() {
    this.open(false);
    this.client?.receive({ type: "connack", sessionPresent: false, reasonCode: 0 }, this.now);
    while (this.at < this.food.length) {
      const step = /** @type {number} */ (this.food[this.at++]);
      this.now += step;
      this.take(step);
      if (this.outlet.out.length > MOST_OUTPUT) throw new Error("the output grows without limit");
    }
    this.lose();
    const { client, messages } = this;
    client?.abandon((what) => new Abandoned(what));
    if (client) for (const each of messages) if (each.outcomes !== 1) throw new Error(`"${each.topic}" has no outcome`);
  }

  /** @param {number} step */
  take(step) {
    if (step < 0x50) this.receive(step);
    else if (step < 0x90) this.send(step);
    else if (step < 0xa8) this.finish(step);
    else if (step < 0xb8) this.request(step);
    else if (step < 0xc8) this.flush();
    else if (step < 0xd8) this.reconnect(step);
    else if (step < 0xe8) this.acceptAgain(step);
    else if (step < 0xf0) this.advance(step);
    else this.sleep();
  }

  /** Packets from the other side: a length and their bytes. @param {number} step */
  receive(step) {
    const { food, now } = this;
    const length = Math.min(food[this.at++] ?? 0, food.length - this.at);
    const bytes = food.slice(this.at, this.at + length);
    this.at += length;
    try {
      for (const packet of new PacketStream(this.version).push(bytes)) {
        this.client?.receive(packet, now);
        this.server?.receive(packet, now);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.reconnect(step);
    }
  }

  /** @param {number} step */
  send(step) {
    const qos = /** @type {0 | 1 | 2} */ (step % 3);
    const expiresAt = step & 4 ? this.now + 50 : Infinity;
    const message = new Message(`t/${step}`, "payload", qos, (step & 8) > 0, undefined, expiresAt);
    this.messages.push(message);
    this.client?.publish(message, this.now);
    this.server?.deliver(message, this.now);
  }

  /** @param {number} step */
  finish(step) {
    const delivery = this.deliveries.splice(step % (this.deliveries.length || 1), 1)[0];
    if (delivery === undefined) return;
    this.client?.finished(delivery, step & 1 ? 0x80 : 0);
    this.server?.finished(delivery, 0);
  }

  /** @param {number} step */
  request(step) {
    this.client?.request(
      step & 1
        ? { type: "subscribe", subscriptions: [{ topicFilter: "a/#", qos: 1 }], identifier: step & 2, settle: nothing }
        : { type: "unsubscribe", topicFilters: ["a"], settle: nothing },
      this.now,
    );
  }

  flush() {
    this.client?.flushed(this.now);
    this.server?.flushed();
    this.outlet.out.take();
    this.outlet.takes++;
  }

  /** @param {number} step */
  reconnect(step) {
    this.lose();
    this.open((step & 1) > 0);
  }

  /** A CONNACK, expected or not: a session must refuse protocol violations. @param {number} step */
  acceptAgain(step) {
    const sessionPresent = (step & 1) > 0 && this.version !== 3;
    try {
      this.client?.receive({ type: "connack", sessionPresent, reasonCode: 0 }, this.now);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  /** @param {number} step */
  advance(step) {
    this.client?.advance(this.now);
    this.outlet.congested = (step & 1) > 0;
    this.client?.drained(this.now);
    this.server?.drained(this.now);
  }

  sleep() {
    this.now += 5_000;
    this.client?.deadline();
  }

  /** @param {boolean} resumed passed to a server */
  open(resumed) {
    const { outlet, version } = this;
    this.client?.connectionOpened(
      { outlet, accepted: nothing, foreign: nothing, refused: nothing, authentication: nothing, disconnected: nothing },
      { version, clientId: "c", username: undefined, password: undefined },
      this.now,
    );
    const connect = /** @type {const} */ ({
      type: "connect",
      protocolVersion: version,
      clientId: "c",
      cleanStart: false,
      keepAlive: 10,
    });
    this.server?.connectionOpened(outlet, connect, 10, resumed, this.now);
  }

  lose() {
    this.client?.connectionLost(this.now);
    this.server?.connectionLost();
  }
}

class Message extends OutgoingMessage {
  outcomes = 0;
  delivered() {
    this.settle();
  }
  failed() {
    this.settle();
  }
  settle() {
    if (++this.outcomes > 1) throw new Error(`bug: "${this.topic}" has two outcomes`);
  }
}

/** @extends {MqttError<"CLIENT_CLOSED">} */
class Abandoned extends MqttError {
  /** @param {string} what */
  constructor(what) {
    super("CLIENT_CLOSED", what);
  }
}
