/** The parts that messages consist of [SN 5.3], each with its two directions. Knows no message. */

import type { TopicIdType } from "../packets.js";
import type { OctetReader, OctetWriter } from "./octets.js";

/** A packet that is being read or written. */
export type Draft = Record<string, unknown>;

/** A part of a message. */
export interface Field {
  /** The name in the specification. */
  readonly name: string;
  /** The least octets; `read` is called only if they are there. */
  readonly size: number;
  /** Returns the rule that the octets break. */
  read(octets: OctetReader, draft: Draft): string | undefined;
  /** Throws a UsageError that names the field if a value does not fit. */
  write(draft: Readonly<Draft>, octets: OctetWriter): void;
}

/** Identifiers that name no topic [SN 5.3.11]. */
const isReserved = (id: number): boolean => id === 0 || id === 0xffff;
const RESERVED = "must not be 0x0000 or 0xFFFF [SN 5.3.11]";

export function number(name: string, key: string, width: 1 | 2): Field {
  return {
    name,
    size: width,
    read(octets, draft) {
      draft[key] = octets.number(width);
      return undefined;
    },
    write: (draft, octets) => octets.number(key, draft[key], width),
  };
}

/** Two octets at the end of a message that may be absent. */
export function optionalNumber(name: string, key: string): Field {
  const whole = number(name, key, 2);
  return {
    name,
    size: 0,
    read(octets, draft) {
      if (octets.left === 0) return undefined;
      return octets.left < 2 ? `${name} must have two octets` : whole.read(octets, draft);
    },
    write(draft, octets) {
      if (draft[key] !== undefined) whole.write(draft, octets);
    },
  };
}

/** The identifier that REGISTER tells. 0 is that of a client, which does not know it yet. */
export const registeredId: Field = {
  ...number("TopicId", "topicId", 2),
  read(octets, draft) {
    draft["topicId"] = octets.number(2);
    return draft["topicId"] === 0xffff ? "TopicId must not be 0xFFFF [SN 5.3.11]" : undefined;
  },
  write: (draft, octets) => octets.number("topicId", draft["topicId"], 2, 0, 0xfffe),
};

/** The rest of a message. */
export function data(name: string, key: string): Field {
  return {
    name,
    size: 0,
    read(octets, draft) {
      draft[key] = octets.rest();
      return undefined;
    },
    write: (draft, octets) => octets.data(key, draft[key]),
  };
}

/** The rest of a message, as text. */
export function text(name: string, key: string): Field {
  return {
    name,
    size: 0,
    read(octets, draft) {
      draft[key] = octets.text();
      return draft[key] === undefined ? `${name} is not well-formed UTF-8` : undefined;
    },
    write: (draft, octets) => octets.text(key, draft[key]),
  };
}

/** The rest of a message that may be absent: an empty one is not in the packet. */
export function optional(field: Field, key: string): Field {
  return {
    ...field,
    read: (octets, draft) => (octets.left === 0 ? undefined : field.read(octets, draft)),
    write(draft, octets) {
      if (draft[key] === undefined) return;
      const before = octets.octets.length;
      field.write(draft, octets);
      if (octets.octets.length === before) throw octets.refusal(key, "", "must not be empty; leave it out");
    },
  };
}

const DUP = 0x80;
const QOS_SHIFT = 5;
const RETAIN = 0x10;
const WILL = 0x08;
const CLEAN_SESSION = 0x04;
const TOPIC_ID_TYPE = 0x03;

/** The bits that a message uses [SN 5.3.4]. A receiver ignores the others. */
export type Flag = "dup" | "qos" | "anyQos" | "retain" | "will" | "cleanSession" | "topicIdType";

const TYPES: readonly TopicIdType[] = ["normal", "predefined", "short"];
/** The two bits of a QoS. */
const QOS_MINUS_ONE = 3;

/** The bits that stand for yes or no. */
const SWITCHES = { dup: DUP, retain: RETAIN, will: WILL, cleanSession: CLEAN_SESSION } as const;

function isSwitch(flag: Flag): flag is keyof typeof SWITCHES {
  return flag in SWITCHES;
}

/**
 * The octet of flags. The type of the topic's identifier becomes the draft's `topic.kind`, for the field `topic` that
 * follows; `qos` cannot be −1, `anyQos` can.
 */
