/**
 * A configuration of mosquitto while it is read: its listeners, and the sections of the broker's own configuration that its options become. Knows
 * the keys of the broker's configuration, but no option of mosquitto.
 */

import type { BridgeDraft } from "./bridge-draft.js";
import type { Origin, Placed } from "./placed.js";

/** What `per_listener_settings` makes a matter of each listener. */
export interface Security {
  passwordFile?: Placed<string>;
  aclFile?: Placed<string>;
  allowAnonymous?: Placed<boolean>;
}

/** A listener. Its keys are those of [[listener]], except those that become the URL. */
export interface ListenerDraft {
  /** Where it began. Undefined for the default listener. */
  readonly origin: Origin | undefined;
  port: number | undefined;
  /** Undefined: all addresses. */
  host: string | undefined;
  path: string | undefined;
  isWebSocket: boolean;
  isIpv4: boolean;
  /** The keys of [listener.tls], and whether certificates are used. */
  readonly tls: Map<string, Placed<string>>;
  requiresCertificate: boolean;
  identifiesByCertificate: boolean;
  maximumConnections: Placed<number> | undefined;
  readonly security: Security;
  /** Whether an option of it was written. */
  isWritten: boolean;
}

export function listenerDraft(origin?: Origin): ListenerDraft {
  return {
    origin,
    port: undefined,
    host: undefined,
    path: undefined,
    isWebSocket: false,
    isIpv4: false,
    tls: new Map(),
    requiresCertificate: false,
    identifiesByCertificate: false,
    maximumConnections: undefined,
    security: {},
    isWritten: false,
  };
}

export class Draft {
  isPerListener = false;
  /** The security of all listeners, unless `isPerListener`. */
  readonly security: Security = {};
  /** Options before the first `listener` line belong to it. */
  readonly defaultListener = listenerDraft();
  readonly listeners: ListenerDraft[] = [];
  /** The listener that options belong to now. */
  current = this.defaultListener;
  readonly bridges: BridgeDraft[] = [];
  /** The bridge that options belong to now. */
  bridge: BridgeDraft | undefined;
  /** The line that is read now. */
  origin: Origin = { file: "", line: 1 };
  /** Keys of [broker], such as `max_memory` and `outbox.max_count`. */
  readonly broker = new Map<string, Placed<string | number | boolean>>();
  isPersistent = false;
  directory: Placed<string> | undefined;
  /** How often the topics below `$SYS` are updated. */
  sysInterval: Placed<string | 0> | undefined;
  logLevel: "error" | "warn" | "info" | "debug" = "info";
  /** Whether `logLevel` is that of a written type. Each further type may only add lines. */
  hasLogType = false;

  /** Sets a key of [broker]. */
  limit(key: string, value: string | number | boolean): void {
    this.broker.set(key, this.placed(value));
  }

  /** Sets a key of [listener.tls] of the current listener. */
  secure(key: string, value: string): void {
    this.listener().tls.set(key, this.placed(value));
  }

  /** The current listener, for a change. */
  listener(): ListenerDraft {
    this.current.isWritten = true;
    return this.current;
  }

  /** What the current line protects, for a change. */
  securityNow(): Security {
    return this.isPerListener ? this.listener().security : this.security;
  }

  placed<Value>(value: Value): Placed<Value> {
    return { value, origin: this.origin };
  }
}
