// @ts-check
// A broker with several clients, hooks and small limits. The food determines what the clients send and when, how the
// hooks answer, and when connections end. Nothing is left of them at the end.
import { encode } from "@aiko/mqtt/codec";
import { FakeClock, memoryPair } from "@aiko/mqtt/testing";
import { Broker } from "@aiko/mqtt-broker";
import { Food } from "./food.js";

/** @typedef {import("@aiko/mqtt/codec").Packet} Packet */
/** @typedef {0 | 1 | 2} QoS */

/** The number of connections at one time. */
const CLIENTS = 5;
const MEBIBYTE = 1_048_576;
/** How much the limit on memory may be exceeded: by a message for each client, and by what is counted after it was accepted. */
const SLACK = MEBIBYTE;
/** Seconds. */
const EXPIRY = 1_000;
/** The reason for the hooks' own errors. */
const THROWN = "thrown by the hook";

const topics = ["a", "a/b", "a/b/c", "end/c1", "end/c2", "$SYS/x", "a/".repeat(300), "", "x".repeat(3_000), "é"];
const filters = [
  "a",
  "#",
  "+",
  "a/+",
  "a/#",
  "+/+/c",
  "end/#",
  "$share/g/a/#",
  "$share/h/#",
  "$share/g/+/b",
  "a/".repeat(300),
];

/** @type {import("./targets.js").Target} */
export async function broker(bytes) {
  const run = new BrokerRun(new Food(bytes));
  await run.run();
}

class BrokerRun {
  clock = new FakeClock();
  /** @type {(import("@aiko/mqtt").Transport | undefined)[]} */
  links = [];
  /** Also those that others replaced. @type {import("@aiko/mqtt").Transport[]} */
  opened = [];
  /** What settles each promise of a hook. @type {((answer: unknown) => void)[]} */
  questions = [];
  /** @type {string[]} */
  bugs = [];
  /** Whether the hooks answer, as at the end. */
  agrees = false;

  /** @param {Food} food */
  constructor(food) {
    this.food = food;
    this.versions = Array.from({ length: CLIENTS }, () => 5);
  }

  async run() {
    const { clock, food } = this;
    const hooks = food.byte();
    const answer = () => this.answer();
    const on = (/** @type {number} */ bit) => ((hooks & bit) > 0 ? answer : undefined);
    this.broker = await Broker.listen({
      clock,
      listeners: [],
      maximumMemory: MEBIBYTE,
      maximumPacketSize: 100_000,
      maximumConnections: CLIENTS,
      maximumSessions: CLIENTS - 1,
      maximumSubscriptions: 8,
      outbox: { maximumCount: 20, maximumBytes: 100_000 },
      retained: { maximumCount: 10, maximumBytes: 100_000 },
      receiveMaximum: 5,
      topicAliasMaximum: 3,
      hookTimeout: 2_000,
      maximumSessionExpiry: EXPIRY,
      authenticate: /** @type {any} */ (on(1)),
      authorizePublish: /** @type {any} */ (on(2)),
      authorizeSubscribe: /** @type {any} */ (on(4)),
      authorizeDeliver: /** @type {any} */ (on(8)),
      deliversToAll: /** @type {any} */ (on(32)),
      onPublish: /** @type {any} */ (on(16) && ((/** @type {{ topic: string }} */ { topic }) => this.seen(topic))),
      authenticationMethods: { M: /** @type {any} */ ((/** @type {any} */ exchange) => this.converse(exchange)) },
    });
    this.listen(this.broker);
    while (!food.isEmpty) {
      await this.step(food.byte());
      const { memory } = this.broker.statistics;
      if (memory < 0 || memory > MEBIBYTE + SLACK) throw new Error(`memory: ${memory}`);
      if (this.bugs.length > 0) throw new Error(this.bugs.join("; "));
    }
    await this.finish(this.broker);
  }

  /** @param {Broker} broker */
  listen(broker) {
    const check = (/** @type {{ reason: string }} */ { reason }) => {
      if (/the broker failed|bug:/.test(reason) && !reason.includes(THROWN)) this.bugs.push(reason);
    };
    broker.on("refused", check);
    broker.on("disconnected", check);
    broker.on("error", (error) => {
      const { code = "" } = /** @type {{ code?: string }} */ (error);
      if (String(error).includes(THROWN) || ["OPTION_INVALID", "HANDLER_TIMEOUT", "TOPIC_NAME_INVALID"].includes(code))
        return;
      this.bugs.push(`error: ${error instanceof Error ? error.stack : error}`);
    });
  }

