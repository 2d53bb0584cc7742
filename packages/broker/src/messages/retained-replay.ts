/**
 * The retained messages that a new subscription brings. They are sent in slices, so that other clients do not wait for
 * the end of a long list, and only as fast as the client reads.
 */

import type { Clock, QoS } from "@aiko/mqtt";
import { hasWildcard, topicFilterMatches } from "@aiko/mqtt/topic";
import type { KnownClient } from "../clients/known-client.js";
import type { PublishedMessage } from "./published-message.js";
import type { Retained, RetainedMessages } from "./retained-messages.js";

/** The subscription that brings the messages. */
export interface ReplaySubscription {
  readonly topicFilter: string;
  readonly qos: QoS;
  readonly subscriptionIdentifier: number | undefined;
}

/** The most messages that one subscription brings before other work has its turn. */
const SLICE = 100;

/** The messages of one subscription that are still to be sent. */
interface Replay {
  readonly client: KnownClient;
  readonly subscription: ReplaySubscription;
  readonly rest: Iterator<Retained>;
  /** Messages that were retained after this one reached the client as they were published. */
  readonly last: number;
  /** A bit for each slot: whether its message was sent. */
  readonly sent: Uint8Array;
  /** Whether it was stopped. */
  over: boolean;
}

export class RetainedReplays {
  private readonly byClient = new Map<KnownClient, Map<string, Replay>>();
  /** Those that have work to do, in turn. Others wait until their client has room. */
  private ready: Replay[] = [];
  private scheduled = false;

  constructor(
    private readonly clock: Clock,
    private readonly retained: RetainedMessages,
  ) {}

  /** Begins to send the messages of a subscription: the first slice now. Replaces a replay of the same filter. */
  start(client: KnownClient, subscription: ReplaySubscription): void {
    const { topicFilter } = subscription;
    const { retained } = this;
    if (!hasWildcard(topicFilter)) {
      const now = this.clock.now();
      const only = retained.get(topicFilter, now);
      if (only !== undefined) send(client, subscription, only.message, now);
      return;
    }
    this.stop(client, topicFilter);
    const replay = {
      client,
      subscription,
      rest: retained.find(topicFilter),
      last: retained.sequence,
      sent: new Uint8Array(Math.ceil(retained.slots / 8)),
      over: false,
    };
    if (this.ready.length === 0 && this.advance(replay) === "done") return;
    let replays = this.byClient.get(client);
    if (replays === undefined) {
      replays = new Map();
      this.byClient.set(client, replays);
    }
    replays.set(topicFilter, replay);
    this.resume(replay);
  }

  /** Called when a client has ended a subscription. */
  stop(client: KnownClient, topicFilter: string): void {
    const replays = this.byClient.get(client);
    const replay = replays?.get(topicFilter);
    if (replays === undefined || replay === undefined) return;
    replay.over = true;
    replays.delete(topicFilter);
    if (replays.size === 0) this.byClient.delete(client);
  }

  /** Called when the session of a client has ended. */
  stopAll(client: KnownClient): void {
    for (const replay of this.byClient.get(client)?.values() ?? []) replay.over = true;
    this.byClient.delete(client);
  }

  /**
   * Called before a message is delivered to a client. Sends the retained message of its topic first, if that still waits:
   * otherwise it would arrive after a later message of the same publisher [MQTT-4.6.0-6].
   */
  precede(client: KnownClient, { topic }: PublishedMessage, now: number): void {
    const replays = this.byClient.get(client);
    if (replays === undefined) return;
    const retained = this.retained.get(topic, now);
    if (retained === undefined) return;
    for (const replay of replays.values()) {
      if (!replay.over && topicFilterMatches(replay.subscription.topicFilter, topic)) deliver(replay, retained, now);
    }
  }

  /** Whether any client still waits for messages. */
  get isIdle(): boolean {
    return this.byClient.size === 0;
  }

  private resume(replay: Replay): void {
    this.ready.push(replay);
    if (this.scheduled) return;
    this.scheduled = true;
    this.clock.defer(this.turn);
  }

  private readonly turn = (): void => {
    this.scheduled = false;
    const replay = this.ready.shift();
    if (replay !== undefined && !replay.over) {
      const state = this.advance(replay);
      if (state === "more") this.ready.push(replay);
      else if (state === "full") replay.client.whenRoom(() => this.resume(replay));
      else this.stop(replay.client, replay.subscription.topicFilter);
    }
    if (this.ready.length === 0 || this.scheduled) return;
    this.scheduled = true;
    this.clock.defer(this.turn);
  };

  /** Sends a slice. */
  private advance(replay: Replay): "more" | "full" | "done" {
    const { client, rest } = replay;
    const now = this.clock.now();
    for (let count = 0; count < SLICE; count++) {
      if (client.isOnline && client.isBacklogged) return "full";
      const next = rest.next();
      if (next.done) return "done";
      // The remaining messages would be dropped, too.
      if (!deliver(replay, next.value, now)) return "done";
    }
    return "more";
  }
}

/** Sends a message, unless it was sent, or has expired. Returns false if the client's queue is full. */
function deliver({ client, subscription, last, sent }: Replay, retained: Retained, now: number): boolean {
  const { message, sequence, slot } = retained;
  if (sequence > last || message.expiresAt <= now) return true;
  const bit = 1 << (slot & 7);
  const byte = sent[slot >> 3] as number;
  if ((byte & bit) !== 0) return true;
  sent[slot >> 3] = byte | bit;
  return send(client, subscription, message, now);
}

function send(
  client: KnownClient,
  { qos, subscriptionIdentifier }: ReplaySubscription,
  message: PublishedMessage,
  now: number,
): boolean {
  const recipient = {
    qos: Math.min(qos, message.qos) as QoS,
    retain: true,
    subscriptionIdentifiers: subscriptionIdentifier === undefined ? [] : [subscriptionIdentifier],
    sharedFilters: undefined,
  };
  return client.deliver(message, recipient, now);
}
