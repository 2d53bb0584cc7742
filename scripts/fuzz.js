// @ts-check
// Coverage-guided fuzzing of decoder, topics and sessions. node scripts/fuzz.js [--seconds 60] [--seed N]
//
// Inputs are bytes: the first chooses a target, the rest is its food. Mutations start from the wire vectors; an input that
// reaches code which none before it reached joins the corpus. A finding is an exception that is not a typed error, an input that
// takes far longer than its length explains, or memory that stays. Findings are printed as hex and fail the run; what they
// teach belongs into test/conformance or a test of its own.
import { readFileSync } from "node:fs";
import { Session } from "node:inspector";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { MqttError, ProtocolError } from "@aiko/mqtt";
import { encode, PacketStream } from "@aiko/mqtt/codec";
import {
  ClientSession,
  OutgoingMessage,
  OutputBuffer,
  ServerSession,
  SubscribeRequest,
  UnsubscribeRequest,
} from "@aiko/mqtt/session";
import { SeededRandom } from "@aiko/mqtt/testing";
import {
  hasWildcard,
  sharedFilterProblem,
  TopicNameTree,
  TopicTree,
  topicFilterMatches,
  topicFilterProblem,
  topicNameProblem,
} from "@aiko/mqtt/topic";

const { values } = parseArgs({ options: { seconds: { type: "string" }, seed: { type: "string" } } });
const seconds = Number(values.seconds ?? 60);
const seed = Number(values.seed ?? Date.now() % 1e9);
const random = new SeededRandom(seed);
const below = (/** @type {number} */ n) => Math.floor(random.next() * n);

/** @typedef {(food: Uint8Array) => void} Target */

/** The same bytes whole and in pieces give the same packets, and each packet encodes to bytes that give it again. @type {(version: 3 | 4 | 5 | "any") => Target} */
const decoder = (version) => (food) => {
  const piece = 1 + ((food[0] ?? 0) % 7);
  const bytes = food.subarray(1);
  const whole = decodeAll(version, bytes, bytes.length || 1);
  const pieces = decodeAll(version, bytes, piece);
  if (JSON.stringify(whole) !== JSON.stringify(pieces)) throw new Error("whole and in pieces differ");
  if (version === "any") return;
  for (const packet of whole.packets) {
    let again;
    try {
      again = encode(packet, version);
    } catch (error) {
      if (version === 3 && error instanceof MqttError) continue; // 3.1 lets more in than may be sent
      throw error;
    }
    const [decoded] = new PacketStream(version).push(again);
    if (JSON.stringify(decoded) !== JSON.stringify(packet)) throw new Error(`${packet.type} does not survive encoding`);
  }
};

/** @param {3 | 4 | 5 | "any"} version @param {Uint8Array} bytes @param {number} size */
function decodeAll(version, bytes, size) {
  const stream = new PacketStream(version, { maximumPacketSize: 1_000_000 });
  const packets = [];
  let fault;
  try {
    for (let at = 0; at < bytes.length; at += size) packets.push(...stream.push(bytes.slice(at, at + size)));
    stream.push(new Uint8Array(0));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    fault = error.reasonCode;
  }
  return { packets, fault };
}

