// A schedule in words that a person can follow: runs it again in a new world and reports the events, the packets that
// they cause, and the results that the applications get.

import { type Packet, PacketStream, type ProtocolVersion } from "@aiko/mqtt/codec";
import type { Action } from "./action.ts";
import type { Finding, MakeWorld } from "./explorer.ts";
import type { Item } from "./network.ts";
import type { Scenario } from "./scenario.ts";
import { World } from "./world.ts";

/** A line for each event, and an indented line for each of its effects. */
export async function storyOf(
  scenario: Scenario,
  { schedule, inPeace, kind, what }: Finding,
  makeWorld: MakeWorld = (of) => new World(of),
): Promise<string[]> {
  const lines: string[] = [];
  const world = makeWorld(scenario);
  let said = seen(world);
  let peaceful = false;
  world.onSent = (connection, by, item) => {
    if (!peaceful) lines.push(`     ${by} on ${connection}: ${itemWords(item, scenario.version)}`);
  };
  const sayNews = (): void => {
    const now = seen(world);
    for (const [about, state] of now) if (said.get(about) !== state) lines.push(`     → ${about}: ${state}`);
    said = now;
  };
  lines.push(" 0. The client starts.");
  await world.begin();
  sayNews();
  for (const [i, action] of schedule.entries()) {
    lines.push(`${String(i + 1).padStart(2)}. ${sentence(world, action)}`);
    await world.apply(action);
    sayNews();
  }
  if (inPeace) {
    lines.push("    From here on nothing fails. One more message is published each way.");
    peaceful = true;
    await world.makePeace();
    sayNews();
    await world.probe();
    sayNews();
  }
  lines.push(`    ${kind}: ${what}`);
  return lines;
}

/** The results that the applications get. */
function seen({ ledger, process }: World): Map<string, string> {
  const news = new Map<string, string>();
  for (const { name, direction, outcome, orphan, arrivals } of ledger.messages) {
    if (direction === "up" && outcome !== undefined) news.set(`publish ${name}`, outcome);
    if (direction === "down")
      news.set(`the server publishes ${name}`, outcome === "ok" ? "accepted for the client" : "not subscribed");
    if (orphan !== undefined)
      news.set(`${name}`, orphan === "kept" ? "in the store of the killed process" : "its process was killed");
    if (arrivals.length > 0) news.set(`${name} has arrived`, `${arrivals.length}`);
  }
  if (process.subscribed !== undefined) news.set(`subscribe of process ${process.number}`, process.subscribed);
  if (process.closedBy !== undefined) news.set("the client is closed", process.closedBy);
  return news;
}

function sentence(world: World, action: Action): string {
  const { scenario, connections, current, process } = world;
  const number = current?.number;
  const [what, on, direction] = action.split(" ");
  if (what === "arrive") {
    const connection = connections[Number(on) - 1];
    const item = (direction === "up" ? connection?.server : connection?.client)?.arriving[0] ?? "end";
    const words = itemWords(item, scenario.version);
    const late = direction === "up" && connection?.client.isOpen === false ? "late, " : "";
    return `Connection ${on}: ${late}${words} reaches the ${direction === "up" ? "server" : "client"}.`;
  }
  switch (action) {
    case "next step":
      return `The application continues: ${scenario.programme[world.stepsDone]}.`;
    case "handler returns":
      return "The handler of the oldest message returns.";
    case "cut":
      return `Connection ${number} is cut: both ends detect it, and data in transit is lost.`;
    case "lose":
      return process.client.connected
        ? `The client abandons connection ${number}; data that it wrote can still arrive.`
        : `The attempt over connection ${number} times out; data that the client wrote can still arrive.`;
    case "drop":
      return `The server abandons connection ${number}; data that it wrote can still arrive.`;
    case "kill":
      return `The process is killed; data that it wrote can still arrive. Another starts${scenario.store ? " with its store" : ""}.`;
    case "wipe":
      return "The process is killed and its store is lost. Another starts.";
    default:
      return "Time passes: the server ends sessions that have no connection.";
  }
}

function itemWords(item: Item, version: ProtocolVersion): string {
  if (item === "end") return "the end of the connection";
  const packets = new PacketStream(item[0] === 0x10 ? "any" : version).push(item);
  const [first, ...others] = packets.map(packetWords);
  return others.length === 0 ? (first ?? "bytes") : `${first} … ${others.at(-1)}`;
}

function packetWords(packet: Packet): string {
  const name = packet.type.toUpperCase();
  switch (packet.type) {
    case "connect":
      return `CONNECT with clean start ${Number(packet.cleanStart)}`;
    case "connack":
      return `CONNACK with session present ${Number(packet.sessionPresent)}`;
    case "publish": {
      const { packetIdentifier, payload, dup } = packet;
      const identifier = packetIdentifier ? ` ${packetIdentifier}` : "";
      return `PUBLISH${identifier} of ${new TextDecoder().decode(payload)}${dup ? " with DUP" : ""}`;
    }
    case "disconnect":
      return `DISCONNECT 0x${packet.reasonCode.toString(16).padStart(2, "0")}`;
    default:
      return "packetIdentifier" in packet ? `${name} ${packet.packetIdentifier}` : name;
  }
}
