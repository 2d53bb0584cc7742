/** The settings of a source of the kind "mqtt-sn": its address or line, and the settings of the gateway's machine. */

import type { SnSettings as SnMachineSettings } from "../sn/gateway/sn-settings.js";
import type { Address } from "./wires.js";

export interface SnWire {
  readonly kind: "mqtt-sn";
  readonly listen: Address;
  /** Addresses or networks that may send. Empty: all. */
  readonly allow: readonly string[];
  /** The addresses or networks of clients whose identifiers match. The first that matches counts; others may be anywhere. */
  readonly clientAddresses: readonly { readonly clientId: string; readonly allow: readonly string[] }[];
  /** The multicast group for discovery. Default: discovery is off. */
  readonly group: Address | undefined;
  /** The hops that a datagram to the group may pass. */
  readonly hops: number;
  readonly mode: "transparent" | "aggregating";
  /** What precedes the client identifier of an SN client at the server. */
  readonly clientIdPrefix: string;
  /** Those of the clients' own connections. Undefined: those of the uplink. */
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly machine: SnMachineSettings;
}
