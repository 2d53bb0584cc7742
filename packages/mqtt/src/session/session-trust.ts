/**
 * Whether the session that a server says it has is this client's: what CONNECT asks for, and what CONNACK is believed. Owns what is known
 * of the session at the server; docs/decisions/0008 has the reasons.
 */

import type { ConnackPacket, ProtocolVersion } from "../codec/packets.js";
import { LateConnects, type TakeOver } from "./late-connects.js";

/** A Session Expiry Interval without end. */
const NEVER = 0xffff_ffff;
/** Seconds that a server keeps a session at the least before MQTT 5, where it does not say for how long. */
const UNSAID = 3_600;
/** After this many foreign sessions in a row that the server does not end, the client asks for a clean start. */
const MOST_FOREIGN = 4;

export interface TrustOptions {
  readonly cleanStart: boolean;
  readonly properties: { readonly sessionExpiryInterval?: number | undefined };
}

/** What a CONNACK says of the session, as far as it is believed. */
export interface Belief {
  /** The server has a session that is not this client's, or need not be. */
  readonly foreign: boolean;
  /** The server still has this client's session. */
  readonly resumed: boolean;
  /** False if it may have lost it meanwhile, and a late CONNECT of this client begun another. */
  readonly certain: boolean;
  /** That is likely enough for QoS 2 messages in flight not to be sent again: they could arrive twice. */
  readonly outdated: boolean;
}

export class SessionTrust {
  /** Whether the server may hold this client's session. */
  private established = false;
  /** Whether a store brought a part of it along. */
  private restored = false;
  /** Whether all that the server holds of it is known: it began with this object. */
  private known = false;
  /** When the server lets the session end, unless the client is back by then; undefined while there is a connection, and if never. */
  private endsAt: number | undefined;
  /** Seconds that the server keeps it without a connection; undefined: forever. */
  private expiryInterval: number | undefined;
  /** How often in a row a session of somebody else's was found. */
  private foreignSessions = 0;
  /** Whether a clean start was asked for that, if it is late, ends a session begun later. */
  private replaceable = false;
  private firstConnect: number | undefined;
  /** Undefined while there is nothing to remember. */
  private lateConnects: LateConnects | undefined;

  constructor(private readonly options: TrustOptions) {}

  /** Whether an earlier process may have left QoS 2 exchanges at the server of which nothing is known here. */
  get isInherited(): boolean {
    return !this.known;
  }

  /** A store brought a part of the session along. An earlier process without that store may have begun the session all the same. */
  restore(): void {
    this.restored = true;
    this.established = true;
  }

  /**
   * CONNECT is about to be sent. Returns its Clean Start. One that reaches the server late would end the session that the client has by
   * then. So on MQTT 5, if the session outlives its connection, the client sends Clean Start 0, looks for a session and ends the one that
   * it finds. After four that would not go, the server is asked for a clean start after all.
   */
  connecting(version: ProtocolVersion, now: number): boolean {
    this.remembering(now).sent(now);
    if (version === 5 && this.foreignSessions >= MOST_FOREIGN) {
      this.replaceable = true;
      return true;
    }
    if (!this.options.cleanStart || version < 5) return this.options.cleanStart;
    return (this.options.properties.sessionExpiryInterval ?? 0) === 0 && !this.restored;
  }

  /** CONNACK has come, whatever it says. */
  answered(): void {
    this.lateConnects?.answered();
    if (this.lateConnects?.isEmpty) this.lateConnects = undefined;
  }

  /** CONNACK has accepted. */
  believe(connack: ConnackPacket, version: ProtocolVersion, cleanStart: boolean, now: number): Belief {
    const certain = !this.lateConnects?.possible(now);
    if (version === 5 && connack.sessionPresent && this.isForeign(certain, now)) {
      this.foreignSessions++;
      return { foreign: true, resumed: false, certain, outdated: false };
    }
    this.foreignSessions = 0;
    // 3.1 does not say whether a session is present: without a clean session it is taken to be [MQTT31-18].
    const resumed = version === 3 ? !cleanStart : connack.sessionPresent;
    const outdated = version === 4 && resumed && !certain && this.hasEnded(now);
    if (outdated)
      this.known = false; // or it is the old one after all, with QoS 2 exchanges that are settled here
    else if (!resumed) this.known = true;
    this.established = true;
    this.endsAt = undefined;
    this.expiryInterval = this.keptFor(version, connack);
    return { foreign: false, resumed, certain, outdated };
  }

  /** @param online whether the connection had been accepted */
  connectionLost(online: boolean, now: number): void {
    if (online && this.expiryInterval !== undefined) this.endsAt = now + this.expiryInterval * 1000;
    this.lateConnects?.lost();
  }

  /** As `LateConnects.takenOver`. */
  takenOver(now: number): TakeOver {
    return this.remembering(now).takenOver(now);
  }

  private remembering(now: number): LateConnects {
    this.firstConnect ??= now;
    this.lateConnects ??= new LateConnects(this.firstConnect);
    return this.lateConnects;
  }

  private isForeign(certain: boolean, now: number): boolean {
    if (!this.established) return this.options.cleanStart;
    return !certain && (this.replaceable || this.hasEnded(now)); // a late CONNECT may have begun another
  }

  /** Whether the server may have let the session end while there was no connection. */
  private hasEnded(now: number): boolean {
    return this.endsAt !== undefined && now >= this.endsAt;
  }

  /** Seconds that the server keeps the session without a connection; undefined: forever. */
  private keptFor(version: ProtocolVersion, { properties }: ConnackPacket): number | undefined {
    if (version < 5) return UNSAID;
    const seconds = properties?.sessionExpiryInterval ?? this.options.properties.sessionExpiryInterval ?? 0;
    return seconds === NEVER ? undefined : seconds;
  }
}
