/**
 * A gateway's configuration, as the rest of the gateway uses it: checked, complete, durations in milliseconds, sizes in bytes. Knows nothing of
 * TOML. docs/gateway/configuration.md lists the fields as a user writes them.
 */

import type { DecodeSettings } from "./decode-settings.js";
import type { CheckSettings, FrameSettings } from "./frame-settings.js";
import type { RequestSettings } from "./request-settings.js";
import type { SnWire } from "./sn-settings.js";
import type {
  Address,
  ExecWire,
  MqttWire,
  SerialWire,
  ServerConnection,
  TcpServerWire,
  TcpWire,
  UdpWire,
  UnixWire,
} from "./wires.js";

export type { DecodeSettings } from "./decode-settings.js";
export type { FieldSettings, FieldType } from "./field-types.js";
export type { CheckSettings, FrameSettings } from "./frame-settings.js";
export type { Address, LineControl, PemSettings, UnixPath } from "./wires.js";

/** The whole configuration. */
export interface Configuration {
  readonly gateway: GatewaySettings;
  /** The servers, the preferred one first. */
  readonly uplinks: readonly UplinkSettings[];
  readonly spool: SpoolSettings;
  /** Undefined: no metrics are served. */
  readonly metrics: MetricsSettings | undefined;
  /** The path of the socket that answers `gateway status`. Undefined: none. */
  readonly adminSocket: string | undefined;
  /** Undefined: devices are not announced to Home Assistant. */
  readonly homeAssistant: HomeAssistantSettings | undefined;
  readonly sources: readonly SourceSettings[];
}

/** The section [gateway]: the gateway itself. */
export interface GatewaySettings {
  /** 1 to 64 letters, digits, dots, underscores and hyphens. */
  readonly id: string;
  /** The topic below which the gateway publishes its own state, placeholders filled in. */
  readonly base: string;
  /** What is added to JSON payloads as `time`: when the record was accepted. */
  readonly timestamps: "off" | "ms" | "iso";
  /** The most milliseconds that a shutdown takes. */
  readonly shutdown: number;
  readonly log: "error" | "warn" | "info" | "debug";
  readonly logFormat: "text" | "json";
  /** The most bytes that all sources together keep in memory before they are accepted. */
  readonly memoryLimit: number;
}

/** One [[uplink]]: a server and how it is used. */
export interface UplinkSettings extends ServerConnection {
  /** The most messages without an acknowledgement. */
  readonly inflight: number;
  /** Messages a second; 0: no limit. */
  readonly rate: number;
  /** Bytes a second; 0: no limit. */
  readonly bandwidth: number;
  readonly reconnect: { readonly min: number; readonly max: number };
  /** Milliseconds without any acknowledgement, with messages in flight, after which the connection is closed. */
  readonly stuck: number;
}

/** The section [spool]: where accepted records are kept. */
export interface SpoolSettings {
  readonly mode: "disk" | "memory";
  /** Undefined in memory. */
  readonly dir: string | undefined;
  readonly maxBytes: number;
  readonly maxRecords: number;
  /** Milliseconds; Infinity: no limit. */
  readonly maxAge: number;
  readonly segment: number;
  readonly full: "reject" | "drop-oldest" | "drop-newest" | "latest-per-topic";
  /** "commit", "never", or the milliseconds that a sync waits for further records. */
  readonly sync: "commit" | "never" | number;
  /** Whether QoS 0 records are spooled, or passed on if the server is connected and otherwise dropped. */
  readonly qos0: "pass" | "spool";
}

/** The section [metrics]. */
export interface MetricsSettings {
  readonly listen: Address;
  readonly path: string;
}

/** The section [homeassistant], if it is enabled. */
export interface HomeAssistantSettings {
  /** The topic below which devices are announced. */
  readonly prefix: string;
  /** Where Home Assistant publishes "online" when it has started. */
  readonly statusTopic: string;
}

/** A source of frames. */
export type SourceSettings =
  | TcpServerSettings
  | TcpSettings
  | UnixSettings
  | SerialSettings
  | UdpSettings
  | ExecSettings
  | MqttSettings
  | SnSourceSettings
  | StdinSettings
  | HttpSettings;

