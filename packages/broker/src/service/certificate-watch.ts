/**
 * Warns before the certificates of listeners expire, and when they have: clients that verify them cannot connect then. Reads no file, and closes
 * nothing.
 */

import { X509Certificate } from "node:crypto";
import type { Clock, Timer } from "@aiko/mqtt";
import type { Log } from "@aiko/mqtt-configuration";
import type { BrokerTls } from "../options/broker-tls.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** How long before the end each warning comes: later than certificates are usually renewed. The last one is the end itself. */
const STAGES = [14 * DAY, 7 * DAY, DAY, 0];

/** What is needed of a listener. */
interface Secured {
  readonly url: string;
  readonly name: string | undefined;
  readonly tls: Pick<BrokerTls, "certificate" | "clientCa"> | undefined;
}

interface Watched {
  readonly listener: string;
  /** The key of the file in the configuration. */
  readonly file: "cert" | "client_ca";
  readonly subject: string;
  /** In milliseconds since 1970. */
  readonly expires: number;
}

export class CertificateWatch {
  private watched: readonly Watched[] = [];
  /** How many stages of each certificate were reported. */
  private reported = new Map<string, number>();
  private timer: Timer | undefined;

  /** @param wallTime returns the milliseconds since 1970, also after the machine has slept */
  constructor(
    private readonly clock: Clock,
    private readonly wallTime: () => number,
    private readonly log: Pick<Log, "warn" | "error">,
  ) {}

  /** Watches the certificates of these listeners from now on. What was reported is not reported again. */
  follow(listeners: readonly Secured[]): void {
    this.watched = listeners.flatMap(certificatesOf);
    const known = new Set(this.watched.map(keyOf));
    for (const key of this.reported.keys()) if (!known.has(key)) this.reported.delete(key);
    this.timer?.cancel();
    this.look();
  }

  stop(): void {
    this.timer?.cancel();
  }

  private look(): void {
    const now = this.wallTime();
    let next = HOUR; // the wall time may jump
    for (const each of this.watched) {
      const left = each.expires - now;
      const stage = STAGES.filter((before) => left <= before).length;
      const key = keyOf(each);
      if (stage > (this.reported.get(key) ?? 0)) {
        this.reported.set(key, stage);
        this.report(each, left);
      }
      for (const before of STAGES) if (left > before) next = Math.min(next, left - before);
    }
    if (this.watched.length > 0) this.timer = this.clock.schedule(next, () => this.look());
  }

  private report({ listener, file, subject, expires }: Watched, left: number): void {
    const facts = { listener, file, subject, expires: new Date(expires).toISOString() };
    if (left > 0) this.log.warn("a certificate expires soon", { ...facts, days: Math.floor(left / DAY) });
    else this.log.error("a certificate has expired; replace its file, and reload the configuration", facts);
  }
}

function keyOf({ listener, file, subject, expires }: Watched): string {
  return `${listener} ${file} ${expires} ${subject}`;
}

function certificatesOf({ url, name, tls }: Secured): Watched[] {
  if (tls === undefined) return [];
  const listener = name ?? url;
  const authorities = [tls.clientCa ?? []].flat();
  return [
    ...watchedIn(tls.certificate, { listener, file: "cert" }),
    ...authorities.flatMap((pem) => watchedIn(pem, { listener, file: "client_ca" })),
  ];
}

/** The certificates of a text that was checked. */
function watchedIn(pem: string | Uint8Array, place: Pick<Watched, "listener" | "file">): Watched[] {
  const text = typeof pem === "string" ? pem : Buffer.from(pem).toString("latin1");
  const blocks = text.match(/-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[^-]*-----END \1-----/g) ?? [];
  return blocks.map((block) => {
    const { subject, validTo } = new X509Certificate(block);
    return { ...place, subject: subject.replaceAll("\n", ", "), expires: Date.parse(validTo) };
  });
}
