/**
 * SUBSCRIBE and UNSUBSCRIBE on their way, from the call until SUBACK and UNSUBACK. Owns which of them wait for a connection and
 * which for an answer; keeps to what the server said in CONNACK that it takes.
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
import type { Outlet } from "./message-sender.js";
import type { PacketIdentifiers } from "./packet-identifiers.js";
import { identifierRefusal, packetTooLarge, type ServerLimits, subscriptionRefusal } from "./server-limits.js";

/** A SUBSCRIBE or UNSUBSCRIBE from the call until its acknowledgement. */
export abstract class Pending {
  packetIdentifier = 0;
  /** The number of its last sending. */
  sending = 0;
  /** How often connections were lost while it was unanswered, weighed by `CERTAIN` and `DOUBTFUL`. */
  losses = 0;
  /** Called once with the reason codes, one a filter, or `failed` is. */
  abstract acknowledged(packet: SubackPacket | UnsubackPacket): void;
  abstract failed(error: MqttError): void;
}

export abstract class SubscribeRequest extends Pending {
  /**
   * Filters that were not even sent, because the server had said that it does not take such; by their place. In what
   * `acknowledged` is given, they have the reason code that the server would have used.
   */
  refusals: ReadonlyMap<number, RefusedError> = new Map();

  constructor(
    readonly subscriptions: readonly SubscriptionRequest[],
    readonly properties: SubscribeProperties | undefined,
    /** The subscription identifier to use if the server offers them and `properties` has none; 0 for none. */
    readonly identifier: number,
  ) {
    super();
  }
}

export abstract class UnsubscribeRequest extends Pending {
  constructor(
    readonly topicFilters: readonly string[],
    readonly properties: UnsubscribeProperties | undefined,
  ) {
    super();
  }
}

export type FilterRequest = SubscribeRequest | UnsubscribeRequest;

/** One connection, as far as requests need it. */
interface RequestLink {
  readonly outlet: Outlet;
  readonly version: ProtocolVersion;
  readonly limits: ServerLimits;
}

/** What a lost connection counts on which nothing came after the request … */
const CERTAIN = 10;
/** … and one on which something did: most likely the link is bad, and not the request. */
const DOUBTFUL = 1;
/**
 * A request is given up when connections were lost so often before it was answered, ten times in a row or a hundred doubtful ones:
 * with delays that double from a second to a minute, after some five minutes. It seems to be what they are lost for.
 */
const MOST_LOSSES = 10 * CERTAIN;
/** From then on a request is suspected, and asked alone, so that what is lost with it is its own loss. */
const SUSPECT = 2 * CERTAIN;

export class FilterRequests {
  /** By packet identifier: those that wait for their answer. */
  private readonly requests = new Map<number, FilterRequest>();
  /** Identifiers of requests that were given up: in use until their answers come, which are ignored. */
  private readonly withdrawn = new Set<number>();
  /** Those that wait for a connection, or for an identifier. */
  private waiting: FilterRequest[] = [];
  private link: RequestLink | undefined;
  private sendings = 0;
  /** Whether anything came over this connection since the last request was sent. */
  private heard = false;
  /** Whether there was a suspect when the last connection was lost. */
  private suspecting = false;

  constructor(private readonly identifiers: PacketIdentifiers) {}

  /** The number of the sending that has waited longest for its answer; 0 if none waits. */
  get oldestUnanswered(): number {
    for (const { sending } of this.requests.values()) return sending;
    return 0;
  }

  /** The connection will be lost because requests are unanswered, whatever else came over it. */
  suspect(): void {
    this.heard = false;
  }

  /** How many have had no answer. */
  get pending(): number {
    return this.requests.size + this.waiting.length;
  }

  opened(link: RequestLink): void {
    this.link = link;
    this.sendWaiting();
  }

  /** The connection is gone. What was not answered is asked again, before what is asked meanwhile, a few times. */
  lost(): void {
    this.link = undefined;
    const unanswered = [...this.requests.values()];
    for (const identifier of this.requests.keys()) this.identifiers.release(identifier);
    for (const identifier of this.withdrawn) this.identifiers.release(identifier);
    this.requests.clear();
    this.withdrawn.clear();
    for (const request of unanswered) request.losses += this.heard ? DOUBTFUL : CERTAIN;
    const [again, hopeless] = partition(unanswered, ({ losses }) => losses < MOST_LOSSES);
    this.waiting = [...again, ...this.waiting];
    this.suspecting = this.waiting.some((each) => suspicion(each) > 0);
    for (const request of hopeless) request.failed(unanswerable(request));
  }