/** What the rules allow, the trees and the function agree on. @type {Target} */
function topics(food) {
  const text = String.fromCharCode(...food.subarray(0, 4000).map((byte) => "ab/+#$\0é"[byte & 7]?.charCodeAt(0) ?? 97));
  const [filter = "", name = ""] = text.split("é");
  const shared = filter.startsWith("$share/") && sharedFilterProblem(filter) !== undefined;
  if (topicFilterProblem(filter) || shared || topicNameProblem(name)) return;
  hasWildcard(filter);
  /** @type {TopicTree<number>} */
  const tree = new TopicTree();
  tree.add(filter, 1);
  let found = false;
  tree.match(name, () => {
    found = true;
  });
  /** @type {TopicNameTree<number>} */
  const names = new TopicNameTree();
  names.set(name, 1);
  let named = false;
  names.match(filter, () => {
    named = true;
  });
  if (found !== topicFilterMatches(filter, name) || found !== named)
    throw new Error(`"${filter}" and "${name}" disagree`);
  if (!tree.delete(filter, 1) || tree.size !== 0) throw new Error(`"${filter}" stays in the tree`);
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

class Subscribe extends SubscribeRequest {
  acknowledged() {}
  failed() {}
}

class Unsubscribe extends UnsubscribeRequest {
  acknowledged() {}
  failed() {}
}

/** A session that is fed packets and events in any order. @type {(side: "client" | "server") => Target} */
const session = (side) => (food) => {
  const version = /** @type {3 | 4 | 5} */ (3 + ((food[0] ?? 0) % 3));
  const outlet = { out: new OutputBuffer(), takes: 0, congested: false, touch() {} };
  /** @type {import("@aiko/mqtt/session").Delivery[]} */
  const deliveries = [];
  /** @type {Message[]} */
  const messages = [];
  let now = 1000;
  const outbox = { maximumCount: 100, maximumBytes: 100_000 };
  const properties = { receiveMaximum: 10, topicAliasMaximum: 5 };
  const keep = (
    /** @type {unknown} */ _packet,
    /** @type {import("@aiko/mqtt/session").Delivery | undefined} */ delivery,
  ) => {
    if (delivery) deliveries.push(delivery);
  };
  const nothing = () => {};
  const client =
    side === "client"
      ? new ClientSession(
          { keepAlive: 10, will: undefined, cleanStart: ((food[0] ?? 0) & 64) > 0, properties, outbox },
          { accepted: nothing, refused: nothing, message: keep, authentication: nothing, disconnected: nothing },
          undefined,
        )
      : undefined;
  const server =
    side === "server"
      ? new ServerSession(
          { outbox, receiveMaximum: 10, topicAliasMaximum: 5 },
          { published: keep, subscribe: nothing, unsubscribe: nothing, disconnect: nothing },
        )
      : undefined;
  const open = (/** @type {boolean} */ resumed) => {
    client?.connectionOpened(outlet, { version, clientId: "c", username: undefined, password: undefined });
    const connect = /** @type {const} */ ({
      type: "connect",
      protocolVersion: version,
      clientId: "c",
      cleanStart: false,
      keepAlive: 10,
    });
    server?.connectionOpened(outlet, connect, 10, resumed, now);
  };
  const lose = () => {
    client?.connectionLost();
    server?.connectionLost();
  };
  open(false);
  if (client) client.receive({ type: "connack", sessionPresent: false, reasonCode: 0 }, now);
  for (let at = 1; at < food.length; ) {
    const step = /** @type {number} */ (food[at++]);
    now += step;
    if (step < 0x50) {
      const length = Math.min(food[at++] ?? 0, food.length - at);
      try {
        for (const packet of new PacketStream(version).push(food.slice(at, at + length))) {
          client?.receive(packet, now);
          server?.receive(packet, now);
        }
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        lose();
        open((step & 1) > 0);
      }
      at += length;
    } else if (step < 0x90) {
      const qos = /** @type {0 | 1 | 2} */ (step % 3);
      const message = new Message(
        `t/${step}`,
        "payload",
        qos,
        (step & 8) > 0,
        undefined,
        step & 4 ? now + 50 : Infinity,
      );
      messages.push(message);
      client?.publish(message, now);
      server?.deliver(message, now);
    } else if (step < 0xa8) {
      const delivery = deliveries.splice(step % (deliveries.length || 1), 1)[0];
      if (delivery) {
        client?.finished(delivery, step & 1 ? 0x80 : 0);
        server?.finished(delivery, 0);
      }
    } else if (step < 0xb8) {
      client?.request(
        step & 1
          ? new Subscribe([{ topicFilter: "a/#", qos: 1 }], undefined, step & 2)
          : new Unsubscribe(["a"], undefined),
      );
    } else if (step < 0xc8) {
      client?.flushed(now);
      server?.flushed();
      outlet.out.take();
      outlet.takes++;
    } else if (step < 0xd8) {
      lose();
      open((step & 1) > 0);
    } else if (step < 0xe8) {
      const sessionPresent = (step & 1) > 0 && version !== 3;
      refusing(() => client?.receive({ type: "connack", sessionPresent, reasonCode: 0 }, now));
    } else if (step < 0xf0) {
      client?.advance(now);
      outlet.congested = (step & 1) > 0;
      client?.drained(now);
      server?.drained(now);
    } else {
      now += 5_000;
      client?.deadline();
    }
    if (outlet.out.length > 10_000_000) throw new Error("the output grows without bound");
  }
  lose();
  client?.abandon((what) => new MqttErrorForFuzzing(what));
  if (client) for (const each of messages) if (each.outcomes !== 1) throw new Error(`"${each.topic}" has no outcome`);
};

/** Breaking the protocol is what a session must say no to. @param {() => void} work */
function refusing(work) {
  try {
    work();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
}

class MqttErrorForFuzzing extends MqttError {
  code = /** @type {const} */ ("CLIENT_CLOSED");
}

/** @type {Target[]} */
const targets = [decoder(3), decoder(4), decoder(5), decoder("any"), topics, session("client"), session("server")];

/** @type {Uint8Array[]} */
const corpus = [];
const vectors = JSON.parse(
  readFileSync(fileURLToPath(new URL("../test/conformance/vectors.json", import.meta.url)), "utf8"),
);
for (const { hex, version } of [...vectors.valid, ...vectors.malformed]) {
  const bytes = Buffer.from(hex, "hex");
  const target = { 3.1: 0, "3.1.1": 1, "5.0": 2 }[/** @type {"3.1" | "3.1.1" | "5.0"} */ (version)];
  corpus.push(Uint8Array.from([target, 0, ...bytes]), Uint8Array.from([3, 0, ...bytes]));
  const session = [target, 1, Math.min(255, bytes.length), ...bytes.subarray(0, 255)];
  corpus.push(Uint8Array.from([5, ...session]), Uint8Array.from([6, ...session]));
}
for (let i = 0; i < 20; i++)
  corpus.push(Uint8Array.from({ length: 60 }, (_, at) => (at === 0 ? 4 + (i % 3) : below(256))));

const INTERESTING = [
  0, 1, 2, 0x7f, 0x80, 0xff, 0x10, 0x20, 0x30, 0x32, 0x34, 0x40, 0x50, 0x62, 0x70, 0x82, 0x90, 0xe0, 0xf0,
];

/** @param {Uint8Array} input */
function mutate(input) {
  let bytes = [...input];
  for (let rounds = 1 + below(6); rounds > 0; rounds--) {
    const at = below(bytes.length + 1);
    switch (below(8)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
        break;
      case 1:
        bytes[at] = INTERESTING[below(INTERESTING.length)] ?? 0;
        break;
      case 2:
        bytes.splice(at, 0, below(256));
        break;
      case 3:
        bytes.splice(at, 1 + below(4));
        break;
      case 4:
        bytes.splice(at, 0, ...bytes.slice(at, at + 1 + below(20)));
        break;
      case 5: {
        const other = corpus[below(corpus.length)] ?? input;
        bytes = [...bytes.slice(0, at), ...other.slice(below(other.length))];
        break;
      }
      case 6:
        bytes[at] = ((bytes[at] ?? 0) + below(3) - 1) & 255;
        break;
      default:
        bytes[0] = below(targets.length);
    }
  }
  return Uint8Array.from(bytes.slice(0, 5000));
}

const inspector = new Session();
inspector.connect();
const post = (/** @type {string} */ method, /** @type {object} */ params = {}) => {
  /** @type {any} */
  let answer;
  inspector.post(method, params, (error, result) => {
    if (error) throw error;
    answer = result;
  });
  return answer;
};
post("Profiler.enable");
post("Profiler.startPreciseCoverage", { callCount: false, detailed: true });

const ours = /packages\/mqtt\/dist\/(codec|topic|session|platform)\//;
/** The newest report on each function of ours, which V8 makes whenever more of it was reached. @type {Map<string, Map<string, { startOffset: number, endOffset: number, count: number }[]>>} */
const reports = new Map();
/** @type {Set<string>} */
const everReached = new Set();
/** True if any code of ours was reached that had not been before the last call. */
function reachedMore() {
  let more = false;
  for (const { url, functions } of post("Profiler.takePreciseCoverage").result) {
    if (!ours.test(url)) continue;
    const report = reports.get(url) ?? new Map();
    reports.set(url, report);
    for (const { ranges } of functions) {
      report.set(`${ranges[0].startOffset}-${ranges[0].endOffset}`, ranges);
      for (const { startOffset, endOffset, count } of ranges) {
        const key = `${url}:${startOffset}-${endOffset}`;
        if (count === 0 || everReached.has(key)) continue;
        everReached.add(key);
        more = true;
      }
    }
  }
  return more;
}

/** Characters of our code that were reached, and all. */
function coverage() {
  let reached = 0;
  let all = 0;
  for (const report of reports.values()) {
    const ranges = [...report.values()]
      .flat()
      .sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
    const length = Math.max(...ranges.map(({ endOffset }) => endOffset));
    const state = new Uint8Array(length);
    for (const { startOffset, endOffset, count } of ranges) state.fill(count > 0 ? 1 : 0, startOffset, endOffset); // inner ranges last
    for (const each of state) reached += each;
    all += length;
  }
  return { reached, all };
}

/** @type {string[]} */
const findings = [];
let executions = 0;
let slowest = 0;
/** @type {Uint8Array} */
let slowestInput = new Uint8Array(0);

/** @param {Uint8Array} input */
function execute(input) {
  const target = targets[(input[0] ?? 0) % targets.length];
  const started = process.hrtime.bigint();
  try {
    target?.(input.subarray(1));
  } catch (error) {
    findings.push(`${Buffer.from(input).toString("hex")}: ${error instanceof Error ? error.stack : error}`);
  }
  const perByte = Number(process.hrtime.bigint() - started) / (input.length + 200);
  if (perByte > slowest && executions > 1000) {
    slowest = perByte;
    slowestInput = input;
  }
  executions++;
}

console.log(`seed ${seed}, ${corpus.length} inputs to begin with, ${seconds} s`);
for (const input of corpus) execute(input);
reachedMore();
const heapBefore = process.memoryUsage().heapUsed;
const end = Date.now() + seconds * 1000;
while (Date.now() < end && findings.length < 10) {
  const batch = Array.from({ length: 200 }, () => mutate(corpus[below(corpus.length)] ?? new Uint8Array(1)));
  for (const input of batch) execute(input);
  if (reachedMore()) corpus.push(.../** @type {Uint8Array[]} */ (batch.filter(() => random.next() < 0.1)));
  if (corpus.length > 20_000) corpus.splice(0, 5_000);
}
reachedMore();
const { reached, all } = coverage();
const heap = (process.memoryUsage().heapUsed - heapBefore) / 2 ** 20;
const share = ((100 * reached) / all).toFixed(1);
console.log(
  `${executions} executions, ${corpus.length} inputs kept, ${share} % of the code of codec, topic, session and text reached`,
);
console.log(
  `slowest input: ${(slowest / 1000).toFixed(2)} µs a byte (${slowestInput.length} bytes); heap ${heap.toFixed(1)} MiB more than at the start`,
);
// Once more, alone: a pause of the machine is no finding, a slow input is slow again.
const again = process.hrtime.bigint();
execute(slowestInput);
const repeated = Number(process.hrtime.bigint() - again) / (slowestInput.length + 200) / 1000;
if (repeated > 100) findings.push(`${Buffer.from(slowestInput).toString("hex")}: ${repeated.toFixed(0)} µs a byte`);
for (const finding of findings) console.error(finding);
console.log(findings.length === 0 ? "no findings" : `${findings.length} findings`);
process.exitCode = findings.length === 0 ? 0 : 1;