export type TcpServerSettings = PipelineSettings & TcpServerWire;
export type TcpSettings = PipelineSettings & TcpWire;
export type UnixSettings = PipelineSettings & UnixWire;
export type SerialSettings = PipelineSettings & SerialWire;
export type UdpSettings = PipelineSettings & UdpWire;
export type ExecSettings = PipelineSettings & ExecWire;
export type MqttSettings = PipelineSettings & MqttWire;

export interface SnSourceSettings extends PipelineSettings, SnWire {
  readonly kind: "mqtt-sn";
  /** The line to a client or a forwarder. Undefined: clients send datagrams to `listen`. */
  readonly line: SerialSettings | TcpSettings | undefined;
}

export interface StdinSettings extends PipelineSettings {
  readonly kind: "stdin";
}

export interface HttpSettings extends PipelineSettings {
  readonly kind: "http";
  readonly listen: Address;
  /** A path; `{name}` matches one level, and becomes a field of the record. */
  readonly path: string;
  /** The Bearer token that a request must have. Undefined: none. */
  readonly token: string | undefined;
  readonly maxBody: number;
  readonly maxRequests: number;
}

/** What all sources have: how bytes become records. */
export interface PipelineSettings extends RequestSettings {
  /** Unique; names the source in the spool and in metrics. */
  readonly id: string;
  readonly enabled: boolean;
  readonly frame: FrameSettings;
  /** Is verified, and removed from the frame. */
  readonly check: CheckSettings;
  /** Whether the first frame after opening counts although its beginning may be missing. */
  readonly first: "drop" | "keep";
  readonly maxFrame: number;
  /** Milliseconds after which a frame that has begun is dropped as "incomplete"; 0: never. */
  readonly frameTimeout: number;
  readonly encoding: "utf8" | "latin1" | "hex";
  readonly decode: DecodeSettings;
  /** All must hold, or the record is dropped as "filtered". */
  readonly when: readonly Condition[];
  /** With placeholders. */
  readonly topic: string;
  readonly payload: PayloadSettings;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** Seconds; 0: none. */
  readonly expiry: number;
  /** With placeholders: the name of the device that a record is from. If a value is missing, the record belongs to no device. */
  readonly deviceName: string;
  /** Milliseconds without a frame after which a device is offline; 0: never. */
  readonly silence: number;
  /** The topic of a device's availability, with placeholders, among them {topic}: that of the record. "": none. */
  readonly availability: string;
  /** How many records are accepted; others are dropped as "rate". Undefined: no limit. */
  readonly rate: RateSettings | undefined;
  /** Records of one device with the same key within a time are dropped as "duplicate". Undefined: none. */
  readonly dedupe: DedupeSettings | undefined;
  /** With placeholders; written to the device after its record was accepted. Undefined: nothing. */
  readonly acknowledge: string | undefined;
  /** With placeholders, among them {reason}; written to the device when its frame was dropped. Undefined: nothing. */
  readonly refuse: string | undefined;
  /** The topic, with placeholders, to which undecodable frames are published. Undefined: none. */
  readonly deadletter: string | undefined;
}

export interface RateSettings {
  readonly perSecond: number;
  /** The most at once. */
  readonly burst: number;
}

export interface DedupeSettings {
  /** The field. */
  readonly key: string;
  /** Milliseconds. */
  readonly within: number;
}

export interface Condition {
  readonly field: string;
  /** "changed" and "delta" compare with the last record of the same topic. */
  readonly op: "=" | "!=" | "<" | ">" | "in" | "exists" | "changed" | "delta";
  readonly value: string | number | boolean | readonly (string | number)[] | undefined;
}

export type PayloadSettings =
  /** An object with all decoded fields. */
  | { readonly kind: "json" }
  /** The frame's bytes. */
  | { readonly kind: "raw" }
  /** One message a field, to topic/{field}. */
  | { readonly kind: "fields" }
  /** Text with placeholders. */
  | { readonly kind: "template"; readonly template: string };
