/** What the settings of the uplink are to the client of `@aiko/mqtt`. */

import { type ConnectOptions, type Credentials, connect, type Platform } from "@aiko/mqtt";
import { clientTls } from "@aiko/mqtt-configuration";
import type { UplinkSettings } from "../configuration/configuration.js";

/** Messages of the gateway itself, in addition to records in flight: presence, and what is passed on. */
const OWN_MESSAGES = 200;

/** Milliseconds in which a server must answer `reachServer`. */
const REACH_TIMEOUT = 10_000;

/**
 * Connects to a server as the gateway would, and disconnects. Uses a client identifier of its own: that of the gateway would end the connection
 * of a gateway that runs.
 *
 * @throws MqttError if the server cannot be reached, or refuses; the system's error if a certificate cannot be read
 */
export async function reachServer(settings: UplinkSettings): Promise<void> {
  const { url, version, username, password } = settings;
  const tls = isEncrypted(url) ? { tls: await clientTls(settings) } : {};
  const options: ConnectOptions = {
    protocolVersion: version,
    connectTimeout: REACH_TIMEOUT,
    username,
    password,
    ...tls,
  };
  const client = await connect(url, options);
  await client.disconnect();
}

/** @param uplinks at least one; the limits are those of the first */
export function uplinkOptions(
  uplinks: readonly UplinkSettings[],
  statusTopic: string,
  platform: Platform,
): ConnectOptions {
  const { clientId, inflight } = firstOf(uplinks);
  return {
    ...serverOptions(uplinks, platform),
    clientId,
    // One queue, not two: records wait in the spool.
    outbox: { maximumCount: inflight + OWN_MESSAGES, sessionLost: "resend", qos0: "drop" },
    will: { topic: statusTopic, payload: "offline", qos: 1, retain: true },
  };
}

/** The options of any connection to these servers: without a client identifier, a queue or a will. */
export function serverOptions(uplinks: readonly UplinkSettings[], platform: Platform) {
  const first = firstOf(uplinks);
  const { version, keepAlive, sessionExpiry, reconnect, stuck } = first;
  const settingsOf = (server: string): UplinkSettings => uplinks.find(({ url }) => isAt(url, server)) ?? first;
  const hasCredentials = uplinks.some(({ username, password }) => username !== undefined || password !== undefined);
  return {
    protocolVersion: version,
    cleanStart: false,
    // The check for a server that does not acknowledge runs with the keep-alive.
    keepAlive: Math.max(1, Math.ceil(Math.min(keepAlive, stuck) / 1_000)),
    acknowledgeTimeout: stuck,
    properties: { sessionExpiryInterval: Math.floor(sessionExpiry / 1_000) },
    reconnect: { initialDelay: reconnect.min, maximumDelay: reconnect.max },
    ...(uplinks.some(({ url }) => isEncrypted(url)) ? { tls: (server: string) => clientTls(settingsOf(server)) } : {}),
    ...(hasCredentials ? { credentials: (server: string) => credentialsOf(settingsOf(server)) } : {}),
    platform,
  } satisfies ConnectOptions;
}

export function isEncrypted(url: string): boolean {
  return /^(mqtts|wss):/i.test(url);
}

export function firstOf(uplinks: readonly UplinkSettings[]): UplinkSettings {
  const [first] = uplinks;
  if (first === undefined) throw new Error("bug: no uplink is configured");
  return first;
}

function credentialsOf({ username, password }: UplinkSettings): Credentials {
  return { username, password };
}

/** Whether a configured URL is that of the server to which the client connects. */
function isAt(url: string, server: string): boolean {
  const withoutCredentials = url.replace(/^(\w+:\/\/)[^/@]*@/, "$1");
  return withoutCredentials === server || comparable(withoutCredentials) === comparable(server);
}

function comparable(url: string): string {
  const parts = /^(\w+):\/\/(\[[^\]]*\]|[^:/]*)(?::(\d+))?(.*)$/.exec(url);
  if (parts === null) return url;
  const [, scheme = "", host = "", port, path = ""] = parts;
  const usual = { mqtt: "1883", mqtts: "8883", ws: "80", wss: "443" }[scheme.toLowerCase()];
  return `${scheme.toLowerCase()}://${host.toLowerCase()}:${port ?? usual}${path === "/" ? "" : path}`;
}
