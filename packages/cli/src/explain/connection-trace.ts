/**
 * One attempt to connect, step by step: what each step found, how long it took, and which one failed. Does no I/O and
 * reads no clock.
 */

import { isIP } from "node:net";
import type { Connected, DialStep, ServerAddress, ServerCertificate } from "@aiko/mqtt";
import { inUrl } from "../host.js";
import { versionNames } from "../version-names.js";

export type StepName = "name" | "TCP" | "socket" | "proxy" | "TLS" | "WebSocket" | "CONNACK";

interface TracedStep {
  readonly name: StepName;
  readonly state: "ok" | "failed" | "not reached";
  /** Milliseconds; 0 if the step was not reached. */
  readonly time: number;
  /** What was found, or why the step failed. Empty if the step was not reached. */
  readonly detail: string;
}

/** The steps of each scheme, in order. */
const chains: Readonly<Record<ServerAddress["scheme"], readonly StepName[]>> = {
  mqtt: ["name", "TCP", "CONNACK"],
  mqtts: ["name", "TCP", "TLS", "CONNACK"],
  ws: ["name", "TCP", "WebSocket", "CONNACK"],
  wss: ["name", "TCP", "TLS", "WebSocket", "CONNACK"],
  unix: ["socket", "CONNACK"],
};

const DAY = 86_400_000;
/** The most names of a certificate, and the most addresses of a host, that are shown. */
const MOST_SHOWN = 4;

export class ConnectionTrace {
  private chain: StepName[] = [];
  private readonly done = new Map<StepName, TracedStep>();
  private addresses: string[] = [];
  private since = 0;
  private address: ServerAddress | undefined;
  private attempts = 0;

  /** @param now returns milliseconds since the Unix epoch */
  constructor(private readonly now: () => number) {}

  /** The server, without credentials; undefined before the first attempt. */
  get server(): string | undefined {
    return this.address && nameOf(this.address);
  }

  get steps(): readonly TracedStep[] {
    return this.chain.map((name) => this.done.get(name) ?? { name, state: "not reached", time: 0, detail: "" });
  }

  /** Begins an attempt. An earlier one is forgotten: the client tries one MQTT version after another. */
  begin(address: ServerAddress): void {
    this.address = address;
    this.attempts++;
    this.chain = chains[address.scheme].filter((name) => name !== "name" || isIP(address.host) === 0);
    this.done.clear();
    this.addresses = [];
    this.since = this.now();
  }

  reached(step: DialStep): void {
    if (step.step === "resolved") this.resolved(step.address);
    if (step.step === "connected") this.connected(step.to, step.address, step.port);
    if (step.step === "proxied") this.complete("proxy", "the proxy has connected to the server");
    if (step.step === "secured") {
      const { protocol, cipher, certificate } = step;
      this.complete("TLS", `${protocol}, ${cipher}, ${this.describeCertificate(certificate)}`);
    }
  }

  /** The network connection is open. */
  opened(): void {
    if (this.chain.includes("WebSocket")) this.complete("WebSocket", `upgraded at ${pathOf(this.address)}`);
  }

  /** CONNACK has accepted. */
  accepted({ protocolVersion, sessionPresent, clientId }: Connected): void {
    const older = this.attempts > 1 ? " (the server does not accept a newer version)" : "";
    const session = sessionPresent ? "session resumed" : "new session";
    this.complete("CONNACK", `MQTT ${versionNames[protocolVersion]}${older}, ${session}, client "${clientId}"`);
  }

  /**
   * Returns the step that failed; undefined if no attempt was begun.
   *
   * @param isLookup whether a name could not be resolved
   */
  failed(message: string, isLookup: boolean): StepName | undefined {
    // A proxy with an address resolves the name itself, so that this step does not happen.
    if (!isLookup && this.pending === "name" && this.addresses.length === 0) this.chain.shift();
    const { pending } = this;
    if (pending === undefined) return undefined;
    const time = this.now() - this.since;
    this.done.set(pending, { name: pending, state: "failed", time, detail: shown(message) });
    return pending;
  }

  private get pending(): StepName | undefined {
    return this.chain.find((name) => !this.done.has(name));
  }

  private resolved(address: string): void {
    this.addresses.push(address);
    const before = this.done.get("name");
    if (before !== undefined) this.done.set("name", { ...before, detail: listed(this.addresses) });
    else {
      if (!this.chain.includes("name")) this.chain.unshift("name"); // the proxy's name
      this.complete("name", listed(this.addresses));
    }
  }

  private connected(to: "server" | "proxy", address: string, port: number): void {
    if (this.chain.includes("socket")) {
      this.complete("socket", this.address?.host ?? "");
      return;
    }
    this.complete("TCP", `${address} port ${port}${to === "proxy" ? ", the proxy" : ""}`);
    if (to === "proxy") this.chain.splice(this.chain.indexOf("TCP") + 1, 0, "proxy");
  }

  /** The steps before it that were not reported did not happen. */
  private complete(name: StepName, detail: string): void {
    const now = this.now();
    const at = this.chain.indexOf(name);
    this.chain = this.chain.filter((each, i) => i >= at || this.done.has(each));
    this.done.set(name, { name, state: "ok", time: now - this.since, detail: shown(detail) });
    this.since = now;
  }

  private describeCertificate(certificate: ServerCertificate | undefined): string {
    if (certificate === undefined) return "pre-shared key";
    const { subject, issuer, names, validUntil } = certificate;
    const days = Math.floor((validUntil - this.now()) / DAY);
    const end = Number.isFinite(days) ? `, valid until ${dateOf(validUntil)} (${days} days)` : "";
    return `certificate for ${names.length > 0 ? listed(names) : subject} by ${issuer}${end}`;
  }
}

/** Returns the server's URL, without credentials and query. */
function nameOf(address: ServerAddress): string {
  const { scheme, host, port } = address;
  if (scheme === "unix") return shown(`unix:${host}`);
  const path = pathOf(address);
  return shown(`${scheme}://${inUrl(host)}:${port}${path === "/" ? "" : path}`);
}

/** The query may contain a secret. */
function pathOf(address: ServerAddress | undefined): string {
  return address?.path.split("?", 1)[0] ?? "";
}

function dateOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function listed(all: readonly string[]): string {
  const more = all.length > MOST_SHOWN ? `, and ${all.length - MOST_SHOWN} more` : "";
  return `${all.slice(0, MOST_SHOWN).join(", ")}${more}`;
}

/** Text of a server must stay on its line and must not control the terminal. */
function shown(text: string): string {
  return text.replace(/\p{C}/gu, "\ufffd");
}
