/**
 * A broker's configuration, as the service uses it: checked, complete, with the names and units of the broker's options. Knows nothing of TOML.
 * docs/broker/configuration.md lists the keys as a user writes them.
 */

import type { Address, LogLevel, PemSettings } from "@aiko/mqtt-configuration";
import type { BridgeSettings } from "../bridge/bridge-settings.js";
import type { BrokerLimits } from "../options/broker-limits.js";
import type { BrokerOptions } from "../options/broker-options.js";
import type { BrokerTls } from "../options/broker-tls.js";
import type { CapabilityOptions } from "../options/capabilities.js";
import type { RuleSettings } from "../rules/rule-settings.js";
import type { PasswordHash } from "../users/password-hash.js";

/** The whole configuration. */
export interface BrokerConfiguration {
  /** Options that hold until the broker ends. */
  readonly options: FixedOptions;
  /** Limits that can change while the broker runs. */
  readonly limits: BrokerLimits;
  readonly listeners: readonly ListenerSettings[];
  readonly users: UserSettings;
  /** In the order of the file. */
  readonly rules: readonly RuleSettings[];
  /** Undefined: sessions and retained messages are kept in memory only. */
  readonly persistence: PersistenceSettings | undefined;
  readonly log: LogSettings;
  readonly bridges: readonly BridgeConfiguration[];
  readonly sys: SysSettings;
  /** Undefined: no metrics are served. */
  readonly metrics: MetricsSettings | undefined;
}

/** One [[bridge]]. */
export interface BridgeConfiguration {
  readonly settings: BridgeSettings;
  /** The files for TLS, which are read at each attempt to connect. */
  readonly pem: PemSettings;
}

/** The section [sys]. */
export interface SysSettings {
  /** Milliseconds between two updates of the topics below `$SYS/broker`. 0: none. */
  readonly interval: number;
}

/** The section [metrics]. */
export interface MetricsSettings {
  readonly listen: Address;
  /** The path of the metrics, which begins with a slash. */
  readonly path: string;
}

/** Options of `Broker.listen` that the section [broker] sets, and that cannot change while the broker runs. */
export type FixedOptions = CapabilityOptions &
  Pick<
    BrokerOptions,
    | "connectTimeout"
    | "longClientIdentifiers"
    | "maximumPacketSize"
    | "maximumShare"
    | "maximumTopicLevels"
    | "outbox"
    | "outboxInMemory"
    | "receiveMaximum"
    | "retained"
    | "subprotocolOptional"
    | "topicAliasMaximum"
  >;

/** One [[listener]]: where the broker accepts connections. */
export interface ListenerSettings {
  /** As in `ListenerOptions`. */
  readonly url: string;
  /** Undefined: the URL. */
  readonly name: string | undefined;
  /** The certificates, as PEM. Undefined: no TLS. */
  readonly tls: BrokerTls | undefined;
  /** The permissions of a Unix socket. Undefined: 0o600, or it is not a Unix socket. */
  readonly mode: number | undefined;
  readonly allowedOrigins: readonly string[];
  /** Undefined: only the limit of the broker. */
  readonly maximumConnections: number | undefined;
  /** Whether clients without a user name may connect. */
  readonly allowAnonymous: boolean;
  /** What of its certificate identifies a client. Undefined: certificates do not identify clients. */
  readonly certificates: "commonName" | "fingerprint" | undefined;
}

/** The section [users]. */
export interface UserSettings {
  /** The path of a file with lines "name:hash". Undefined: no client has a password. */
  readonly passwordFile: string | undefined;
  /** The stored passwords of the file, by the name of the user. Undefined: there is no file. */
  readonly stored: ReadonlyMap<string, PasswordHash> | undefined;
}

/** The section [persistence]. */
export interface PersistenceSettings {
  /** The directory of the journal. */
  readonly dir: string;
  /** The bytes that the journal may use. */
  readonly maximumBytes: number;
}

/** The section [log]. */
export interface LogSettings {
  readonly level: LogLevel;
  readonly format: "text" | "json";
}
