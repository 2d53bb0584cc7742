/** Who may connect to a running service, and who must leave when its configuration changes. Knows nothing of topics. */

import { ReasonCode } from "@aiko/mqtt/codec";
import type { BrokerClient } from "../clients/broker-client.js";
import type { ConnectDecision, ConnectRequest } from "../options/authentication.js";
import { authenticatorOf } from "../users/authenticator.js";
import { Users } from "../users/users.js";
import type { ListenerSettings, UserSettings } from "./broker-configuration.js";

type Authenticator = (request: ConnectRequest) => ConnectDecision | Promise<ConnectDecision>;

/** The users of all listeners, and those of single ones. */
export interface AccessSettings {
  readonly users: UserSettings;
  readonly listeners: readonly ListenerSettings[];
}

/** Returns the settings of a listener by its name, or by its URL. */
export type ListenerLookup = (name: string | undefined) => ListenerSettings | undefined;

export class Access {
  /** By the path of their file. */
  private readonly files = new Map<string, Users>();
  private settings: UserSettings = { passwordFile: undefined, stored: undefined };
  private authenticators = new WeakMap<ListenerSettings, Authenticator>();

  constructor(settings: AccessSettings) {
    this.replace(settings);
  }

  /** Decides about a client of this listener. A user name that was not verified gives no identity. */
  decide(request: ConnectRequest, listener: ListenerSettings): ConnectDecision | Promise<ConnectDecision> {
    let authenticator = this.authenticators.get(listener);
    if (authenticator === undefined) {
      const { allowAnonymous, certificates, users } = listener;
      const { passwordFile } = users ?? this.settings;
      const known = passwordFile === undefined ? undefined : this.files.get(passwordFile);
      authenticator = authenticatorOf(known, { allowAnonymous, certificates });
      this.authenticators.set(listener, authenticator);
    }
    return authenticator(request);
  }

  /** Replaces the users. */
  replace({ users, listeners }: AccessSettings): void {
    this.settings = users;
    this.authenticators = new WeakMap();
    const stored = new Map(
      [users, ...listeners.flatMap((each) => each.users ?? [])].flatMap((each) =>
        each.passwordFile === undefined || each.stored === undefined ? [] : [[each.passwordFile, each.stored] as const],
      ),
    );
    for (const path of this.files.keys()) if (!stored.has(path)) this.files.delete(path);
    for (const [path, passwords] of stored) {
      const known = this.files.get(path);
      if (known === undefined) this.files.set(path, new Users(passwords));
      else known.replace(passwords);
    }
  }

  /**
   * Disconnects clients whose user does not exist any more or has another password, and anonymous clients of listeners
   * that do not allow them any more.
   *
   * @param former the users and the listeners before the last call of `replace`
   * @param listenerOf the listeners now
   */
  disconnectRevoked(
    former: { readonly users: UserSettings; readonly listenerOf: ListenerLookup },
    clients: Iterable<BrokerClient>,
    listenerOf: ListenerLookup,
  ): void {
    for (const client of clients) {
      const listener = client.connected ? listenerOf(client.listener) : undefined;
      if (listener === undefined) continue;
      const before = former.listenerOf(client.listener)?.users ?? former.users;
      if (!isStillAllowed(client, listener, before, listener.users ?? this.settings))
        client.disconnect(ReasonCode.NOT_AUTHORIZED, "the configuration does not allow this client any more");
    }
  }
}

function isStillAllowed(
  { identity }: BrokerClient,
  { allowAnonymous, certificates }: ListenerSettings,
  former: UserSettings,
  { stored }: UserSettings,
): boolean {
  if (identity === undefined) return allowAnonymous;
  const before = former.stored?.get(identity);
  // Otherwise, a certificate gave the identity.
  if (before === undefined && certificates !== undefined) return true;
  const now = stored?.get(identity);
  return now !== undefined && now.text === before?.text;
}
