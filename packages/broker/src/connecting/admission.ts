/** Asks the application whether a client may connect, and again when it re-authenticates. */

import { type ConnectPacket, ReasonCode } from "@aiko/mqtt/codec";
import type { ConnectRequest } from "../options/authentication.js";
import type { BrokerSettings } from "../options/broker-options.js";
import type { ClientConnection } from "./client-connection.js";
import { EnhancedAuthentication } from "./enhanced-authentication.js";
import { type Accepted, isAccepted, type Refused, verdictOf } from "./verdict.js";

export class Admission {
  constructor(
    private readonly settings: Pick<
      BrokerSettings,
      "authenticate" | "authenticationMethods" | "clock" | "maximumChallenges" | "reauthenticationTimeout"
    >,
  ) {}

  /**
   * Calls `accepted` if the client may connect, possibly later. Otherwise refuses the connection. Does neither if the
   * connection has ended meanwhile.
   */
  decide(
    connection: ClientConnection,
    packet: ConnectPacket,
    clientId: string,
    accepted: (request: ConnectRequest, verdict: Accepted) => void,
  ): void {
    const { username, password } = packet;
    const { address, origin, listener, certificate } = connection.arrival;
    const request = { clientId, username, password, address, origin, listener, certificate, connect: packet };
    const conclude = (verdict: Accepted | Refused): void => {
      if (!connection.isDeciding) return; // the client has disconnected meanwhile
      if (isAccepted(verdict)) accepted(request, verdict);
      else connection.refuse({ ...verdict, reason: `"${clientId}": ${verdict.reason}` });
    };
    const method = packet.properties?.authenticationMethod;
    if (method === undefined)
      this.ask(connection.arrival.authenticate ?? this.settings.authenticate, request, conclude);
    else this.exchange(connection, request, method, conclude);
  }

  private exchange(
    connection: ClientConnection,
    request: ConnectRequest,
    method: string,
    conclude: (verdict: Accepted | Refused) => void,
  ): void {
    const implement = this.settings.authenticationMethods.get(method);
    if (implement === undefined) {
      const reason = "its authentication method is not one of authenticationMethods";
      conclude({ reasonCode: ReasonCode.BAD_AUTHENTICATION_METHOD, reason });
      return;
    }
    const authentication = new EnhancedAuthentication(method, implement, request, connection, this.settings);
    connection.authenticates(authentication);
    authentication.begin(conclude);
  }

  private ask(
    authenticate: BrokerSettings["authenticate"],
    request: ConnectRequest,
    conclude: (verdict: Accepted | Refused) => void,
  ): void {
    const decide = (answer: unknown): void =>
      conclude(verdictOf(answer, "authenticate", ReasonCode.BAD_USER_NAME_OR_PASSWORD));
    const fail = (error: unknown): void =>
      conclude({ reasonCode: ReasonCode.SERVER_UNAVAILABLE, reason: `authenticate failed: ${error}` });
    let answer: unknown; // JavaScript may return anything
    try {
      answer = authenticate(request);
    } catch (error) {
      fail(error);
      return;
    }
    if (isThenable(answer)) Promise.resolve(answer).then(decide, fail);
    else decide(answer);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
