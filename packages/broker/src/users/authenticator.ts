/** The hook `authenticate` of a broker with users: who a client is, by its certificate or its password. */

import { ReasonCode } from "@aiko/mqtt/codec";
import { boolean, oneOf, readOptions } from "@aiko/mqtt/options";
import type { ClientCertificate, ConnectDecision, ConnectRefusal, ConnectRequest } from "../options/authentication.js";
import type { Users } from "./users.js";

/** The options of `authenticatorOf`. */
export interface AuthenticatorOptions {
  /** Whether clients without a user name are accepted. They have no identity. Default false. */
  readonly allowAnonymous?: boolean | undefined;
  /**
   * What of its certificate identifies a client: the common name of the subject, or the SHA-256 fingerprint as in
   * `ClientCertificate.fingerprint256`. Such a client needs no password, and its user name is ignored. Default:
   * certificates do not identify clients.
   */
  readonly certificates?: "commonName" | "fingerprint" | undefined;
}

const rules = {
  allowAnonymous: boolean(false),
  certificates: oneOf<"commonName" | "fingerprint">(["commonName", "fingerprint"]),
} satisfies Record<keyof AuthenticatorOptions, unknown>;

/**
 * Returns a function for the option `authenticate`. Its answers identify clients by the name of their user, or by their
 * certificate.
 *
 * @param users undefined if there are none: then clients with a user name are accepted only as anonymous ones
 * @throws UsageError OPTION_UNKNOWN or OPTION_INVALID
 * @example await Broker.listen({ authenticate: authenticatorOf(users, { allowAnonymous: false }) });
 */
export function authenticatorOf(
  users: Users | undefined,
  options: AuthenticatorOptions = {},
): (request: ConnectRequest) => ConnectDecision | Promise<ConnectDecision> {
  const { allowAnonymous, certificates } = readOptions(rules, options);
  return ({ username, password, address, certificate }) => {
    if (certificates !== undefined && certificate !== undefined) return certified(certificate, certificates);
    if (username !== undefined && users !== undefined)
      return password === undefined ? false : identified(users, username, password, address);
    return allowAnonymous ? true : ANONYMOUS;
  };
}

const ANONYMOUS: ConnectRefusal = { reasonCode: ReasonCode.NOT_AUTHORIZED, reason: "a user name is required" };
const NAMELESS: ConnectRefusal = {
  reasonCode: ReasonCode.NOT_AUTHORIZED,
  reason: "the client's certificate has no common name",
};
const RESERVED: ConnectRefusal = {
  reasonCode: ReasonCode.NOT_AUTHORIZED,
  reason: 'the common name of the client\'s certificate begins with "$"; such names belong to the broker',
};
const BUSY: ConnectRefusal = { reasonCode: ReasonCode.SERVER_BUSY, reason: "too many passwords wait for verification" };

async function identified(
  users: Users,
  username: string,
  password: Uint8Array,
  address: string | undefined,
): Promise<ConnectDecision> {
  const verdict = await users.check(username, password, address);
  if (verdict === "busy") return BUSY;
  return verdict === "right" ? { identity: username } : false;
}

function certified(certificate: ClientCertificate, by: "commonName" | "fingerprint"): ConnectDecision {
  const identity = by === "commonName" ? certificate.commonName : certificate.fingerprint256;
  if (identity === undefined || identity === "") return NAMELESS;
  return identity.startsWith("$") ? RESERVED : { identity };
}
