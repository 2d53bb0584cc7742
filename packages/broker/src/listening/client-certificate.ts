/** The certificate of a client, as its TLS socket verified it. */

import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { ClientCertificate } from "../options/authentication.js";

/** Returns undefined if the socket has no verified certificate. */
export function certificateOf(socket: Socket): ClientCertificate | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const { subject, subjectaltname, fingerprint256 } = socket.getPeerCertificate();
  if (fingerprint256 === undefined) return undefined;
  const name: unknown = subject?.CN; // a list if the subject has several
  const commonName = typeof name === "string" ? name : undefined;
  return { commonName, subjectAltName: subjectaltname, fingerprint256 };
}
