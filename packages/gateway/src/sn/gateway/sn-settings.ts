/** The settings of an MQTT-SN gateway, as its machine uses them: checked, complete, durations in milliseconds. Knows no file. */

/** What the machine of a gateway is told. */
export interface SnSettings {
  /** 1 … 255. Distinguishes the gateways of a network. */
  readonly gatewayId: number;
  /** Milliseconds between two ADVERTISE; 0: none are sent. */
  readonly advertise: number;
  /** The gateway that this one stands in for: it announces itself while that one is silent. Undefined: it always does. */
  readonly standbyFor: number | undefined;
  /** The topics that all clients know, by identifier. */
  readonly predefined: PredefinedNames;
  /** Further topics of clients whose identifier matches. The first that matches counts. */
  readonly predefinedFor: readonly PredefinedFor[];
  /** Whether PUBLISH without a session is accepted, at QoS −1. */
  readonly qosMinusOne: boolean;
  /** The QoS at which messages of QoS −1 are published. */
  readonly qosMinusOneAs: 0 | 1;
  /** Whether clients behind a forwarder are served. */
  readonly forwarders: boolean;
  /** The most sessions, including those that are kept for clients that are away. */
  readonly maxClients: number;
  /** The most sessions of one host, unless many clients share it. */
  readonly maxClientsPerHost: number;
  /** The most topic identifiers of one client, and the most filters. */
  readonly maxTopics: number;
  /** What may wait for one client. */
  readonly queue: QueueBounds;
  /** Milliseconds after which a message without an answer is sent again. */
  readonly retry: number;
  /** How often it is sent again. */
  readonly retries: number;
  /** The most bytes of a message to a client. */
  readonly maxDatagram: number;
  /** The most characters of a client identifier. */
  readonly clientIdMax: number;
}

/** The bounds of what waits for a client. */
export interface QueueBounds {
  readonly records: number;
  /** The bytes of topics and payloads. */
  readonly bytes: number;
}

/** Topic names by identifier. */
export type PredefinedNames = readonly (readonly [id: number, name: string])[];

/** Predefined topics of some clients. */
export interface PredefinedFor {
  /** A client identifier; a `*` at its end stands for any characters. */
  readonly clientId: string;
  readonly topics: PredefinedNames;
}

/** The defaults, without anything that must be chosen. */
export const SN_DEFAULTS: Omit<SnSettings, "gatewayId"> = {
  advertise: 900_000,
  standbyFor: undefined,
  predefined: [],
  predefinedFor: [],
  qosMinusOne: true,
  qosMinusOneAs: 0,
  forwarders: true,
  maxClients: 1_000,
  maxClientsPerHost: 8,
  maxTopics: 256,
  queue: { records: 1_000, bytes: 262_144 },
  retry: 10_000,
  retries: 3,
  maxDatagram: 1_400,
  clientIdMax: 64,
};
