/** Who may connect: decides by the certificate of a client, its user name and its listener. Knows nothing of topics. */

import { ReasonCode } from "@aiko/mqtt/codec";
import type { ConnectDecision, ConnectRequest } from "../options/authentication.js";
import type { ListenerSettings } from "./broker-configuration.js";

/** A user name that was not verified gives no identity: otherwise, any client could have the rights of any user. */
export function decideAccess(
  { certificate, username }: Pick<ConnectRequest, "certificate" | "username">,
  { allowAnonymous }: Pick<ListenerSettings, "allowAnonymous">,
): ConnectDecision {
  if (certificate?.commonName) return { identity: certificate.commonName };
  if (allowAnonymous) return true;
  return username === undefined
    ? { reasonCode: ReasonCode.NOT_AUTHORIZED, reason: "the listener requires a user name" }
    : { reasonCode: ReasonCode.BAD_USER_NAME_OR_PASSWORD, reason: "the user name or password is wrong" };
}
