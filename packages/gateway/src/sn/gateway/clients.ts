/** All sessions, by client identifier and by route, within their limits. Knows no message. */

import type { KeptSession } from "./kept-session.js";
import type { PredefinedTopics } from "./predefined-topics.js";
import type { Route } from "./route.js";
import { Session, type SessionParts } from "./session.js";
import { SESSION_STATES, type SessionState } from "./session-state.js";

/** How many sessions are in each state. */
export type SessionCounts = Readonly<Record<SessionState["at"], number>>;

/** The most will dialogues at a time, and the milliseconds after which one makes room for another. */
const MOST_DIALOGUES = 64;
const LONG_DIALOGUE = 10_000;
/** Milliseconds after which a silent client without a keep-alive makes room for another. */
const LONG_SILENCE = 60_000;

export class Clients {
  private readonly byId = new Map<string, Session>();
  private readonly byRoute = new Map<string, Session>();

  constructor(
    private readonly parts: SessionParts,
    private readonly predefined: (clientId: string) => PredefinedTopics,
  ) {}

  get all(): Iterable<Session> {
    return this.byId.values();
  }

  get counts(): SessionCounts {
    const counts = Object.fromEntries(SESSION_STATES.map((name) => [name, 0])) as Record<SessionState["at"], number>;
    for (const { state } of this.byId.values()) counts[state.at]++;
    return counts;
  }

  get(clientId: string): Session | undefined {
    return this.byId.get(clientId);
  }

  /** The session of a route, also of one that has ended and is kept. */
  at(route: Route): Session | undefined {
    return this.byRoute.get(route.key);
  }

  /** Returns a new session for a client that has none. Undefined: there is no room. */
  add(clientId: string, route: Route): Session | undefined {
    const { settings } = this.parts;
    // A host without room must not take that of others.
    if (!this.hostHasRoom(route) && !this.makeRoom((other) => isOfHost(other, route))) return undefined;
    if (this.byId.size >= settings.maxClients && !this.makeRoom(() => true)) return undefined;
    const session = new Session(clientId, route, this.predefined(clientId), this.parts);
    this.byId.set(clientId, session);
    return session;
  }

  /** Continues a session of an earlier process. Returns whether there is room. */
  restore(kept: KeptSession): boolean {
    if (this.byId.has(kept.clientId) || this.byId.size >= this.parts.settings.maxClients) return false;
    const session = new Session(kept.clientId, kept.route, this.predefined(kept.clientId), this.parts);
    this.byId.set(kept.clientId, session);
    this.byRoute.set(kept.route.key, session);
    session.restore(kept);
    return true;
  }

  /** The client is at this route from now on. Another client that was there is gone. */
  arrive(session: Session, route: Route): void {
    const before = this.byRoute.get(route.key);
    if (before === session) return;
    if (before !== undefined) {
      this.byRoute.delete(route.key);
      if (before.isAlive || before.state.at === "connecting") before.lost();
    }
    if (this.byRoute.get(session.route.key) === session) this.byRoute.delete(session.route.key);
    this.byRoute.set(route.key, session);
  }

  remove(session: Session): void {
    if (this.byId.get(session.clientId) === session) this.byId.delete(session.clientId);
    if (this.byRoute.get(session.route.key) === session) this.byRoute.delete(session.route.key);
  }

  /** Whether a will dialogue with this client may begin. That of another client which takes long is ended for it. */
  mayAsk(asked: Session): boolean {
    let count = 0;
    let first: Session | undefined;
    for (const session of this.byId.values()) {
      const { dialogueBeganAt } = session;
      if (dialogueBeganAt === undefined || session === asked) continue;
      count++;
      if (first === undefined || dialogueBeganAt < (first.dialogueBeganAt ?? Infinity)) first = session;
    }
    if (count < MOST_DIALOGUES || first?.dialogueBeganAt === undefined) return count < MOST_DIALOGUES;
    if (this.parts.clock.now() - first.dialogueBeganAt < LONG_DIALOGUE) return false;
    first.close(false);
    return true;
  }

  private hostHasRoom({ peer, encapsulation }: Route): boolean {
    if (peer.isShared || encapsulation !== undefined) return true;
    let left = this.parts.settings.maxClientsPerHost;
    for (const { route } of this.byId.values()) if (isOfHost(route, { peer })) left--;
    return left > 0;
  }

  /** Ends the session that is needed least: one without a client, or else one whose client could be gone. */
  private makeRoom(isOf: (route: Route) => boolean): boolean {
    let found: Session | undefined;
    for (const session of this.byId.values()) {
      if (!isOf(session.route) || !this.isDispensable(session)) continue;
      if (found !== undefined && isBetter(found, session)) continue;
      found = session;
    }
    if (found === undefined) return false;
    if (found.isAlive) found.lost();
    found.discard();
    this.remove(found);
    this.parts.changed(found);
    return true;
  }

  private isDispensable({ isAlive, state, isSupervised, heardAt }: Session): boolean {
    if (!isAlive) return state.at !== "connecting";
    return state.at === "active" && !isSupervised && this.parts.clock.now() - heardAt > LONG_SILENCE;
  }
}

/** Whether a route is one of those that a host may have a limited number of. */
function isOfHost({ peer, encapsulation }: Route, { peer: { host } }: Pick<Route, "peer">): boolean {
  return peer.host === host && encapsulation === undefined;
}

function isBetter(one: Session, other: Session): boolean {
  return one.isAlive === other.isAlive ? one.heardAt <= other.heardAt : !one.isAlive;
}
