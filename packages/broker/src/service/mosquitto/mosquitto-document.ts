/**
 * Makes a document of the broker's own configuration from a draft, with the line of each of its keys. So a configuration of mosquitto is checked by
 * the same tables as any other. Reads no file.
 */

import type { Problem } from "@aiko/mqtt-configuration";
import { bridgeSection } from "./bridge-draft.js";
import type { Draft, ListenerDraft } from "./draft.js";
import type { Origin, Placed } from "./placed.js";

/** The document, and where its keys are from. */
export interface MosquittoDocument {
  readonly value: object;
  /** Returns the line of a key, such as `listener[0].tls.cert`, or of the nearest key around it. */
  originOf(key: string): Origin | undefined;
  /** What a table cannot say. */
  readonly problems: readonly Problem[];
  /** The files with rules, and the name of the listener for which each is. Undefined: it is for all listeners. */
  readonly aclFiles: readonly { readonly file: Placed<string>; readonly listener: string | undefined }[];
}

const DEFAULT_PORT = 1883;
const LONGEST_NAME = 64;
/** Sessions never expire by default, as in mosquitto. */
const NEVER = "4294967295s";

export function documentOf(draft: Draft): MosquittoDocument {
  const document = new DocumentBuilder(draft);
  return document.build();
}

class DocumentBuilder {
  private readonly origins = new Map<string, Origin>();
  private readonly problems: Problem[] = [];

  constructor(private readonly draft: Draft) {}

  build(): MosquittoDocument {
    const { draft, origins } = this;
    const listeners = draftedListeners(draft);
    const { passwordFile, aclFile } = draft.security;
    const aclFiles = draft.isPerListener
      ? listeners.flatMap((each, i) =>
          each.security.aclFile === undefined ? [] : [{ file: each.security.aclFile, listener: nameOf(each, i) }],
        )
      : aclFile === undefined
        ? []
        : [{ file: aclFile, listener: undefined }];
    const value = {
      listener: listeners.map((each, i) => this.listener(each, i)),
      users: draft.isPerListener ? {} : { password_file: this.placed("users", passwordFile) },
      ...(draft.isPersistent && { persistence: { dir: this.placed("persistence", draft.directory) ?? "." } }),
      broker: this.broker(),
      log: { level: draft.logLevel },
      ...(draft.sysInterval !== undefined && { sys: { interval: this.placed("sys.interval", draft.sysInterval) } }),
      ...(draft.bridges.length > 0 && {
        bridge: draft.bridges.map((each, i) => bridgeSection(each, `bridge[${i}]`, origins)),
      }),
    };
    const originOf = (key: string): Origin | undefined => {
      for (
        let part = key;
        part !== "";
        part = part.slice(0, Math.max(part.lastIndexOf("."), part.lastIndexOf("["), 0))
      ) {
        const origin = origins.get(part);
        if (origin !== undefined) return origin;
      }
      return undefined;
    };
    return { value, originOf, problems: this.problems, aclFiles };
  }

  private listener(each: ListenerDraft, i: number): object {
    const { draft } = this;
    const key = `listener[${i}]`;
    if (each.origin !== undefined) this.origins.set(key, each.origin);
    const { isPerListener } = draft;
    const { allowAnonymous } = isPerListener ? each.security : draft.security;
    const { passwordFile } = isPerListener ? each.security : {};
    return {
      url: urlOf(each, isLocalOnly(draft)),
      ...(isPerListener && each.security.aclFile !== undefined && { name: nameOf(each, i) }),
      ...(passwordFile !== undefined && { password_file: this.placed(`${key}.password_file`, passwordFile) }),
      ...(each.tls.has("cert") || each.tls.has("key") ? { tls: this.tls(each, `${key}.tls`) } : {}),
      ...(each.maximumConnections !== undefined && {
        max_connections: this.placed(`${key}.max_connections`, each.maximumConnections),
      }),
      allow_anonymous: allowAnonymous?.value ?? isLocalOnly(draft),
    };
  }

  private tls(each: ListenerDraft, key: string): object {
    const { requiresCertificate, identifiesByCertificate } = each;
    const tls: Record<string, unknown> = {};
    for (const [name, placed] of each.tls) {
      if (name !== "client_ca" || requiresCertificate) tls[name] = this.placed(`${key}.${name}`, placed);
    }
    if (requiresCertificate && !each.tls.has("client_ca"))
      this.problem(each.origin, "require_certificate", "requires cafile, the authorities of the clients' certificates");
    if (requiresCertificate) tls["client_identity"] = identifiesByCertificate ? "common_name" : "none";
    return tls;
  }

  private broker(): object {
    const sections: Record<string, Record<string, unknown>> = {};
    const broker: Record<string, unknown> = { max_session_expiry: NEVER };
    for (const [name, placed] of this.draft.broker) {
      const [section = "", key] = name.split(".");
      const value = this.placed(`broker.${name}`, placed);
      if (key === undefined) broker[section] = value;
      else {
        const holder = sections[section] ?? {};
        holder[key] = value;
        sections[section] = holder;
      }
    }
    return { ...broker, ...sections };
  }

  private placed<Value>(key: string, placed: Placed<Value> | undefined): Value | undefined {
    if (placed !== undefined) this.origins.set(key, placed.origin);
    return placed?.value;
  }

  private problem(origin: Origin | undefined, key: string, message: string): void {
    this.problems.push({ ...(origin ?? this.draft.origin), key, message });
  }
}

/** The name of a listener that has rules of its own: the same after a reload, if it does not change. */
function nameOf({ path, port, host }: ListenerDraft, i: number): string {
  const name = path ?? `${port ?? DEFAULT_PORT} ${host ?? ""}`.trim();
  return name.length <= LONGEST_NAME ? name : `listener ${i + 1}`;
}

/** Whether mosquitto would listen for this machine only. */
function isLocalOnly({ listeners, defaultListener }: Draft): boolean {
  return listeners.length === 0 && defaultListener.port === undefined && defaultListener.host === undefined;
}

/** The default listener exists if an option of it was written, or if there is no other. */
function draftedListeners({ listeners, defaultListener }: Draft): readonly ListenerDraft[] {
  return listeners.length > 0 && !defaultListener.isWritten ? listeners : [defaultListener, ...listeners];
}

function urlOf({ path, port, host, isWebSocket, isIpv4, tls }: ListenerDraft, isLocal: boolean): string {
  if (path !== undefined) return `unix:${path}`;
  const scheme = `${isWebSocket ? "ws" : "mqtt"}${tls.has("cert") || tls.has("key") ? "s" : ""}`;
  const everywhere = isIpv4 ? "0.0.0.0" : "[::]";
  const name = host === undefined ? (isLocal ? "127.0.0.1" : everywhere) : host.includes(":") ? `[${host}]` : host;
  return `${scheme}://${name}:${port ?? DEFAULT_PORT}`;
}
