/**
 * Pending SUBSCRIBEs and UNSUBSCRIBEs, from the call until SUBACK and UNSUBACK. Owns which of them wait for a
 * connection and which for an answer. Respects the limits that the server announced in CONNACK.
 */

import { forbidden } from "../codec/cursor.js";
import { encodeClientPacket } from "../codec/encode.js";
import type {
  ProtocolVersion,
  SubackPacket,
  SubscribePacket,
  SubscriptionRequest,
  UnsubackPacket,
  UnsubscribePacket,
} from "../codec/packets.js";
import { type SubscribeProperties, type UnsubscribeProperties, withoutUndefined } from "../codec/properties.js";
import { type MqttError, type RefusedError, TransportError, UsageError } from "../errors.js";
import type { Outlet } from "./outgoing/message-sender.js";
import type { PacketIdentifiers } from "./packet-identifiers.js";
import { identifierRefusal, packetTooLarge, type ServerLimits, subscriptionRefusal } from "./server-limits.js";

/** The server's answer to SUBSCRIBE or UNSUBSCRIBE. */
export interface FilterAnswer {
  /** One code for each topic filter. Empty for an UNSUBSCRIBE before MQTT 5. */
  readonly reasonCodes: readonly number[];
  readonly properties: SubackPacket["properties"];
  /**
   * Filters, by index, that were not sent because the server had announced that it does not support them. Their reason
   * codes are those that the server would use.
   */
  readonly refusals: ReadonlyMap<number, RefusedError>;
}

/** A SUBSCRIBE, and what receives its answer. */
export interface SubscribeRequest {
  readonly type: "subscribe";
  readonly subscriptions: readonly SubscriptionRequest[];
  readonly properties?: SubscribeProperties | undefined;
  /** The subscription identifier to use if the server supports them and `properties` has none. Default 0, none. */
  readonly identifier?: number | undefined;
  /** Receives an error or the answer. Called once. */
  settle(error: MqttError | undefined, answer: FilterAnswer): void;
}

/** An UNSUBSCRIBE, and what receives its answer. */
export interface UnsubscribeRequest {
  readonly type: "unsubscribe";
  readonly topicFilters: readonly string[];
  readonly properties?: UnsubscribeProperties | undefined;
  /** Receives an error or the answer. Called once. */
  settle(error: MqttError | undefined, answer: FilterAnswer): void;
}

/** A SUBSCRIBE or an UNSUBSCRIBE. */
export type FilterRequest = SubscribeRequest | UnsubscribeRequest;

/** A request from the call until its answer. */
interface Asked {
  readonly request: FilterRequest;
  packetIdentifier: number;
  /** When it was sent last. */
  sentAt: number;
  /** How often connections were lost while it was unanswered, weighed by `CERTAIN` and `DOUBTFUL`. */
  losses: number;
  /** The same as in `FilterAnswer`. */
  refusals: ReadonlyMap<number, RefusedError>;
}

/** What requests need of a connection. */
interface RequestLink {
  readonly outlet: Outlet;
  readonly version: ProtocolVersion;
  readonly limits: ServerLimits;
}

/** The weight of a lost connection if nothing was received after the request … */
const CERTAIN = 10;
/** … and if something was received: most likely the link is bad, not the request. */
const DOUBTFUL = 1;
/**
 * A request fails after ten lost connections in a row, or a hundred doubtful ones, before it was answered. It is then
 * likely to be their cause. With delays that double from a second to a minute, this takes about five minutes.
 */
const MOST_LOSSES = 10 * CERTAIN;
/** Milliseconds that a server may take to answer. */
const ANSWER_TIME = 60_000;
const NONE: ReadonlyMap<number, RefusedError> = new Map();
const NO_ANSWER: FilterAnswer = { reasonCodes: [], properties: undefined, refusals: NONE };
/**
 * From this weight on, a request is suspected. It is then sent alone, so that a lost connection is certainly due to it.
 */
const SUSPECT = 2 * CERTAIN;

export class FilterRequests {
  /** Requests that wait for their answer, by packet identifier, in the order in which they were sent. */
  private readonly requests = new Map<number, Asked>();
  /** Identifiers of cancelled requests. They stay in use until their answers arrive, which are ignored. */
  private readonly withdrawn = new Set<number>();
  /** Requests that wait for a connection, or for an identifier. */
  private waiting: Asked[] = [];
  private link: RequestLink | undefined;
  /** Whether anything was received over this connection since the last request was sent. */
  private heard = false;
  /** Whether a request was suspected when the last connection was lost. */
  private suspecting = false;

  constructor(private readonly identifiers: PacketIdentifiers) {}

  /** When the oldest pending answer is overdue; Infinity if none is pending. The connection then counts as dead. */
  get answerDue(): number {
    for (const { sentAt } of this.requests.values()) return sentAt + ANSWER_TIME;
    return Infinity;
  }

