/** The options that describe a will, and the will that they describe. MQTT and MQTT-SN have the same. */

import { payloadOf } from "./argument-bytes.js";
import { ArgumentError, type Arguments, type OptionTable } from "./arguments.js";
import { groups, qualities } from "./connection-options.js";

const group = groups.will;

export const willOptions = {
  "will-topic": { value: "TOPIC", help: "topic of the will", group },
  "will-payload": {
    value: "MESSAGE",
    help: "payload of the will (default: empty)",
    literal: true,
    mayBeEmpty: true,
    group,
  },
  "will-qos": { value: "QOS", help: "QoS of the will: 0, 1 or 2 (default: 0)", group },
  "will-retain": { help: "retain the will", group },
} satisfies OptionTable;

interface GivenWill {
  readonly topic: string;
  readonly payload: string | Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
}

/** Returns undefined if there is no will. @throws ArgumentError if an option requires a topic that was not given */
export function willOf(args: Arguments<keyof typeof willOptions>): GivenWill | undefined {
  const topic = args.text("will-topic");
  if (topic === undefined) {
    const alone = (["will-payload", "will-qos", "will-retain"] as const).find((name) => args.has(name));
    if (alone !== undefined) throw new ArgumentError(`option --${alone} requires --will-topic`);
    return undefined;
  }
  return {
    topic,
    payload: payloadOf(args.text("will-payload") ?? ""),
    qos: args.choice<0 | 1 | 2>("will-qos", qualities, 0),
    retain: args.has("will-retain"),
  };
}
