/** Who may connect to a running service, and who must leave when its configuration changes. Knows nothing of topics. */

import { ReasonCode } from "@aiko/mqtt/codec";
import type { BrokerClient } from "../clients/broker-client.js";
import type { ConnectDecision, ConnectRequest } from "../options/authentication.js";
import { authenticatorOf } from "../users/authenticator.js";
import { Users } from "../users/users.js";
import type { ListenerSettings, UserSettings } from "./broker-configuration.js";

type Authenticator = (request: ConnectRequest) => ConnectDecision | Promise<ConnectDecision>;

export class Access {
  /** Undefined if there is no password file. */
  private users: Users | undefined;
  private authenticators = new WeakMap<ListenerSettings, Authenticator>();

  constructor(private settings: UserSettings) {
    this.users = settings.stored && new Users(settings.stored);
  }

  /** Decides about a client of this listener. A user name that was not verified gives no identity. */
  decide(request: ConnectRequest, listener: ListenerSettings): ConnectDecision | Promise<ConnectDecision> {
    let authenticator = this.authenticators.get(listener);
    if (authenticator === undefined) {
      const { allowAnonymous, certificates } = listener;
      authenticator = authenticatorOf(this.users, { allowAnonymous, certificates });
      this.authenticators.set(listener, authenticator);
    }
    return authenticator(request);
  }

  /** Replaces the users. */
  replace(settings: UserSettings): void {
    this.settings = settings;
    this.authenticators = new WeakMap();
    if (settings.stored === undefined) this.users = undefined;
    else if (this.users === undefined) this.users = new Users(settings.stored);
    else this.users.replace(settings.stored);
  }

  /**
   * Disconnects clients whose user does not exist any more or has another password, and anonymous clients of listeners
   * that do not allow them any more.
   *
   * @param former the users before the last call of `replace`
   * @param listenerOf returns the listener of a client by its name
   */
  disconnectRevoked(
    former: UserSettings,
    clients: Iterable<BrokerClient>,
    listenerOf: (name: string | undefined) => ListenerSettings | undefined,
  ): void {
    for (const client of clients) {
      const listener = client.connected ? listenerOf(client.listener) : undefined;
      if (listener !== undefined && !isStillAllowed(client, listener, former, this.settings))
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