  /**
   * Called before the connection is closed because requests were not answered. Other received packets do not count
   * then.
   */
  suspect(): void {
    this.heard = false;
  }

  /** The number of requests without an answer. */
  get pending(): number {
    return this.requests.size + this.waiting.length;
  }

  opened(link: RequestLink, now: number): void {
    this.link = link;
    this.sendWaiting(now);
  }

  /**
   * Called when the connection is lost. Unanswered requests are sent again, before newer ones, until the limit is
   * reached.
   */
  lost(): void {
    this.link = undefined;
    const unanswered = [...this.requests.values()];
    for (const identifier of this.requests.keys()) this.identifiers.release(identifier);
    for (const identifier of this.withdrawn) this.identifiers.release(identifier);
    this.requests.clear();
    this.withdrawn.clear();
    for (const asked of unanswered) asked.losses += this.heard ? DOUBTFUL : CERTAIN;
    const [again, hopeless] = partition(unanswered, ({ losses }) => losses < MOST_LOSSES);
    this.waiting = [...again, ...this.waiting];
    this.suspecting = this.waiting.some((each) => suspicion(each) > 0);
    for (const { request } of hopeless) fail(request, unanswerable(request));
  }

  /** Called when a packet was received. */
  hear(): void {
    this.heard = true;
  }

  /** Sends the request now, or at the next connection. */
  request(request: FilterRequest, now: number): void {
    this.ask({ request, packetIdentifier: 0, sentAt: 0, losses: 0, refusals: NONE }, now);
  }

  /** Sends waiting requests in order, suspected ones last. */
  sendWaiting(now: number): void {
    const { link } = this;
    if (this.waiting.length === 0 || link === undefined) return;
    if (!this.suspecting) {
      while (this.waiting.length > 0 && this.link === link && this.identifiers.available)
        this.send(link, this.waiting.shift() as Asked, now);
      return;
    }
    const waiting = this.waiting.sort((one, other) => suspicion(one) - suspicion(other));
    this.waiting = [];
    for (const asked of waiting) this.ask(asked, now);
  }

  /** Cancels a request. Its answer, if one arrives, is ignored. */
  withdraw(request: FilterRequest, error: MqttError, now: number): void {
    const at = this.waiting.findIndex((each) => each.request === request);
    if (at >= 0) {
      this.waiting.splice(at, 1);
    } else {
      const asked = [...this.requests.values()].find((each) => each.request === request);
      if (asked === undefined) return; // it was answered already
      this.requests.delete(asked.packetIdentifier);
      this.withdrawn.add(asked.packetIdentifier);
    }
    fail(request, error);
    this.sendWaiting(now); // the others may have waited for it as a suspect
  }

  abandon(error: (what: string) => MqttError): void {
    const all = [...this.requests.values(), ...this.waiting];
    for (const identifier of this.requests.keys()) this.withdrawn.add(identifier);
    this.requests.clear();
    this.waiting = [];
    for (const { request } of all) fail(request, error(describe(request)));
  }

  /** @throws ProtocolError if the packet does not answer the request */
  acknowledged(packet: SubackPacket | UnsubackPacket, now: number): void {
    const asked = this.requests.get(packet.packetIdentifier);
    if (asked === undefined) {
      if (!this.withdrawn.delete(packet.packetIdentifier)) return;
      this.identifiers.release(packet.packetIdentifier);
      this.sendWaiting(now);
      return;
    }
    const { request } = asked;
    const subscribing = request.type === "subscribe";
    if (subscribing !== (packet.type === "suback")) {
      throw forbidden(`${packet.type}: packetIdentifier ${packet.packetIdentifier} belongs to another request`);
    }
    const sent = filtersOf(request).length - asked.refusals.size;
    const got = packet.reasonCodes.length;
    if (got !== sent && (subscribing || got > 0)) {
      throw forbidden(`${packet.type}: ${got} reason codes for ${sent} topic filters [MQTT-3.9.3-1]`);
    }
    this.requests.delete(packet.packetIdentifier);
    this.identifiers.release(packet.packetIdentifier);
    this.sendWaiting(now);
    request.settle(undefined, answerOf(asked, packet));
  }

  private ask(asked: Asked, now: number): void {
    if (this.suspecting) this.keepBehind(asked);
    if (this.link === undefined || !this.mayAsk(asked)) this.waiting.push(asked);
    else this.send(this.link, asked, now);
  }

  /** Keeps a request with a suspect's topic filters behind the suspect. */
  private keepBehind(asked: Asked): void {
    const filters = new Set(filtersOf(asked.request));
    for (const suspect of [...this.requests.values(), ...this.waiting]) {
      if (suspicion(suspect) > asked.losses && filtersOf(suspect.request).some((each) => filters.has(each)))
        asked.losses = suspect.losses;
    }
  }

  /** Returns whether the request may be sent now. A suspect is sent only if no other request is pending, and alone. */
  private mayAsk(asked: Asked): boolean {
    for (const other of this.requests.values()) return suspicion(asked) === 0 && suspicion(other) === 0;
    return true;
  }

