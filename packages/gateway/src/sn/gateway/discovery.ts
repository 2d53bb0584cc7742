/**
 * How clients find the gateway [SN 6.1]: announces it while the server is connected, answers searches, and stands in for
 * another gateway that is silent. Knows no session.
 */

import type { Clock, Timer } from "@aiko/mqtt";
import { TokenBucket } from "../../token-bucket.js";
import type { AdvertisePacket, GwinfoPacket } from "../packets.js";
import { Deadline } from "./deadline.js";
import type { Route } from "./route.js";
import type { SnSettings } from "./sn-settings.js";

export interface DiscoveryParts {
  readonly clock: Clock;
  /** Returns a number from 0 up to 1. */
  readonly random: () => number;
  readonly settings: Pick<SnSettings, "gatewayId" | "advertise" | "standbyFor">;
  /** Sends to all. */
  broadcast(packet: AdvertisePacket | GwinfoPacket): void;
  send(route: Route, packet: GwinfoPacket): void;
}

/** ADVERTISE that may be missed before a gateway counts as gone [SN 7.2, N_ADV]. */
const MISSED = 3;
/** The most milliseconds after which a search is answered if another gateway may answer too. */
const ANSWER_DELAY = 500;
/** Answers a second, and how many may wait. */
const ANSWERS = 10;
/** The unit of the duration in ADVERTISE, in milliseconds, and its largest value. */
const SECOND = 1_000;
const LONGEST = 0xffff;

export class Discovery {
  private isConnected = false;
  private readonly advertisement: Deadline;
  /** Elapses when the gateway that this one stands in for is gone. */
  private readonly missing: Deadline;
  private isStandingBy: boolean;
  /** When each other gateway was heard, and what it promised. */
  private readonly others = new Map<number, { readonly at: number; readonly duration: number }>();
  private readonly answers = new TokenBucket(ANSWERS);
  private readonly waiting = new Set<Timer>();

  constructor(private readonly parts: DiscoveryParts) {
    const { clock, settings } = parts;
    this.advertisement = new Deadline(clock, () => this.advertise());
    this.missing = new Deadline(clock, () => this.takeOver());
    this.isStandingBy = settings.standbyFor !== undefined;
    if (this.isStandingBy) this.missing.set(MISSED * (settings.advertise || LONGEST * SECOND));
  }

  /** Whether the gateway announces itself and answers searches. */
  get isAnnouncing(): boolean {
    return this.isConnected && !this.isStandingBy;
  }

  /** The server is connected, or is not. */
  connected(isConnected: boolean): void {
    if (isConnected === this.isConnected) return;
    this.isConnected = isConnected;
    this.announce();
  }

  /** SEARCHGW. */
  search(route: Route): void {
    const { clock, random } = this.parts;
    if (!this.isAnnouncing || this.waiting.size >= ANSWERS || !this.answers.takeOne(clock.now())) return;
    if (!this.knowsOthers) {
      this.answer(route);
      return;
    }
    const timer = clock.schedule(random() * ANSWER_DELAY, () => {
      this.waiting.delete(timer);
      if (this.isAnnouncing) this.answer(route);
    });
    this.waiting.add(timer);
  }

  /** ADVERTISE of another gateway. */
  heard({ gatewayId, duration }: AdvertisePacket): void {
    const { settings, clock } = this.parts;
    if (gatewayId === settings.gatewayId) return; // our own
    this.others.set(gatewayId, { at: clock.now(), duration: duration * SECOND });
    if (gatewayId !== settings.standbyFor) return;
    this.isStandingBy = true;
    this.missing.set(MISSED * Math.max(duration, 1) * SECOND);
    this.announce();
  }

  stop(): void {
    this.advertisement.clear();
    this.missing.clear();
    for (const timer of this.waiting) timer.cancel();
    this.waiting.clear();
    this.isConnected = false;
  }

  private get knowsOthers(): boolean {
    const now = this.parts.clock.now();
    for (const [id, { at, duration }] of this.others) if (now - at > MISSED * duration) this.others.delete(id);
    return this.others.size > 0;
  }

  private takeOver(): void {
    this.isStandingBy = false;
    this.announce();
  }

  /** Begins or ends the announcements. */
  private announce(): void {
    if (!this.isAnnouncing) this.advertisement.clear();
    else if (!this.advertisement.isSet) this.advertise();
  }

  private advertise(): void {
    const { settings, broadcast } = this.parts;
    const { gatewayId, advertise } = settings;
    if (advertise === 0) return;
    broadcast({ type: "advertise", gatewayId, duration: Math.min(LONGEST, Math.round(advertise / SECOND)) });
    this.advertisement.set(advertise);
  }

  private answer(route: Route): void {
    const packet: GwinfoPacket = { type: "gwinfo", gatewayId: this.parts.settings.gatewayId };
    this.parts.broadcast(packet);
    this.parts.send(route, packet);
  }
}
