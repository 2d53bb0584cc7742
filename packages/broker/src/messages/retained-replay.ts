/**
 * The retained messages that a new subscription brings. They are sent in slices, so that other clients do not wait for
 * the end of a long list, and only as fast as the client reads.
 */

import type { Clock, QoS } from "@aiko/mqtt";
import { hasWildcard, TopicTree } from "@aiko/mqtt/topic";
import type { KnownClient } from "../clients/known-client.js";
import type { PublishedMessage } from "./published-message.js";
import type { Retained, RetainedMessages } from "./retained-messages.js";

/** The subscription that brings the messages. */
export interface ReplaySubscription {
  readonly topicFilter: string;
  readonly qos: QoS;
  readonly subscriptionIdentifier: number | undefined;
}

/** The most steps of a replay before other work has its turn. A step finds a message, or passes some branches. */
const SLICE = 100;
/** A turn of the event loop with fewer steps continues with the next client. */
const LEAST = SLICE / 4;

/** The messages of one subscription that are still to be sent. */
interface Replay {
  readonly client: KnownClient;
  readonly subscription: ReplaySubscription;
  readonly rest: Iterator<Retained | undefined>;
  /** Messages that were retained after this one reached the client as they were published. */
  readonly last: number;
  /** The size of `sent` in bytes. */
  readonly size: number;
  /** A bit for each slot: whether its message was sent. Created for the first one. */
  sent: Uint8Array | undefined;
}

/** The replays of one client. They run one after the other, so only few have more than their subscription. */
class ClientReplays {
  readonly byFilter = new Map<string, Replay>();
  readonly tree = new TopicTree<Replay>();
  /** Whether they wait for their turn, or until the client has room. */
  isWaiting = false;

  constructor(readonly client: KnownClient) {}

  get first(): Replay | undefined {
    const [first] = this.byFilter.values();
    return first;
  }
}

export class RetainedReplays {
  private readonly byClient = new Map<KnownClient, ClientReplays>();
  /** Those that have work to do, in turn. Others wait until their client has room. */
  private ready: ClientReplays[] = [];
  private scheduled = false;
  /** The steps since the last turn of the event loop. */
  private steps = 0;

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
      rest: retained.search(topicFilter),
      last: retained.sequence,
      size: Math.ceil(retained.slots / 8),
      sent: undefined,
    };
    let replays = this.byClient.get(client);
    if (replays === undefined) {
      if (this.ready.length === 0 && this.steps < SLICE && this.advance(replay) === "done") {
        this.giveBack(replay);
        return;
      }
      replays = new ClientReplays(client);
      this.byClient.set(client, replays);
    }
    replays.byFilter.set(topicFilter, replay);
    replays.tree.add(topicFilter, replay);
    if (!replays.isWaiting) this.resume(replays);
  }

  /** Called when a client has ended a subscription. */
  stop(client: KnownClient, topicFilter: string): void {
    const replays = this.byClient.get(client);
    const replay = replays?.byFilter.get(topicFilter);
    if (replays === undefined || replay === undefined) return;
    this.giveBack(replay);
    replays.byFilter.delete(topicFilter);
    replays.tree.delete(topicFilter, replay);
    if (replays.byFilter.size === 0) this.byClient.delete(client);
  }

  /** Called when the session of a client has ended. */
  stopAll(client: KnownClient): void {
    const replays = this.byClient.get(client);
    if (replays === undefined) return;
    for (const replay of replays.byFilter.values()) this.giveBack(replay);
    replays.byFilter.clear();
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
    replays.tree.match(topic, (replay) => this.deliver(replay, retained, now));
  }

  /** Whether any client still waits for messages. */
  get isIdle(): boolean {
    return this.byClient.size === 0;
  }

  private resume(replays: ClientReplays): void {
    replays.isWaiting = true;
    this.ready.push(replays);
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.clock.defer(this.turn);
  }

  /** Clients take turns. Several short replays, or a slice of a long one, are done in one turn. */
  private readonly turn = (): void => {
    this.scheduled = false;
    this.steps = 0;
    while (this.steps < LEAST) {
      const replays = this.ready.shift();
      if (replays === undefined) return;
      replays.isWaiting = false;
      const replay = replays.first;
      if (replay === undefined) continue; // stopped
      const state = this.advance(replay);
      if (state === "done") this.stop(replay.client, replay.subscription.topicFilter);
      if (replays.isWaiting || replays.first === undefined) continue;
      replays.isWaiting = true;
      if (state === "full") replay.client.whenRoom(() => this.resume(replays));
      else this.ready.push(replays);
    }
    if (this.ready.length > 0) this.schedule();
  };

  /** Sends a slice. */
  private advance(replay: Replay): "more" | "full" | "done" {
    const { client, rest } = replay;
    const now = this.clock.now();
    this.steps++; // a client without room costs a step, too
    for (let count = 0; count < SLICE; count++) {
      if (client.isOnline && client.isBacklogged) return "full";
      const next = rest.next();
      if (next.done) return "done";
      this.steps++;
      // The remaining messages would be dropped, too.
      if (next.value !== undefined && !this.deliver(replay, next.value, now)) return "done";
    }
    return "more";
  }

  /** Sends a message, unless it was sent, or has expired. Returns false if the client's queue is full. */
  private deliver(replay: Replay, { message, sequence, slot }: Retained, now: number): boolean {
    if (sequence > replay.last || message.expiresAt <= now) return true;
    if (replay.sent === undefined) {
      replay.sent = new Uint8Array(replay.size);
      this.retained.budget.take(replay.size);
    }
    const { sent } = replay;
    const bit = 1 << (slot & 7);
    const byte = sent[slot >> 3] as number;
    if ((byte & bit) !== 0) return true;
    sent[slot >> 3] = byte | bit;
    return send(replay.client, replay.subscription, message, now);
  }

  /** Frees the memory of a replay that has ended. */
  private giveBack(replay: Replay): void {
    if (replay.sent !== undefined) this.retained.budget.take(-replay.size);
    replay.sent = undefined;
  }
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
