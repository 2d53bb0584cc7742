/** What senders without a session may do: how much is read of each, and how often each is answered. Bounded; knows no session. */

import { TokenBucket } from "../../token-bucket.js";
import type { Route, SnPeer } from "./route.js";

/** Frames a second of a host, and at once. Many clients may share a host, and all connect at once after a restart. */
const FRAMES = { perSecond: 50, burst: 100 };
const SHARED_FRAMES = { perSecond: 2_000, burst: 4_000 };
/** New sessions a second, of all hosts, and at once. */
const SESSIONS = { perSecond: 200, burst: 500 };
/** Milliseconds between two DISCONNECT to one sender. */
const DISCONNECT_INTERVAL = 1_000;
/** The senders that are remembered. */
const MOST = 4_096;

export class Strangers {
  private readonly sessions = new TokenBucket(SESSIONS.perSecond, SESSIONS.burst);
  private readonly frames = new Map<string, TokenBucket>();
  private readonly toldAt = new Map<string, number>();
  /** Routes whose session has ended and was forgotten: their DISCONNECT is answered once more if the answer was lost. */
  private readonly parted = new Set<string>();

  /** Whether a frame of this host is read. */
  mayAsk({ host, isShared }: SnPeer, now: number): boolean {
    const { perSecond, burst } = isShared ? SHARED_FRAMES : FRAMES;
    const bucket = this.frames.get(host) ?? new TokenBucket(perSecond, burst);
    put(this.frames, host, bucket);
    return bucket.takeOne(now);
  }

  /** Whether another session may begin. */
  mayConnect(now: number): boolean {
    return this.sessions.takeOne(now);
  }

  /** Whether this sender is told DISCONNECT now. */
  mustTell({ key }: Route, now: number): boolean {
    if (now - (this.toldAt.get(key) ?? -Infinity) < DISCONNECT_INTERVAL) return false;
    put(this.toldAt, key, now);
    return true;
  }

  /** A session has ended and is forgotten. */
  part({ key }: Route): void {
    this.parted.add(key);
    for (const first of this.parted) {
      if (this.parted.size <= MOST) break;
      this.parted.delete(first);
    }
  }

  /** Whether a session of this sender has ended. Is true once. */
  hasParted({ key }: Route): boolean {
    return this.parted.delete(key);
  }
}

/** The least recently used makes room. */
function put<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MOST) return;
  for (const first of map.keys()) {
    map.delete(first);
    return;
  }
}
