/** `aiko-mqtt broker explain`: which rule decides what a client may do with a topic. Starts no broker. */

import { assertTopicFilter, hasWildcard } from "@aiko/mqtt/topic";
import { type RuleAction, type RuleDecision, Rules } from "@aiko/mqtt-broker/service";
import type { Arguments } from "../arguments.js";
import { brokerPath, fileOptions, loadBrokerFile } from "../broker-file.js";
import type { Command } from "../command.js";
import type { Terminal } from "../terminal.js";

const options = {
  ...fileOptions,
  user: { letters: "u", value: "NAME", help: "the user, as a password or a certificate identifies it (default: none)" },
  client: { letters: "i", value: "ID", help: "the client identifier (default: none)" },
  listener: { value: "NAME", help: "the listener of the client, if it has rules of its own (default: none)" },
  topic: { letters: "t", value: "TOPIC", help: "the topic name or topic filter" },
} as const;

export const brokerExplain: Command = {
  usage: "FILE | --mosquitto-conf FILE --topic TOPIC [--user NAME] [--client ID] [--listener NAME]",
  summary: "Shows which rule allows or denies what a client wants to do with a topic.",
  options,
  operands: 1,
  async run(args: Arguments<keyof typeof options>, terminal: Terminal): Promise<void> {
    const topic = args.required("topic");
    assertTopicFilter(topic);
    const rules = new Rules(loadBrokerFile(brokerPath(args, 0), args, terminal).rules);
    const client = {
      clientId: args.text("client") ?? "",
      identity: args.text("user"),
      listener: args.text("listener"),
    };
    const isFilter = hasWildcard(topic) || topic.startsWith("$share/");
    const actions: readonly RuleAction[] = isFilter ? ["subscribe"] : ["read", "write", "subscribe"];
    for (const action of actions)
      await terminal.print(`${action}: ${explained(rules.decide(action, client, topic))}\n`);
  },
};

function explained({ allowed, rule, reason }: RuleDecision): string {
  return rule === undefined
    ? `${allowed ? "allowed" : "denied"}: ${reason}`
    : `${reason}, topics ${rule.topics.join(" ")}`;
}
