/** TLS over an open Node socket, and explanations of its failures. */

import { isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect, type PeerCertificate, type TLSSocket } from "node:tls";
import { TransportError } from "../errors.js";
import type { AbortSignalLike } from "../platform/abort.js";
import type { Pem, TlsOptions } from "../platform/network-options.js";
import type { DialStep, ServerCertificate } from "../platform/transport.js";
import { type Explain, settleBy } from "./socket.js";

/** Ciphers of TLS 1.2 and 1.3 that authenticate both sides with a shared key. */
const PSK_CIPHERS = "ECDHE-PSK-CHACHA20-POLY1305:PSK-AES256-GCM-SHA384:PSK-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256";

/** Starts TLS over `socket`. `name` is the server's name in error messages. */
export function secureSocket(
  socket: Socket,
  host: string,
  tls: TlsOptions,
  name: string,
  signal: AbortSignalLike,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const fail = (error: CodedError): void => {
      socket.destroy();
      reject(tlsFailed(name, host, tls, error));
    };
    let secure: TLSSocket;
    try {
      secure = connect({ socket, ...connectionOptions(host, tls) });
    } catch (error) {
      fail(unreadable(tls, error as CodedError));
      return;
    }
    const done = settleBy(secure, signal, name, reject);
    const closed = (): void => fail(Object.assign(new Error("closed"), { code: "ECONNRESET" }));
    const failed = (error: Error): void => {
      done();
      fail(error);
    };
    secure.once("secureConnect", () => {
      done();
      secure.off("close", closed);
      secure.off("error", failed);
      secure.on("error", endedByError);
      resolve(secure);
    });
    secure.on("error", failed);
    secure.once("close", closed);
  });
}

/** Describes an open TLS connection. */
export function securedStep(socket: TLSSocket): DialStep {
  return {
    step: "secured",
    protocol: socket.getProtocol() ?? "",
    cipher: socket.getCipher()?.name ?? "",
    certificate: certificateOf(socket.getPeerCertificate()),
  };
}

/** Returns undefined if the server has sent no certificate: then `given` is empty. */
function certificateOf(given: Partial<PeerCertificate> | null): ServerCertificate | undefined {
  if (given?.valid_to === undefined) return undefined;
  const { subject, issuer, subjectaltname = "", valid_to } = given;
  return {
    subject: textOf(subject?.CN),
    issuer: textOf(issuer?.CN ?? issuer?.O),
    names:
      subjectaltname === "" ? [] : subjectaltname.split(", ").map((name) => name.replace(/^(DNS|IP Address):/, "")),
    validUntil: Date.parse(valid_to),
  };
}

/** A field of a certificate may have several values. */
function textOf(field: string | readonly string[] | undefined): string {
  return Array.isArray(field) ? field.join(", ") : ((field as string | undefined) ?? "");
}

/** On Node, an alert does not close a socket, and it does not appear in its `errored`. */
function endedByError(this: Socket, error: Error): void {
  this.destroy(error);
}

function connectionOptions(host: string, tls: TlsOptions): ConnectionOptions {
  const { ca, certificate, key, passphrase, alpn, psk, minimumVersion = "TLSv1.2", verifyServer = true } = tls;
  const serverName = tls.serverName ?? host;
  return {
    host: serverName,
    ...(isIP(serverName) === 0 && { servername: serverName }),
    ...(ca !== undefined && { ca: (Array.isArray(ca) ? ca : [ca]).map(nodePem) }),
    ...(certificate !== undefined && { cert: nodePem(certificate) }),
    ...(key !== undefined && { key: nodePem(key) }),
    ...(passphrase !== undefined && { passphrase }),
    ...(alpn !== undefined && { ALPNProtocols: [...alpn] }),
    ...(psk !== undefined && {
      pskCallback: () => ({ identity: psk.identity, psk: psk.key }),
      ciphers: PSK_CIPHERS,
      checkServerIdentity: (_: string, { raw }: Partial<PeerCertificate>) => (raw === undefined ? undefined : noPsk()),
    }),
    minVersion: minimumVersion,
    // Always true with a key: otherwise Node does not check whether the server knows it.
    rejectUnauthorized: psk !== undefined || verifyServer,
  };
}

/**
 * A server proves itself with the key. With TLS 1.3, a server without the key may send a certificate instead, possibly
 * for another name.
 */
