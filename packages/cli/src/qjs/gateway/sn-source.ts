/** A source for MQTT-SN clients on a serial line or behind TCP. A part of its own: few routers use it. */

import type { Platform } from "@aiko/mqtt";
import {
  type Intake,
  MqttSnSource,
  type Opener,
  type ServerLink,
  type SnSourceSettings,
  SnStream,
} from "@aiko/mqtt-gateway/machine";

/** Sessions end with the process. */
export function snSource(
  settings: SnSourceSettings,
  intake: Intake,
  parts: { readonly platform: Platform; readonly server: ServerLink },
  opener: Opener,
): MqttSnSource {
  const { id: source } = settings;
  const { clock } = parts.platform;
  return new MqttSnSource(settings, intake, {
    ...parts,
    store: undefined,
    mayBeAt: () => true, // there is one line
    carry: (listener) => new SnStream({ source, clock, listener, opener }),
  });
}
