/** A client for the duration of one command: what it reports on standard error, and what ends it. */

import { type AbortSignalLike, type Client, type ClientEvents, createClient, RefusedError } from "@aiko/mqtt";
import { CommandError } from "./command.js";
import type { Target } from "./connection-options.js";
import { inOptionWords } from "./option-words.js";
import { fired, type Terminal } from "./terminal.js";
import { versionNames } from "./version-names.js";

/** Milliseconds that a command waits for acknowledgements before it ends. */
const DRAIN_TIMEOUT = 1_000;

/**
 * Connects, runs `work`, and disconnects. If the user stops the command, `work` ends, too. If `stopIsAnError` is set,
 * that is an error with this text; otherwise the command ends normally. Work with `stopIsAnError` continues if standard
 * output has no reader.
 */
export async function withClient(
  target: Target,
  terminal: Terminal,
  debug: boolean,
  work: (client: Client) => Promise<void>,
  stopIsAnError?: string,
): Promise<void> {
  const client = createClient(target.url, target.options);
  report(client, terminal, target.hasChosenId, debug);
  const { exposedBy } = target;
  if (exposedBy !== undefined) {
    const instead =
      exposedBy === "--password" || exposedBy === "--url" ? "; use MQTT_PASSWORD in the environment instead" : "";
    terminal.note(`warning: other users of this machine can see the secret in ${exposedBy} with ps${instead}`);
  }
  const lost = lossOf(client, target, terminal);
  const stop = stopIsAnError === undefined ? terminal.stop : terminal.interrupted;
  const stopped = fired(stop).then(() => {
    if (stopIsAnError !== undefined) throw new CommandError(stopIsAnError);
  });
  stopped.catch(() => undefined); // the race below reports it, if it is still running
  try {
    await connect(client, stop);
    await Promise.race([work(client), lost, stopped]);
  } finally {
    await client.disconnect({ drainTimeout: DRAIN_TIMEOUT });
  }
}

async function connect(client: Client, stop: AbortSignalLike): Promise<void> {
  try {
    await client.connect({ signal: stop });
  } catch (error) {
    throw stop.aborted ? new CommandError("interrupted before the server answered") : error;
  }
}

/** Rejects when the client can no longer do its work. */
function lossOf(client: Client, target: Target, terminal: Terminal): Promise<never> {
  let noted = false;
  const lost = new Promise<never>((_, reject) => {
    client.on("takenOver", ({ certain, error }) => {
      if (certain || target.hasChosenId) {
        reject(error);
        return;
      }
      // No other client has a random identifier. So there is another reason why the connections are closed, and it may
      // be temporary.
      if (!noted) terminal.note("the server keeps closing the connection soon after accepting it; retrying");
      noted = true;
    });
    client.on("closed", ({ error }) => {
      if (error !== undefined) reject(error);
    });
    client.on("error", (error) => {
      if (error instanceof RefusedError) reject(error); // a subscription that was granted before
    });
  });
  lost.catch(() => undefined);
  return lost;
}

function report(client: Client, terminal: Terminal, hasChosenId: boolean, debug: boolean): void {
  client.on("reconnecting", ({ delay, error }) => {
    if (error.code === "TAKEN_OVER" && hasChosenId) return; // it ends the command
    terminal.note(`${inOptionWords(error)}; retrying in ${(delay / 1000).toFixed(1)} s`);
  });
  client.on("connected", ({ server }) => {
    if (client.statistics.connections > 1) terminal.note(`reconnected to ${server}`);
  });
  if (!debug) return;
  client.on("connected", ({ server, protocolVersion, clientId, sessionPresent }) => {
    const session = sessionPresent ? "session resumed" : "new session";
    terminal.note(`debug: ${server} speaks MQTT ${versionNames[protocolVersion]}; client "${clientId}", ${session}`);
  });
  client.on("packet", (packet) => terminal.note(`debug: received ${describePacket(packet)}`));
  client.on("disconnected", ({ error }) => terminal.note(`debug: disconnected: ${error.message}`));
  client.on("closed", () => terminal.note("debug: closed"));
  client.on("error", (error) => terminal.note(`debug: ${error}`));
}

/** Describes the packet by its type and identifying fields. Properties are omitted, since they may contain anything. */
function describePacket(packet: ClientEvents["packet"]): string {
  const parts: string[] = [packet.type.toUpperCase()];
  if (packet.type === "publish") {
    parts.push(`topic "${packet.topic}"`, `${packet.payload.length} bytes`, `QoS ${packet.qos}`);
    if (packet.retain) parts.push("retained");
    if (packet.dup) parts.push("possibly a duplicate");
  }
  if ("packetIdentifier" in packet && packet.packetIdentifier !== 0) {
    parts.push(`packet identifier ${packet.packetIdentifier}`);
  }
  if ("reasonCode" in packet) parts.push(`reason code ${packet.reasonCode}`);
  if ("reasonCodes" in packet) parts.push(`reason codes ${packet.reasonCodes.join(" ")}`);
  return parts.join(", ");
}