  /** Everything ends, and nothing may be left. @param {Broker} broker */
  async finish(broker) {
    this.agrees = true;
    for (const link of this.opened) link.destroy();
    await this.settle();
    await this.clock.advance((EXPIRY + 10) * 1_000);
    await this.settle();
    for (const topic of topics.filter((each) => each !== "" && each.length < 400 && !each.startsWith("a/a/")))
      broker.publish(topic, "", { retain: true });
    broker.publish("x".repeat(3_000), "", { retain: true });
    broker.publish("changed", "", { retain: true });
    await this.settle();
    const { openConnections, sessions, subscriptions, retainedMessages, memory } = broker.statistics;
    const left = JSON.stringify({ openConnections, sessions, subscriptions, retainedMessages, memory });
    if (/[1-9]/.test(left)) throw new Error(`left at the end: ${left}`);
    await broker.close();
    if (this.bugs.length > 0) throw new Error(this.bugs.join("; "));
  }

  async settle() {
    for (let round = 0; round < 5; round++) {
      await this.clock.tick();
      for (const settle of this.questions.splice(0)) settle(true);
    }
    await this.clock.tick();
  }

  /** The answer of a hook. */
  answer() {
    if (this.agrees) return true;
    switch (this.food.byte() % 10) {
      case 0:
        return false;
      case 1:
        throw new Error(THROWN);
      case 2:
        return Promise.reject(new Error(THROWN));
      case 3:
      case 4:
        return new Promise((resolve) => this.questions.push(resolve));
      case 5:
        return "nonsense";
      case 6:
        return { reasonCode: 0x87, reason: "x".repeat(this.food.byte()) };
      default:
        return true;
    }
  }

  /** @param {string} topic */
  seen(topic) {
    if (topic.startsWith("end/")) this.broker?.clients.get(topic.slice(4))?.disconnect();
    const choice = this.agrees ? 0 : this.food.byte() % 8;
    if (choice === 1) return { topic: "changed", retain: true };
    if (choice === 2) return "taken";
    return choice > 5 ? this.answer() : undefined;
  }

  /** @param {{ challenge(data?: Uint8Array): Promise<unknown> }} exchange */
  async converse(exchange) {
    for (let rounds = this.agrees ? 0 : this.food.byte() % 20; rounds > 0; rounds--) await exchange.challenge();
    return this.answer();
  }

  /** @param {number} step */
  async step(step) {
    const at = step % CLIENTS;
    const link = this.links[at];
    switch (step >> 4) {
      case 0:
      case 1:
        this.dial(at);
        break;
      case 2:
        link?.write(this.food.take(this.food.byte()).slice());
        break;
      case 3:
        link?.pause();
        break;
      case 4:
        link?.resume();
        break;
      case 5:
        if (step & 8) link?.end();
        else link?.destroy();
        break;
      case 6:
        await this.clock.advance(step & 8 ? 2_500 : 10);
        break;
      case 7:
        this.questions.shift()?.(step & 8 ? true : "nonsense");
        break;
      case 8:
        this.intervene(step);
        break;
      case 9:
        await this.clock.tick();
        break;
      default:
        this.send(at, step >> 4);
    }
  }

  /** Opens a connection in place of another one. @param {number} at */
  dial(at) {
    const { food, clock } = this;
    const [client, server] = memoryPair(clock, { highWaterMark: 4_096 });
    const choice = food.byte();
    const version = /** @type {3 | 4 | 5} */ (choice % 8 < 6 ? 5 : 3 + (choice % 2));
    this.versions[at] = version;
    if (this.links[at] !== undefined && (choice & 128) === 0) this.links[at]?.destroy();
    this.links[at] = client;
    this.opened.push(client);
    this.broker?.accept(server);
    client.start({ onBytes: (bytes) => this.reply(at, bytes), onDrain() {}, onClose() {} });
    const more = food.byte();
    const properties = {
      sessionExpiryInterval: more & 1 ? EXPIRY * 2 : 0,
      receiveMaximum: more & 2 ? 1 : 100,
      topicAliasMaximum: more & 4 ? 2 : 0,
      ...(more & 8 && { maximumPacketSize: 30 }),
      ...((more & 0x30) === 0x30 && { authenticationMethod: "M" }),
    };
    const will = {
      topic: topics[food.byte() % 4] ?? "a",
      payload: new Uint8Array(food.byte() * 20),
      qos: /** @type {QoS} */ (choice % 3),
      retain: (choice & 8) > 0,
      properties: version === 5 ? { willDelayInterval: more % 3 } : undefined,
    };
    this.write(client, version, {
      type: "connect",
      protocolVersion: version,
      clientId: `c${more % 5}`,
      cleanStart: (choice & 16) > 0,
      keepAlive: choice & 32 ? 1 : 0,
      will: more & 64 ? will : undefined,
      username: more & 128 ? "u".repeat(food.byte() * 10) : undefined,
      properties: version === 5 ? properties : undefined,
    });
  }