  /** Something came from the server. */
  hear(): void {
    this.heard = true;
  }

  /** Sends the request now, or when there is a connection. */
  request(request: FilterRequest): void {
    if (this.suspecting) this.keepBehind(request);
    if (this.link === undefined || !this.mayAsk(request)) this.waiting.push(request);
    else this.send(this.link, request);
  }

  /** In their order, but suspects last. */
  sendWaiting(): void {
    const { link } = this;
    if (this.waiting.length === 0 || link === undefined) return;
    if (!this.suspecting) {
      const { waiting } = this;
      let sent = 0;
      while (sent < waiting.length && this.identifiers.available) this.send(link, waiting[sent++] as FilterRequest);
      waiting.splice(0, sent);
      return;
    }
    const waiting = this.waiting.sort((one, other) => suspicion(one) - suspicion(other));
    this.waiting = [];
    for (const request of waiting) this.request(request);
  }

  /** Gives up a request. Its answer, if one comes, is ignored. */
  withdraw(request: FilterRequest, error: MqttError): void {
    const { packetIdentifier } = request;
    const at = this.waiting.indexOf(request);
    if (at >= 0) {
      this.waiting.splice(at, 1);
    } else if (this.requests.get(packetIdentifier) === request) {
      this.requests.delete(packetIdentifier);
      this.withdrawn.add(packetIdentifier);
    } else {
      return; // it has had its answer
    }
    request.failed(error);
    this.sendWaiting(); // it may have been a suspect, which the others waited for
  }

  abandon(error: (what: string) => MqttError): void {
    const requests = [...this.requests.values(), ...this.waiting];
    for (const identifier of this.requests.keys()) this.withdrawn.add(identifier);
    this.requests.clear();
    this.waiting = [];
    for (const request of requests) request.failed(error(describe(request)));
  }

  /** @throws ProtocolError if it does not answer what was asked */
  acknowledged(packet: SubackPacket | UnsubackPacket): void {
    const request = this.requests.get(packet.packetIdentifier);
    if (request === undefined) {
      if (!this.withdrawn.delete(packet.packetIdentifier)) return;
      this.identifiers.release(packet.packetIdentifier);
      this.sendWaiting();
      return;
    }
    const subscribing = request instanceof SubscribeRequest;
    if (subscribing !== (packet.type === "suback")) {
      throw forbidden(`${packet.type}: packetIdentifier ${packet.packetIdentifier} belongs to another request`);
    }
    const sent = request instanceof SubscribeRequest ? sentBy(request).length : request.topicFilters.length;
    const got = packet.reasonCodes.length;
    if (got !== sent && (subscribing || got > 0)) {
      throw forbidden(`${packet.type}: ${got} reason codes for ${sent} topic filters [MQTT-3.9.3-1]`);
    }
    this.requests.delete(packet.packetIdentifier);
    this.identifiers.release(packet.packetIdentifier);
    this.sendWaiting();
    if (request instanceof SubscribeRequest && packet.type === "suback")
      request.acknowledged(withRefusals(request, packet));
    else request.acknowledged(packet);
  }

  /** What concerns a suspect's topic filters must not be asked before it. */
  private keepBehind(request: FilterRequest): void {
    const filters = new Set(filtersOf(request));
    for (const suspect of [...this.requests.values(), ...this.waiting]) {
      if (suspicion(suspect) > request.losses && filtersOf(suspect).some((each) => filters.has(each)))
        request.losses = suspect.losses;
    }
  }

  /** A suspect is asked when nothing else is, and nothing beside it. */
  private mayAsk(request: FilterRequest): boolean {
    for (const asked of this.requests.values()) return suspicion(request) === 0 && suspicion(asked) === 0;
    return true;
  }

  private send(link: RequestLink, request: FilterRequest): void {
    if (request instanceof SubscribeRequest) {
      const refusal = this.refuseLocally(link, request);
      if (refusal !== undefined) {
        request.failed(refusal);
        return;
      }
    }
    const packetIdentifier = this.identifiers.take();
    if (packetIdentifier === 0) {
      this.waiting.push(request);
      return;
    }
    const encoded = encodeRequest(request, packetIdentifier, link.version, link.limits);
    if (encoded instanceof Uint8Array) {
      request.packetIdentifier = packetIdentifier;
      request.sending = ++this.sendings;
      this.heard = false;
      this.requests.set(packetIdentifier, request);
      link.outlet.out.append(encoded);
      link.outlet.touch();
    } else {
      this.identifiers.release(packetIdentifier);
      request.failed(encoded);
    }
  }

