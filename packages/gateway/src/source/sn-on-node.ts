/** A source for MQTT-SN clients on Node: its UDP sockets or its line, who may send, and where sessions are kept. */

import type { FileSystem } from "@aiko/mqtt-store";
import type { SnSourceSettings } from "../configuration/configuration.js";
import { matchesClient } from "../sn/gateway/client-pattern.js";
import { AllowList } from "./allow-list.js";
import { tcpOpener } from "./connections.js";
import type { Intake } from "./intake.js";
import { MqttSnSource, type SnSourceParts } from "./mqtt-sn-source.js";
import { serialOpener } from "./serial-opener.js";
import type { SnCarrier, SnCarrierListener } from "./sn-carrier.js";
import { SnDatagrams } from "./sn-datagrams.js";
import { SnStore } from "./sn-store.js";
import { SnStream } from "./sn-stream.js";

/** Where sessions are kept. */
export interface KeptAt {
  readonly directory: string;
  readonly files: FileSystem;
}

/**
 * Opens what is kept of sessions, and makes the source. If that is not possible, the source works without.
 *
 * @param kept undefined: sessions end with the process
 */
export async function makeSnSource(
  settings: SnSourceSettings,
  intake: Intake,
  parts: Pick<SnSourceParts, "platform" | "server">,
  kept: KeptAt | undefined,
): Promise<MqttSnSource> {
  const store = kept && (await openStore(settings, intake, kept));
  const carry = carrierOf(settings, intake);
  return new MqttSnSource(settings, intake, { ...parts, store, carry, mayBeAt: boundOf(settings) });
}

/** Where clients may be whose identifiers are bound to addresses. */
function boundOf({ clientAddresses }: SnSourceSettings): SnSourceParts["mayBeAt"] {
  const bound = clientAddresses.map(({ clientId, allow }) => [clientId, new AllowList(allow)] as const);
  return (clientId, { host }) => bound.find(([pattern]) => matchesClient(pattern, clientId))?.[1].allows(host) ?? true;
}

function carrierOf(settings: SnSourceSettings, { parts: { clock, log } }: Intake): SnSourceParts["carry"] {
  const { id: source, line, allow } = settings;
  if (line !== undefined) {
    const opener = line.kind === "serial" ? serialOpener(line, clock) : tcpOpener(line, clock);
    return (listener) => new SnStream({ source, clock, listener, opener });
  }
  const allowed = new AllowList(allow);
  return (listener: SnCarrierListener): SnCarrier => {
    const received: SnCarrierListener["received"] = (bytes, from) => {
      if (allowed.allows(from.host)) listener.received(bytes, from);
      else log.debug("a datagram was refused: its address is not in allow", { source });
    };
    return new SnDatagrams({ settings, listener: { ...listener, received } });
  };
}

async function openStore(
  { id }: SnSourceSettings,
  { parts: { clock, log } }: Intake,
  kept: KeptAt,
): Promise<SnStore | undefined> {
  try {
    return await SnStore.open({ ...kept, source: id, clock, log });
  } catch (error) {
    log.error("sessions of MQTT-SN clients cannot be kept", { source: id, error: String(error) });
    return undefined;
  }
}
