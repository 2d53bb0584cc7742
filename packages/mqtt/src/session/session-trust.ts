/**
 * Whether the session that a server reports is this client's: what CONNECT requests, and what the client concludes from
 * CONNACK. Owns what is known of the session at the server. docs/decisions/0008 has the reasons.
 */

import type { ConnackPacket, ProtocolVersion } from "../codec/packets.js";
import { LateConnects, type TakeOver } from "./late-connects.js";

/** A Session Expiry Interval that never ends. */
const NEVER = 0xffff_ffff;
/** Seconds for which a server before MQTT 5 is assumed to keep a session. It does not announce for how long. */
const UNSAID = 3_600;
/** After this many foreign sessions in a row that the server does not end, the client requests a clean start. */
const MOST_FOREIGN = 4;

export interface TrustOptions {
  readonly cleanStart: boolean;
  readonly properties: { readonly sessionExpiryInterval?: number | undefined };
}

/** What the client concludes about the session from a CONNACK. */
export interface Belief {
  /** The server's session is not this client's, or may not be. */
  readonly foreign: boolean;
  /** The server still has this client's session. */
  readonly resumed: boolean;
  /**
   * False if the server may have lost the session meanwhile, and a delayed CONNECT of this client may have started
   * another.
   */
  readonly certain: boolean;
  /** That is so likely that QoS 2 messages in flight must not be resent: they could arrive twice. */
  readonly outdated: boolean;
}

export class SessionTrust {
  /** Whether the server may hold this client's session. */
  private established = false;
  /** Whether a store contained a part of the session. */
  private restored = false;
  /** Whether everything that the server holds of the session is known, because it began with this object. */
  private known = false;
  /**
   * When the session expires at the server if the client has not returned. Undefined while there is a connection, and
   * if it never expires.
   */
  private endsAt: number | undefined;
  /** Seconds that the server keeps the session without a connection; undefined: forever. */
  private expiryInterval: number | undefined;
  /** How many foreign sessions in a row were found. */
  private foreignSessions = 0;
  /** Whether a clean start was requested. If its CONNECT is delayed, it ends a session that began later. */
  private replaceable = false;
  private firstConnect: number | undefined;
  /** Undefined while there is nothing to remember. */
  private lateConnects: LateConnects | undefined;

  constructor(private readonly options: TrustOptions) {}

  /** Whether an earlier process may have left QoS 2 exchanges at the server that this process does not know. */
  get isInherited(): boolean {
    return !this.known;
  }

  /**
   * Called if a store contained a part of the session. An earlier process without that store may still have begun the
   * session.
   */
  restore(): void {
    this.restored = true;
    this.established = true;
  }

  /**
   * Called before CONNECT is sent. Returns its Clean Start. A delayed clean start would end a later session of the
   * client. So on MQTT 5, if the session outlives its connection, the client sends Clean Start 0 and ends any session
   * that it finds. If four sessions in a row remain, the client requests a clean start after all.
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

  /** Called when CONNACK is received, whatever its reason code. */
  answered(): void {
    this.lateConnects?.answered();
    if (this.lateConnects?.isEmpty) this.lateConnects = undefined;
  }

  /** Called when CONNACK accepts. */
  believe(connack: ConnackPacket, version: ProtocolVersion, cleanStart: boolean, now: number): Belief {
    const certain = !this.lateConnects?.possible(now);
    if (version === 5 && connack.sessionPresent && this.isForeign(certain, now)) {
      this.foreignSessions++;
      return { foreign: true, resumed: false, certain, outdated: false };
    }
    this.foreignSessions = 0;
    // CONNACK of 3.1 does not report whether a session is present. Without a clean session it is assumed to be
    // [MQTT31-18].
    const resumed = version === 3 ? !cleanStart : connack.sessionPresent;
    const outdated = version === 4 && resumed && !certain && this.hasEnded(now);
    if (outdated)
      this.known = false; // or it is the old session after all, with QoS 2 exchanges that are settled here
    else if (!resumed) this.known = true;
    this.established = true;
    this.endsAt = undefined;
    this.expiryInterval = this.keptFor(version, connack);
    return { foreign: false, resumed, certain, outdated };
  }

  /** @param online whether the connection was accepted */
  connectionLost(online: boolean, now: number): void {
    if (online && this.expiryInterval !== undefined) this.endsAt = now + this.expiryInterval * 1000;
    this.lateConnects?.lost();
  }

  /** The same as `LateConnects.takenOver`. */
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
    return !certain && (this.replaceable || this.hasEnded(now)); // a delayed CONNECT may have started another
  }

  /** Returns whether the session may have expired at the server while there was no connection. */
  private hasEnded(now: number): boolean {
    return this.endsAt !== undefined && now >= this.endsAt;
  }

  /** Returns the seconds that the server keeps the session without a connection; undefined: forever. */
  private keptFor(version: ProtocolVersion, { properties }: ConnackPacket): number | undefined {
    if (version < 5) return UNSAID;
    const seconds = properties?.sessionExpiryInterval ?? this.options.properties.sessionExpiryInterval ?? 0;
    return seconds === NEVER ? undefined : seconds;
  }
}