  /** Notes which filters the server would not take. Returns the reason if that is all of them. */
  private refuseLocally(link: RequestLink, request: SubscribeRequest): MqttError | undefined {
    const { limits, version } = link;
    const unavailable = version === 5 ? identifierRefusal(limits, request.properties) : undefined;
    if (unavailable !== undefined) return unavailable;
    const refusals = new Map<number, RefusedError>();
    request.subscriptions.forEach((subscription, i) => {
      const refusal = subscriptionRefusal(limits, subscription);
      if (refusal !== undefined) refusals.set(i, refusal);
    });
    request.refusals = refusals;
    return refusals.size === request.subscriptions.length ? refusals.get(0) : undefined;
  }
}

function filtersOf(request: FilterRequest): readonly string[] {
  return request instanceof SubscribeRequest
    ? request.subscriptions.map(({ topicFilter }) => topicFilter)
    : request.topicFilters;
}

/** 0 for a request that nothing is held against. */
function suspicion({ losses }: FilterRequest): number {
  return losses < SUSPECT ? 0 : losses;
}

function unanswerable(request: FilterRequest): TransportError {
  const [code, packet] =
    request instanceof SubscribeRequest
      ? (["SUBSCRIBE_UNANSWERED", "SUBSCRIBE"] as const)
      : (["UNSUBSCRIBE_UNANSWERED", "UNSUBSCRIBE"] as const);
  const message = `${describe(request)} is given up: connection after connection was lost before its ${packet} was answered`;
  return new TransportError(code, message);
}

function partition<Item>(items: readonly Item[], belongs: (item: Item) => boolean): [Item[], Item[]] {
  const inside: Item[] = [];
  const outside: Item[] = [];
  for (const item of items) (belongs(item) ? inside : outside).push(item);
  return [inside, outside];
}

/** The part of a request that goes to the server. */
function sentBy(request: SubscribeRequest): readonly SubscriptionRequest[] {
  return request.refusals.size === 0
    ? request.subscriptions
    : request.subscriptions.filter((_, i) => !request.refusals.has(i));
}

function withRefusals(request: SubscribeRequest, packet: SubackPacket): SubackPacket {
  if (request.refusals.size === 0) return packet;
  const answers = packet.reasonCodes[Symbol.iterator]();
  const reasonCodes = request.subscriptions.map(
    (_, i) => request.refusals.get(i)?.reasonCode ?? (answers.next().value as number),
  );
  return { ...packet, reasonCodes };
}

/** The request's packet; or why it cannot be sent over a connection of this version, which nobody knew when it was made. */
function encodeRequest(
  request: FilterRequest,
  packetIdentifier: number,
  version: ProtocolVersion,
  limits: ServerLimits,
): Uint8Array | MqttError {
  const { maximumPacketSize } = limits;
  try {
    const bytes =
      request instanceof SubscribeRequest
        ? encodeClientPacket(subscribePacket(request, packetIdentifier, limits), version)
        : encodeClientPacket(unsubscribePacket(request, packetIdentifier), version);
    return bytes.length > maximumPacketSize ? packetTooLarge(maximumPacketSize, describe(request)) : bytes;
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
}

function subscribePacket(request: SubscribeRequest, packetIdentifier: number, limits: ServerLimits): SubscribePacket {
  const { properties, identifier } = request;
  const automatic = identifier > 0 && limits.subscriptionIdentifiersAvailable;
  return {
    type: "subscribe",
    packetIdentifier,
    subscriptions: sentBy(request),
    properties: automatic ? { subscriptionIdentifier: identifier, ...withoutUndefined(properties ?? {}) } : properties,
  };
}

function unsubscribePacket(request: UnsubscribeRequest, packetIdentifier: number): UnsubscribePacket {
  const { topicFilters, properties } = request;
  return { type: "unsubscribe", packetIdentifier, topicFilters, properties };
}

function describe(request: FilterRequest): string {
  return request instanceof SubscribeRequest
    ? `the subscription to "${request.subscriptions.map((each) => each.topicFilter).join('", "')}"`
    : `the unsubscription from "${request.topicFilters.join('", "')}"`;
}