  private send(link: RequestLink, asked: Asked, now: number): void {
    const { request } = asked;
    const refusal = request.type === "subscribe" ? refuseLocally(link, asked, request) : undefined;
    if (refusal !== undefined) {
      fail(request, refusal);
      return;
    }
    const packetIdentifier = this.identifiers.take();
    if (packetIdentifier === 0) {
      this.waiting.push(asked);
      return;
    }
    const encoded = encodeRequest(asked, packetIdentifier, link);
    if (encoded instanceof Uint8Array) {
      asked.packetIdentifier = packetIdentifier;
      asked.sentAt = now;
      this.heard = false;
      this.requests.set(packetIdentifier, asked);
      link.outlet.out.append(encoded);
      link.outlet.touch();
    } else {
      this.identifiers.release(packetIdentifier);
      fail(request, encoded);
    }
  }
}

function fail(request: FilterRequest, error: MqttError): void {
  request.settle(error, NO_ANSWER);
}

/** Records the filters that the server does not support. Returns the reason if it supports none of them. */
function refuseLocally(
  { limits, version }: RequestLink,
  asked: Asked,
  { properties, subscriptions }: SubscribeRequest,
): MqttError | undefined {
  const unavailable = version === 5 ? identifierRefusal(limits, properties) : undefined;
  if (unavailable !== undefined) return unavailable;
  const refusals = new Map<number, RefusedError>();
  subscriptions.forEach((subscription, i) => {
    const refusal = subscriptionRefusal(limits, subscription);
    if (refusal !== undefined) refusals.set(i, refusal);
  });
  asked.refusals = refusals;
  return refusals.size === subscriptions.length ? refusals.get(0) : undefined;
}

function filtersOf(request: FilterRequest): readonly string[] {
  return request.type === "subscribe"
    ? request.subscriptions.map(({ topicFilter }) => topicFilter)
    : request.topicFilters;
}

/** Returns 0 for a request that is not suspected. */
function suspicion({ losses }: Asked): number {
  return losses < SUSPECT ? 0 : losses;
}

function unanswerable(request: FilterRequest): TransportError {
  const [code, packet] =
    request.type === "subscribe"
      ? (["SUBSCRIBE_UNANSWERED", "SUBSCRIBE"] as const)
      : (["UNSUBSCRIBE_UNANSWERED", "UNSUBSCRIBE"] as const);
  const message = `${describe(request)} failed: every connection was lost before the server answered its ${packet}`;
  return new TransportError(code, message);
}

function partition<Item>(items: readonly Item[], belongs: (item: Item) => boolean): [Item[], Item[]] {
  const inside: Item[] = [];
  const outside: Item[] = [];
  for (const item of items) (belongs(item) ? inside : outside).push(item);
  return [inside, outside];
}

/** Merges the server's answer with the refusals of the filters that were not sent. */
function answerOf(
  { request, refusals }: Asked,
  { reasonCodes, properties }: SubackPacket | UnsubackPacket,
): FilterAnswer {
  if (refusals.size === 0) return { reasonCodes, properties, refusals };
  const answers = reasonCodes[Symbol.iterator]();
  const all = filtersOf(request).map((_, i) => refusals.get(i)?.reasonCode ?? (answers.next().value as number));
  return { reasonCodes: all, properties, refusals };
}

/**
 * Returns the request's packet, or the error if it cannot be sent over this connection. That was not known when the
 * request was made.
 */
function encodeRequest(
  asked: Asked,
  packetIdentifier: number,
  { version, limits }: RequestLink,
): Uint8Array | MqttError {
  const { maximumPacketSize } = limits;
  try {
    const bytes = encodeClientPacket(packetOf(asked, packetIdentifier, limits), version);
    return bytes.length > maximumPacketSize ? packetTooLarge(maximumPacketSize, describe(asked.request)) : bytes;
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
}

function packetOf(
  { request, refusals }: Asked,
  packetIdentifier: number,
  limits: ServerLimits,
): SubscribePacket | UnsubscribePacket {
  const { properties } = request;
  if (request.type === "unsubscribe")
    return { type: "unsubscribe", packetIdentifier, topicFilters: request.topicFilters, properties };
  const { subscriptions, identifier = 0 } = request;
  const automatic = identifier > 0 && limits.subscriptionIdentifiersAvailable;
  return {
    type: "subscribe",
    packetIdentifier,
    subscriptions: refusals.size === 0 ? subscriptions : subscriptions.filter((_, i) => !refusals.has(i)),
    properties: automatic ? { subscriptionIdentifier: identifier, ...withoutUndefined(properties ?? {}) } : properties,
  };
}

function describe(request: FilterRequest): string {
  const filters = filtersOf(request).join('", "');
  return request.type === "subscribe" ? `the subscription to "${filters}"` : `the unsubscription from "${filters}"`;
}