function noPsk(): Error {
  const message = "the server sent a certificate and did not prove that it knows tls.psk";
  return Object.assign(new Error(message), { option: "tls.psk" });
}

function nodePem(pem: Pem): string | Buffer {
  return typeof pem === "string" ? pem : Buffer.from(pem);
}

/** Explains Node's error about `tls` by what each option contains. */
function unreadable({ certificate, key, passphrase }: TlsOptions, error: CodedError): CodedError {
  const wrong = [
    certificate !== undefined && misplaced("tls.certificate", certificate, "certificate", "CERTIFICATE"),
    key !== undefined && misplaced("tls.key", key, "private key", "PRIVATE KEY"),
  ].filter((problem) => typeof problem === "object");
  const [first] = wrong;
  if (first !== undefined) {
    const swapped = wrong.length > 1 && wrong.every(({ holds }) => holds !== undefined);
    const message = swapped ? `${first.message}; the certificate and the key seem to be swapped` : first.message;
    return Object.assign(new Error(message), { option: first.option });
  }
  const locked = passphrase === undefined && (error.code ?? "").endsWith("_BAD_DECRYPT");
  return locked ? Object.assign(new Error(error.message), { code: "ERR_MISSING_PASSPHRASE" }) : error;
}

interface Misplaced {
  readonly option: string;
  readonly message: string;
  /** The PEM title of what the option contains instead; undefined if it is not PEM text. */
  readonly holds: string | undefined;
}

/** For PEM text, only the titles are shown. */
function misplaced(option: string, pem: Pem, wanted: string, title: string): Misplaced | undefined {
  const text = typeof pem === "string" ? pem : Buffer.from(pem).toString("latin1");
  const titles = [...text.matchAll(/^-----BEGIN ([A-Z0-9 ]{1,40})-----/gm)].map(([, it = ""]) => it);
  if (titles.some((it) => it.endsWith(title))) return undefined;
  const [holds] = titles;
  const message = `${option} does not contain a ${wanted}${holds === undefined ? "; pass PEM text, not a path" : `, but "${holds}"`}`;
  return { option, message, holds };
}

type CodedError = Error & { readonly code?: string; readonly option?: string };

/** An explanation, and the option that is wrong or that would help. The text names this option and no other. */
type Meaning = readonly [words: string, option?: string | undefined];

const UNKNOWN_AUTHORITY: Meaning = [
  "the server's certificate is signed by an unknown authority; set tls.ca to the authority's certificate",
  "tls.ca",
];
const ANOTHER_AUTHORITY: Meaning = ["the server's certificate is not signed by an authority in tls.ca", "tls.ca"];
const AUTHORITY_OR_GAP: Meaning = [
  `${ANOTHER_AUTHORITY[0]}, or the server does not send an intermediate certificate`,
  "tls.ca",
];
const CERTIFICATE_WANTED: Meaning = [
  "the server rejected the client's certificate or requires one; check tls.certificate",
  "tls.certificate",
];
const WRONG_PASSPHRASE: Meaning = ["tls.passphrase cannot decrypt the private key", "tls.passphrase"];
const WRONG_PSK: Meaning = ["tls.psk.key is not the key that the server expects", "tls.psk.key"];
const NO_VERSION: Meaning = [
  "client and server have no TLS version in common; check tls.minimumVersion",
  "tls.minimumVersion",
];
const NO_TLS: Meaning = ["the server does not speak TLS on this port; use mqtt: or ws: in the URL, or the TLS port"];