export function flags(...used: readonly Flag[]): Field {
  return {
    name: "Flags",
    size: 1,
    read(octets, draft) {
      const bits = octets.number(1);
      for (const flag of used) {
        const problem = readFlag(flag, bits, draft);
        if (problem !== undefined) return problem;
      }
      return undefined;
    },
    write(draft, octets) {
      let bits = 0;
      for (const flag of used) bits |= flagBits(flag, draft, octets);
      octets.number("flags", bits, 1);
    },
  };
}

function readFlag(flag: Flag, bits: number, draft: Draft): string | undefined {
  if (isSwitch(flag)) {
    draft[flag] = (bits & SWITCHES[flag]) !== 0;
    return undefined;
  }
  if (flag === "topicIdType") {
    const kind = TYPES[bits & TOPIC_ID_TYPE];
    draft["topic"] = { kind };
    return kind === undefined ? "TopicIdType 0b11 is reserved [SN 5.3.4]" : undefined;
  }
  const qos = (bits >> QOS_SHIFT) & QOS_MINUS_ONE;
  draft["qos"] = qos === QOS_MINUS_ONE ? -1 : qos;
  return qos === QOS_MINUS_ONE && flag === "qos" ? "QoS -1 is for PUBLISH only [SN 6.8]" : undefined;
}

function flagBits(flag: Flag, draft: Readonly<Draft>, octets: OctetWriter): number {
  if (isSwitch(flag)) {
    const value = draft[flag];
    if (typeof value !== "boolean") throw octets.refusal(flag, value, "must be true or false");
    return value ? SWITCHES[flag] : 0;
  }
  if (flag === "topicIdType") {
    const kind = (draft["topic"] as Draft | undefined)?.["kind"];
    const type = TYPES.indexOf(kind as TopicIdType);
    if (type < 0) throw octets.refusal("topic.kind", kind, `must be one of ${TYPES.join(", ")}`);
    return type;
  }
  const least = flag === "anyQos" ? -1 : 0;
  const qos = draft["qos"];
  if (!Number.isInteger(qos) || (qos as number) < least || (qos as number) > 2) {
    throw octets.refusal("qos", qos, `must be an integer from ${least} to 2`);
  }
  return ((qos as number) & QOS_MINUS_ONE) << QOS_SHIFT;
}

/** The octets of a short topic name [SN 3]. */
const SHORT = 2;

/** The topic of PUBLISH: two octets. */
export const topicId: Field = {
  name: "TopicId",
  size: 2,
  read: (octets, draft) => readTopic(octets, draft["topic"] as Draft),
  write: (draft, octets) => writeTopic(draft["topic"] as Draft, octets),
};

/** The topic of SUBSCRIBE and UNSUBSCRIBE: two octets, or the whole filter. */
export const filter: Field = {
  name: "TopicName",
  size: 0,
  read(octets, draft) {
    const topic = draft["topic"] as Draft;
    if (topic["kind"] === "normal") return text("TopicName", "name").read(octets, topic);
    return octets.left < 2 ? "TopicId must have two octets" : readTopic(octets, topic);
  },
  write(draft, octets) {
    const topic = draft["topic"] as Draft;
    if (topic["kind"] === "normal") octets.text("topic.name", topic["name"]);
    else writeTopic(topic, octets);
  },
};

function readTopic(octets: OctetReader, topic: Draft): string | undefined {
  if (topic["kind"] === "short") {
    topic["name"] = octets.text(SHORT);
    return topic["name"] === undefined ? "the short topic name is not well-formed UTF-8" : undefined;
  }
  const id = octets.number(2);
  topic["id"] = id;
  return isReserved(id) ? `TopicId ${RESERVED}` : undefined;
}

function writeTopic(topic: Draft, octets: OctetWriter): void {
  if (topic["kind"] === "short") octets.text("topic.name", topic["name"], SHORT, SHORT);
  else octets.number("topic.id", topic["id"], 2, 1, 0xfffe);
}

const willFlags = flags("qos", "retain");
const willTopic = text("WillTopic", "topic");

/** The body of WILLTOPIC and WILLTOPICUPD: nothing, which means no will, or flags and a topic name. */
export const will: Field = {
  name: "WillTopic",
  size: 0,
  read(octets, draft) {
    if (octets.left === 0) return undefined;
    const read: Draft = {};
    draft["will"] = read;
    const problem = willFlags.read(octets, read);
    if (problem !== undefined) return problem;
    return octets.left === 0 ? "WillTopic must not be empty behind Flags [SN 5.4.7]" : willTopic.read(octets, read);
  },
  write({ will: given }, octets) {
    if (given === undefined) return;
    willFlags.write(given as Draft, octets);
    octets.text("will.topic", (given as Draft)["topic"], 1);
  },
};
