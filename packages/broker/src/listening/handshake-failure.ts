/** Describes why a TLS handshake with a client failed, for logs. The text contains nothing that the client sent. */

import type { TLSSocket } from "node:tls";

type HandshakeError = Error & { readonly code?: string; readonly reason?: string };

const NO_TLS = "the client does not speak TLS";
const NO_TRUST = "the client does not trust the broker's certificate";
const NO_CIPHER = "client and broker have no TLS version or cipher in common";

/** The descriptions by OpenSSL's and Node's codes. */
const words: Readonly<Record<string, string>> = {
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: "the client sent no certificate",
  ERR_SSL_HTTP_REQUEST: NO_TLS,
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: NO_TRUST,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: NO_TRUST,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: NO_TRUST,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: NO_TRUST,
  ERR_SSL_NO_SHARED_CIPHER: NO_CIPHER,
  ERR_SSL_UNSUPPORTED_PROTOCOL: NO_CIPHER,
  ECONNRESET: "the client closed the connection; it may not trust the broker's certificate",
};

/** @param connectTimeout milliseconds that the handshake may take */
export function describeHandshakeFailure(error: HandshakeError, socket: TLSSocket, connectTimeout: number): string {
  const { code = "", reason = "failed" } = error;
  // Node checks a certificate after the handshake and then closes the connection. Its error says nothing more.
  const refused = socket.authorizationError as unknown as string | null;
  if (refused) return told("the client's certificate was rejected", String(refused));
  if (code === "ERR_TLS_HANDSHAKE_TIMEOUT")
    return told(`not completed within connectTimeout ${connectTimeout} ms`, code);
  return told(words[code] ?? reason, code);
}

function told(why: string, code: string): string {
  return `TLS handshake: ${why}${code && ` (${code})`}`;
}
