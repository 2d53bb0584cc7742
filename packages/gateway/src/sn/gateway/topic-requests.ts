/** The REGISTER, SUBSCRIBE and UNSUBSCRIBE of one client [SN 6.5, 6.9]. */

import { hasWildcard, sharedFilterProblem, topicFilterProblem, topicNameProblem } from "@aiko/mqtt/topic";
import { utf8Length } from "../../text/utf8.js";
import {
  type FilterTopic,
  RETURN_CODES,
  type RegisterPacket,
  type SnPacket,
  type SubscribePacket,
  type UnsubscribePacket,
} from "../packets.js";
import type { ClientTopics } from "./client-topics.js";
import { isRisky } from "./risky-text.js";
import type { SnSettings } from "./sn-settings.js";
import type { SnConnection, SnFilter } from "./sn-uplink.js";
import { OUTCOME_CODES } from "./uplink-receipts.js";

export interface TopicRequestParts {
  readonly settings: Pick<SnSettings, "maxTopics" | "maxDatagram">;
  readonly topics: ClientTopics;
  /** What the client has subscribed to. */
  filters(): readonly SnFilter[];
  /** Undefined: there is none now. */
  connection(): Pick<SnConnection, "subscribe" | "unsubscribe"> | undefined;
  send(packet: SnPacket): void;
  /** Resolves when the subscription would survive the process. Never rejects. */
  keep(): Promise<void>;
  /** No SUBSCRIBE waits for the far side any more. */
  subscribed(): void;
}

/** What a filter of a client is: a text that was checked, or the code for an answer. */
type Filter = { readonly text: string } | { readonly code: number };

/** Octets of a topic name or filter that are always accepted. */
const MOST_NAME = 1_400;
/** The most requests of a client that the far side has not answered. */
const MOST = 16;

export class TopicRequests {
  /** The identifiers of requests that the far side has not answered. */
  private readonly open = new Set<number>();
  /** How many of them are SUBSCRIBE. */
  private subscribing = 0;
  /** Changes when everything is forgotten: answers of before do not count. */
  private era = 0;

  constructor(private readonly parts: TopicRequestParts) {}

  /** Whether a SUBSCRIBE waits for the far side. */
  get isSubscribing(): boolean {
    return this.subscribing > 0;
  }

  register({ messageId, topicName }: RegisterPacket): void {
    const { topics } = this.parts;
    const answer = (topicId: number, returnCode: number): void =>
      this.parts.send({ type: "regack", topicId, messageId, returnCode });
    if (topicNameProblem(topicName) !== undefined || isRisky(topicName) || this.isTooLong(topicName)) {
      answer(0, RETURN_CODES.notSupported);
      return;
    }
    const id = topics.ids.ask(topicName);
    if (id === undefined) {
      answer(0, RETURN_CODES.congestion);
      return;
    }
    topics.ids.told(topicName);
    answer(id, RETURN_CODES.accepted);
  }

  subscribe({ messageId, topic, qos }: SubscribePacket): void {
    const answer = (returnCode: number, topicId = 0, granted: 0 | 1 | 2 = 0): void =>
      this.parts.send({ type: "suback", qos: granted, topicId, messageId, returnCode });
    if (this.open.has(messageId)) return; // it is answered when the far side has
    const filter = this.filterOf(topic);
    if ("code" in filter) {
      answer(filter.code);
      return;
    }
    const connection = this.parts.connection();
    if (connection === undefined || this.open.size >= MOST || !this.hasRoom(filter.text)) {
      answer(RETURN_CODES.congestion);
      return;
    }
    const topicId = this.topicIdFor(topic, filter.text);
    if (topicId === undefined) {
      answer(RETURN_CODES.congestion);
      return;
    }
    this.subscribing++;
    const subscribed = connection.subscribe(filter.text, qos).then(async (result) => {
      if (result.outcome === "accepted") await this.parts.keep();
      return result;
    });
    this.request(messageId, subscribed, (result) => {
      this.subscribing--;
      if (result.outcome === "accepted") {
        if (topic.kind === "normal") this.parts.topics.ids.told(filter.text);
        answer(RETURN_CODES.accepted, topicId, result.qos);
      } else {
        answer(OUTCOME_CODES[result.outcome]);
      }
      if (this.subscribing === 0) this.parts.subscribed();
    });
  }

  unsubscribe({ messageId, topic }: UnsubscribePacket): void {
    const answer = (): void => this.parts.send({ type: "unsuback", messageId });
    if (this.open.has(messageId)) return;
    const filter = this.filterOf(topic);
    if ("code" in filter) {
      answer(); // it has no return code, and nothing is subscribed
      return;
    }
    const connection = this.parts.connection();
    if (connection === undefined || this.open.size >= MOST) return; // the client asks again
    this.request(messageId, connection.unsubscribe(filter.text), (outcome) => {
      if (outcome !== "congestion") answer();
    });
  }

  /** Forgets all: the session has ended. */
  forget(): void {
    this.era++;
    this.open.clear();
    this.subscribing = 0;
  }

  private request<Result>(messageId: number, result: Promise<Result>, settle: (result: Result) => void): void {
    const { era } = this;
    this.open.add(messageId);
    void result.then((settled) => {
      if (era !== this.era) return;
      this.open.delete(messageId);
      settle(settled);
    });
  }

  private filterOf(topic: FilterTopic): Filter {
    if (topic.kind === "predefined") {
      const text = this.parts.topics.predefined.nameOf(topic.id);
      return text === undefined ? { code: RETURN_CODES.invalidTopicId } : { text };
    }
    const problem = topicFilterProblem(topic.name) ?? sharedFilterProblem(topic.name);
    if (problem !== undefined || isRisky(topic.name) || this.isTooLong(topic.name)) {
      return { code: RETURN_CODES.notSupported };
    }
    return { text: topic.name };
  }

  /** Whether the name takes more memory than one for a client: names of 64 KiB could fill it. */
  private isTooLong(name: string): boolean {
    return utf8Length(name) > Math.max(MOST_NAME, this.parts.settings.maxDatagram);
  }

  /** Whether the client may have another filter, or has this one. Filters with wildcards have no topic identifier to count. */
  private hasRoom(filter: string): boolean {
    const filters = this.parts.filters();
    return filters.length < this.parts.settings.maxTopics || filters.some(([name]) => name === filter);
  }

  /** The identifier in SUBACK; 0 if messages may have several topics. Undefined: there are too many [SN 5.4.16]. */
  private topicIdFor(topic: FilterTopic, filter: string): number | undefined {
    if (topic.kind === "predefined") return topic.id;
    if (topic.kind === "short" || hasWildcard(filter) || filter.startsWith("$share/")) return 0;
    return this.parts.topics.ids.ask(filter);
  }
}
