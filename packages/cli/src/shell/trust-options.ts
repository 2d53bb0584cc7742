/** Options of TLS in addition to those that all commands have: authorities of a directory or the system, versions, ciphers. */

import { promises } from "node:fs";
import { join } from "node:path";
import { type TlsOptions, type TlsProvider, TransportError } from "@aiko/mqtt";
import { ArgumentError, type Arguments, type OptionTable } from "../arguments.js";
import { groups } from "../connection-options.js";

const group = groups.tls;

export const trustOptions = {
  capath: { value: "DIR", help: "directory whose PEM files have trusted certificate authorities", group },
  "tls-use-os-certs": { help: "trust the certificate authorities of the operating system", group },
  "tls-version": { value: "VERSION", help: "lowest TLS version: tlsv1.2 (default) or tlsv1.3", group },
  ciphers: { value: "LIST", help: "ciphers in OpenSSL's form, as in ECDHE-RSA-AES128-GCM-SHA256", group },
  keyform: { value: "pem", help: "format of --key: pem", group },
} satisfies OptionTable;

export type TrustOption = keyof typeof trustOptions;

const versions = { "tlsv1.2": "TLSv1.2", "tlsv1.3": "TLSv1.3" } as const;

/** A directory may have so many files, each of so many bytes. */
const MOST_FILES = 2_000;
const LARGEST_FILE = 2 ** 20;
const CERTIFICATE = "CERTIFICATE-----";

/** The usual files with the authorities that a Unix system trusts. */
const SYSTEM_FILES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
] as const;

/** Whether one of these options enables TLS. */
export function enablesTls(args: Arguments<TrustOption>): boolean {
  return (Object.keys(trustOptions) as TrustOption[]).some((name) => args.has(name));
}

/**
 * Returns TLS options that contain these, too.
 *
 * @param provider the TLS options without them
 * @throws ArgumentError
 */
export function withTrust(args: Arguments<TrustOption | "cafile" | "psk" | "key">, provider: TlsProvider): TlsProvider {
  const minimumVersion = versionOf(args.text("tls-version"));
  const ciphers = args.text("ciphers");
  const folder = args.text("capath");
  const usesSystem = args.has("tls-use-os-certs");
  if (args.has("keyform") && args.text("keyform") !== "pem")
    throw new ArgumentError(`--keyform ${args.text("keyform")}: must be pem`);
  if (args.has("keyform") && !args.has("key")) throw new ArgumentError("--keyform requires --key");
  if (args.has("psk")) {
    const other = (["ciphers", "capath", "tls-use-os-certs"] as const).find((name) => args.has(name));
    if (other !== undefined) throw new ArgumentError(`--${other} cannot be combined with --psk`);
  }
  return async (server) => {
    const options = await provider(server);
    if (ciphers !== undefined) await chooseCiphers(ciphers);
    const found = [
      ...(folder === undefined ? [] : await authoritiesIn(folder)),
      ...(usesSystem ? await systemAuthorities() : []),
    ];
    const ca = [options.ca ?? []].flat().concat(found);
    return {
      ...options,
      ...(ca.length > 0 && { ca }),
      ...(minimumVersion !== undefined && { minimumVersion }),
    };
  };
}

function versionOf(text: string | undefined): TlsOptions["minimumVersion"] {
  if (text === undefined || Object.hasOwn(versions, text)) return versions[text as keyof typeof versions];
  const hint = text === "tlsv1.1" ? "; Node.js does not accept it any more, because it is not secure" : "";
  throw new ArgumentError(`--tls-version ${text}: must be tlsv1.2 or tlsv1.3${hint}`);
}

/** Chooses the ciphers for all connections of this process, which has one. */
async function chooseCiphers(list: string): Promise<void> {
  const { default: tls } = await import("node:tls");
  try {
    tls.createSecureContext({ ciphers: list });
  } catch (error) {
    throw unusable(`--ciphers ${list}`, "OpenSSL has none of these ciphers", error);
  }
  Object.assign(tls, { DEFAULT_CIPHERS: list });
}

/** OpenSSL finds authorities in such a directory by the names of links. We read all of its files. */
async function authoritiesIn(folder: string): Promise<readonly string[]> {
  const option = `--capath ${folder}`;
  const found = new Set<string>();
  try {
    const names = (await promises.readdir(folder)).sort();
    if (names.length > MOST_FILES) throw new Error(`it has ${names.length} files; the limit is ${MOST_FILES}`);
    for (const name of names) {
      const text = await certificateIn(join(folder, name));
      if (text !== undefined) found.add(text);
    }
  } catch (error) {
    throw unusable(option, (error as Error).message, error);
  }
  if (found.size === 0) throw unusable(option, "contains no PEM certificate");
  return [...found];
}

/** Returns undefined if the file contains no certificate, as a private key or a list of revoked certificates. */
async function certificateIn(path: string): Promise<string | undefined> {
  const about = await promises.stat(path).catch(() => undefined); // a link may lead nowhere
  if (about === undefined || !about.isFile() || about.size > LARGEST_FILE) return undefined;
  const text = await promises.readFile(path, "utf8");
  return text.includes(CERTIFICATE) ? text : undefined;
}

async function systemAuthorities(): Promise<readonly string[]> {
  const { default: tls } = await import("node:tls");
  const { getCACertificates } = tls as { getCACertificates?: (type: "system") => readonly string[] };
  const found = getCACertificates?.("system") ?? []; // Node.js has the function from 22.15 on
  if (found.length > 0) return found;
  for (const path of SYSTEM_FILES) {
    const text = await promises.readFile(path, "utf8").catch(() => "");
    if (text.includes(CERTIFICATE)) return [text];
  }
  throw unusable("--tls-use-os-certs", `none of the usual files exists; pass --cafile FILE`);
}

function unusable(option: string, why: string, cause?: unknown): TransportError {
  return new TransportError("TLS_FAILED", `${option}: ${why}`, { cause });
}