/** The explanations by OpenSSL's and Node's codes. */
const meanings: Readonly<Record<string, Meaning>> = {
  CERT_HAS_EXPIRED: ["the server's certificate has expired and must be renewed on the server"],
  CERT_NOT_YET_VALID: ["the server's certificate is not valid yet; check this machine's clock"],
  CERT_REVOKED: ["the server's certificate has been revoked"],
  DEPTH_ZERO_SELF_SIGNED_CERT: [
    "the server's certificate is self-signed; if you trust it, set tls.ca to that certificate",
    "tls.ca",
  ],
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  CERT_SIGNATURE_FAILURE: [
    "the server's certificate names an authority in tls.ca, but that authority did not sign it; an attacker may be impersonating the server",
    "tls.ca",
  ],
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: ["tls.key does not belong to the client's certificate", "tls.key"],
  ERR_MISSING_PASSPHRASE: ["the private key is encrypted; set tls.passphrase", "tls.passphrase"],
  ERR_OSSL_BAD_DECRYPT: WRONG_PASSPHRASE,
  ERR_OSSL_EVP_BAD_DECRYPT: WRONG_PASSPHRASE,
  ERR_OSSL_CRYPTO_INTERRUPTED_OR_CANCELLED: WRONG_PASSPHRASE,
  ERR_OSSL_UNSUPPORTED: ["tls.key has an unsupported format, or its passphrase cannot decrypt it", "tls.key"],
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: CERTIFICATE_WANTED,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: CERTIFICATE_WANTED,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: CERTIFICATE_WANTED,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: [
    "the client's certificate, tls.certificate, has expired",
    "tls.certificate",
  ],
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: CERTIFICATE_WANTED,
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: [
    "the server rejected the handshake; it may require a client certificate, a pre-shared key (tls.psk), or ciphers that are not available here",
    "tls.psk",
  ],
  ERR_SSL_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY: ["the server does not know tls.psk.identity", "tls.psk.identity"],
  ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR: WRONG_PSK,
  ERR_SSL_SSLV3_ALERT_BAD_RECORD_MAC: WRONG_PSK,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: NO_VERSION,
  ERR_SSL_UNSUPPORTED_PROTOCOL: NO_VERSION,
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: ["the server accepts none of the protocols in tls.alpn", "tls.alpn"],
  ECONNRESET: [
    "the server closed the connection during the TLS handshake; if the port is not a TLS port, use mqtt: or ws: in the URL",
  ],
};

/** Explanations that differ if `tls.ca` is set. */
const meaningsWithCa: Readonly<Record<string, Meaning>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: ["the server's certificate is self-signed and is not the one in tls.ca", "tls.ca"],
  SELF_SIGNED_CERT_IN_CHAIN: ANOTHER_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: AUTHORITY_OR_GAP,
  UNABLE_TO_GET_ISSUER_CERT: ANOTHER_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: AUTHORITY_OR_GAP,
};

/**
 * Explanations that differ if the client has a certificate: Node's servers close the connection without an alert if
 * they reject it.
 */
const meaningsWithCertificate: Readonly<Record<string, Meaning>> = {
  ECONNRESET: [
    "the server closed the connection during the TLS handshake; it may have rejected the client's certificate (tls.certificate), or the port may not be a TLS port",
    "tls.certificate",
  ],
};

/** Makes an error of a TLS socket, with an explanation that users can act on. */
function tlsFailed(name: string, host: string, tls: TlsOptions, error: CodedError): TransportError {
  const [words, option = error.option] = meaning(host, tls, error);
  return new TransportError("TLS_FAILED", `TLS connection to ${name} failed: ${words}`, { cause: error, option });
}

function meaning(host: string, tls: TlsOptions, error: CodedError & { cert?: { subjectaltname?: string } }): Meaning {
  const { code = "" } = error;
  const serverName = tls.serverName ?? host;
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    const names = error.cert?.subjectaltname?.replaceAll(/(DNS|IP Address):/g, "") || "no host name";
    const words = `the server's certificate is for ${names}, not for ${serverName}; use a name of the certificate in the URL, or set tls.serverName`;
    return [`${words} (${code})`, "tls.serverName"];
  }
  const known =
    (tls.ca !== undefined && meaningsWithCa[code]) ||
    (tls.certificate !== undefined && meaningsWithCertificate[code]) ||
    meanings[code];
  if (known === undefined) return [`${error.message}${code && ` (${code})`}`];
  const [words, option] = known;
  return [`${words} (${code})`, option];
}

/** Explains the end after the handshake. With TLS 1.3, the server rejects a client's certificate only then. */
export function explainLater(name: string, host: string, tls: TlsOptions): Explain {
  return (error: CodedError | undefined, heard) => {
    const code = error?.code ?? "";
    if (error !== undefined && !HUNG_UP.has(code)) return meanings[code] ? tlsFailed(name, host, tls, error) : error;
    if (tls.certificate === undefined || heard) return error;
    // It is not certain that the server rejected the certificate. So this is not a TLS failure, and the client may
    // still try another MQTT version.
    return new Error("closed right after the TLS handshake; the server may have rejected the client's certificate", {
      cause: error,
    });
  };
}

const HUNG_UP: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE"]);