  /** Answers some messages at random: the food has the rest. @param {number} at @param {Uint8Array} bytes */
  reply(at, bytes) {
    if ((bytes.length & 1) === 0 || this.agrees) return;
    const link = this.links[at];
    const type = ["puback", "pubrec", "pubcomp"][bytes.length % 3] ?? "puback";
    if (link !== undefined)
      this.write(
        link,
        this.versions[at] ?? 5,
        /** @type {any} */ ({ type, packetIdentifier: 1 + (bytes.length % 4), reasonCode: 0 }),
      );
  }

  /** The application takes part. @param {number} step */
  intervene(step) {
    const { broker } = this;
    const client = broker?.clients.get(`c${step % 5}`);
    if (step & 8) client?.endSession();
    else if (step & 4) client?.disconnect();
    else broker?.publish("a/b", new Uint8Array(this.food.byte() * 50), { qos: 1, retain: (step & 2) > 0 });
  }

  /** @param {number} at @param {number} kind */
  send(at, kind) {
    const link = this.links[at];
    if (link === undefined) return;
    const { food } = this;
    const version = this.versions[at] ?? 5;
    const packetIdentifier = 1 + (food.byte() % 6);
    if (kind === 10 || kind === 11) {
      const choice = food.byte();
      const qos = /** @type {QoS} */ (choice % 3);
      const payload = new Uint8Array(food.byte() * (choice & 64 ? 300 : 4));
      const properties = {
        ...(choice & 16 && { topicAlias: 1 + (choice % 4) }),
        ...(choice & 32 && { messageExpiryInterval: 1 }),
        ...(choice & 128 && {
          userProperties: Array.from({ length: food.byte() * 10 }, () => /** @type {const} */ (["", ""])),
        }),
      };
      const topic = topics[food.byte() % topics.length] ?? "a";
      const fields = {
        topic,
        payload,
        qos,
        retain: (choice & 8) > 0,
        dup: false,
        packetIdentifier: qos && packetIdentifier,
      };
      this.write(link, version, { type: "publish", ...fields, properties: version === 5 ? properties : undefined });
    } else if (kind === 12) {
      const subscriptions = Array.from({ length: 1 + (food.byte() % 3) }, () => {
        const choice = food.byte();
        return { topicFilter: filters[choice % filters.length] ?? "a", qos: /** @type {QoS} */ (choice % 3) };
      });
      const properties = version === 5 && food.byte() & 1 ? { subscriptionIdentifier: packetIdentifier } : undefined;
      this.write(link, version, { type: "subscribe", packetIdentifier, subscriptions, properties });
    } else if (kind === 13) {
      const type = /** @type {const} */ (["puback", "pubrec", "pubrel", "pubcomp"])[food.byte() % 4] ?? "puback";
      this.write(link, version, { type, packetIdentifier, reasonCode: 0 });
    } else if (kind === 14) {
      this.write(link, version, {
        type: "unsubscribe",
        packetIdentifier,
        topicFilters: [filters[food.byte() % filters.length] ?? "a"],
      });
    } else {
      const auth = { authenticationMethod: "M" };
      const reasonCode = food.byte() & 1 ? 0x18 : 0x19;
      if (packetIdentifier < 3) this.write(link, version, { type: "disconnect", reasonCode: 0 });
      else if (packetIdentifier < 4) this.write(link, version, { type: "pingreq" });
      else if (version === 5) this.write(link, version, { type: "auth", reasonCode, properties: auth });
    }
  }

  /** Packets that cannot be encoded are not sent. @param {import("@aiko/mqtt").Transport} link @param {number} version @param {Packet} packet */
  write(link, version, packet) {
    let bytes;
    try {
      bytes = encode(packet, /** @type {3 | 4 | 5} */ (version));
    } catch {
      return;
    }
    link.write(bytes);
  }
}

/** @param {import("./inputs.js").SeededRandom} random */
export function brokerSeeds(random) {
  return Array.from({ length: 60 }, () => {
    const length = 50 + random.integer(400);
    const begin = [
      0,
      random.integer(32),
      ...Array.from({ length: 4 }, (_, i) => [i, random.integer(256), random.integer(256), 0, 0]).flat(),
    ];
    return Uint8Array.from([...begin, 0x90, ...Array.from({ length }, () => random.integer(256))]);
  });
}
