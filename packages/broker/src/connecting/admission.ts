/** Asks the application whether a client may connect. */

import { type ConnectPacket, describeReasonCode, ReasonCode } from "@aiko/mqtt/codec";
import type { BrokerSettings, ConnectRefusal } from "../options/broker-options.js";
import type { ClientConnection } from "./client-connection.js";
import { isRefusal } from "./return-codes.js";

export class Admission {
  constructor(private readonly settings: Pick<BrokerSettings, "authenticate">) {}

  /**
   * Calls `accepted` if the client may connect, possibly later. Otherwise refuses the connection. Does neither if the
   * connection has ended meanwhile.
   */
  decide(connection: ClientConnection, packet: ConnectPacket, clientId: string, accepted: () => void): void {
    const { username, password } = packet;
    const method = packet.properties?.authenticationMethod;
    if (method !== undefined) {
      connection.refuse(
        ReasonCode.BAD_AUTHENTICATION_METHOD,
        `"${clientId}": enhanced authentication is not supported by this broker`,
      );
      return;
    }
    const decide = (answer: unknown): void => {
      if (!connection.isDeciding) return; // the client has disconnected meanwhile
      if (answer === true) {
        accepted();
      } else {
        const refusal = refusalOf(answer);
        connection.refuse(refusal, `"${clientId}": authenticate refused with ${describeReasonCode(refusal)}`);
      }
    };
    const fail = (error: unknown): void =>
      connection.refuse(ReasonCode.SERVER_UNAVAILABLE, `"${clientId}": authenticate failed: ${error}`);
    let answer: unknown; // JavaScript may return anything
    try {
      const { address, origin } = connection.arrival;
      answer = this.settings.authenticate({ clientId, username, password, address, origin });
    } catch (error) {
      fail(error);
      return;
    }
    if (isThenable(answer)) Promise.resolve(answer).then(decide, fail);
    else decide(answer);
  }
}

/** Returns the refusal for an answer of `authenticate`. Only true accepts the client. */
function refusalOf(answer: unknown): number {
  const { reasonCode } = Object(answer) as Partial<ConnectRefusal>;
  return isRefusal(reasonCode) ? reasonCode : ReasonCode.BAD_USER_NAME_OR_PASSWORD;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
