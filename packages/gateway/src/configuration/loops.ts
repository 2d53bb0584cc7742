/**
 * Sources that would feed themselves: a bridge that subscribes to what it publishes at the same server, and a command whose topic is that of the
 * source's own records. Before MQTT 5, nothing else stops that.
 */

import { type Place, quoted } from "@aiko/mqtt-configuration";
import { CommandTopic } from "../command/command-topic.js";
import { parsePlaceholders } from "../text/placeholders.js";
import type { MqttSettings, SourceSettings, UplinkSettings } from "./configuration.js";

/** @param place of the whole configuration */
export function checkLoops(
  gateway: string,
  uplinks: readonly UplinkSettings[],
  sources: readonly SourceSettings[],
  place: Place,
): void {
  for (const [i, each] of sources.entries()) {
    checkCommands(gateway, each, place.at("source").at(i));
    if (each.kind !== "mqtt" || !uplinks.some(({ url }) => isSame(url, each.url))) continue;
    for (const name of ["topic", "deadletter"] as const) checkLoop(each, name, place.at("source").at(i));
  }
}

function checkCommands(gateway: string, source: SourceSettings, place: Place): void {
  const { id, topic, deadletter, polls, commands } = source;
  const published = [topic, deadletter, ...polls.map((poll) => poll.topic)].filter((each) => each !== undefined);
  const filters = commands.map((command) => new CommandTopic(command.topic, { gateway, source: id }).filter);
  for (const [i, { topic: written }] of commands.entries()) {
    const at = place.at("command").at(i).at("topic");
    const filter = filters[i] as string;
    const same = filters.indexOf(filter);
    if (same < i) at.broken(written, `is the topic of command[${same}] too; a message would be carried out twice`);
    const loop = published.find((each) => overlaps(filter, topicsOf(each)));
    if (loop !== undefined) {
      at.broken(
        written,
        `matches what this source publishes (topic = ${quoted(loop)}), so a record would be a command; change one`,
      );
    }
  }
}

function checkLoop(source: MqttSettings, name: "topic" | "deadletter", place: Place): void {
  const topic = source[name];
  if (topic === undefined) return;
  const isDeeper = name === "topic" && source.payload.kind === "fields";
  const made = isDeeper ? `${topicsOf(topic)}/+` : topicsOf(topic);
  for (const [i, { filter }] of source.subscribe.entries()) {
    if (!overlaps(filter, made)) continue;
    const rule = `matches what this source publishes (${name} = ${quoted(topic)}) at the same server; change one of them`;
    place.at("subscribe").at(i).at("filter").broken(filter, rule);
  }
}

/** Returns a filter that matches all topics that can come of a template. */
function topicsOf(template: string): string {
  const { first, rest } = parsePlaceholders(template);
  const levels = rest
    .reduce((text, { name, literal }) => `${text}${name === "topic" ? "\0#" : "\0"}${literal}`, first)
    .split("/");
  const open = levels.findIndex((level) => level.includes("\0#"));
  // What follows {topic} may be at any depth.
  const kept = open < 0 ? levels : [...levels.slice(0, open), "#"];
  return kept.map((level) => (level.includes("\0") ? "+" : level)).join("/");
}

/** Whether a topic exists that both filters match. */
export function overlaps(one: string, other: string): boolean {
  const [a, b] = [levelsOf(one), levelsOf(other)];
  for (let i = 0; ; i++) {
    const [x, y] = [a[i], b[i]];
    if (x === "#" || y === "#") return true;
    if (x === undefined || y === undefined) return x === y;
    if (x !== y && x !== "+" && y !== "+") return false;
  }
}

/** "a/#" matches "a" too; a shared subscription matches what its filter matches. */
function levelsOf(filter: string): string[] {
  const levels = filter.split("/");
  return levels[0] === "$share" ? levels.slice(2) : levels;
}

function isSame(one: string, other: string): boolean {
  return address(one) === address(other);
}

/** The server of a URL, without what has a default. */
function address(url: string): string {
  const [, scheme = "", rest = ""] = /^(\w+):(?:\/\/)?(.*)$/.exec(url.toLowerCase()) ?? [];
  const usual: Readonly<Record<string, string>> = { mqtt: ":1883", mqtts: ":8883", ws: ":80", wss: ":443" };
  const port = usual[scheme];
  const host = rest.replace(/\/$/, "");
  return `${scheme} ${port !== undefined && host.endsWith(port) ? host.slice(0, -port.length) : host}`;
}
