/** Whether what a source asks can get to its devices: polls become frames, commands name a device. Knows nothing of answers. */

import type { Place } from "@aiko/mqtt-configuration";
import { capturesOf } from "../command/command-topic.js";
import { pollProblem } from "../command/polls.js";
import { placeholderNames } from "../text/placeholders.js";
import type { SourceSettings } from "./configuration.js";
import type { PollSettings } from "./request-settings.js";

/** @param place of the whole configuration */
export function checkDelivery(gateway: string, sources: readonly SourceSettings[], place: Place): void {
  for (const [i, source] of sources.entries()) {
    checkPolls(gateway, source, place.at("source").at(i));
    if (hasManyWires(source)) checkCommands(source, place.at("source").at(i));
  }
}

function checkPolls(gateway: string, source: SourceSettings, place: Place): void {
  for (const [i, poll] of source.polls.entries()) {
    const problem = pollProblem(poll, source, { gateway, source: source.id });
    if (problem === undefined) continue;
    const help = poll.framed ? "; correct it, or write framed = false to send it as it is" : "; correct it";
    place.at("poll").at(i).at(keyOf(poll)).problem(`cannot be sent: ${problem}${help}`);
  }
}

/** The key that says what is sent. */
function keyOf({ question }: PollSettings): "send" | "hex" | "modbus" {
  return question.kind === "text" ? "send" : question.kind;
}

/** Whether devices are on wires of their own, so that a command must say which device it is for. */
function hasManyWires(source: SourceSettings): boolean {
  return source.kind === "tcp-server" || source.kind === "udp" || (source.kind === "unix" && source.listen);
}

/** What a topic cannot name: it belongs to the connection. */
const CONNECTION = ["peer", "port"];

function checkCommands({ deviceName, commands }: SourceSettings, place: Place): void {
  const names = placeholderNames(deviceName).filter((name) => name !== "gateway" && name !== "source");
  const own = names.find((name) => CONNECTION.includes(name) || name.startsWith("topic["));
  for (const [i, { topic }] of commands.entries()) {
    const at = place.at("command").at(i).at("topic");
    const captures = capturesOf(topic);
    const missing = own ?? names.find((name) => !captures.includes(name));
    if (missing === undefined) continue;
    const help = own === undefined ? `write a level {${missing}}, or another device_name` : "write another device_name";
    at.broken(topic, `does not say which device the command is for: device_name has {${missing}}; ${help}`);
  }
}
