/** How one client and the gateway name topics to each other: predefined, short, or by an identifier [SN 5.3.11, 6.7]. */

import { topicNameProblem } from "@aiko/mqtt/topic";
import type { PublishTopic } from "../packets.js";
import type { PredefinedTopics } from "./predefined-topics.js";
import { isRisky } from "./risky-text.js";
import type { TopicIds } from "./topic-ids.js";

/** The octets of a short topic name [SN 3]. */
const SHORT = 2;
const LAST_ASCII = 0x7f;

export class ClientTopics {
  constructor(
    readonly ids: TopicIds,
    readonly predefined: PredefinedTopics,
  ) {}

  /** Returns the name of the topic of a PUBLISH. Undefined: the client must register again. */
  nameOf(topic: PublishTopic): string | undefined {
    switch (topic.kind) {
      case "normal":
        return this.ids.nameOf(topic.id);
      case "predefined":
        return this.predefined.nameOf(topic.id);
      case "short":
        return topicNameProblem(topic.name) === undefined && !isRisky(topic.name) ? topic.name : undefined;
    }
  }

  /**
   * Returns how a PUBLISH to the client names a topic, and whether it must be registered before. Undefined: there is no
   * identifier left.
   */
  topicFor(name: string): { readonly topic: PublishTopic; readonly mustRegister: boolean } | undefined {
    const predefined = this.predefined.idOf(name);
    if (predefined !== undefined) return { topic: { kind: "predefined", id: predefined }, mustRegister: false };
    if (isShort(name)) return { topic: { kind: "short", name }, mustRegister: false };
    const id = this.ids.assign(name);
    return id === undefined ? undefined : { topic: { kind: "normal", id }, mustRegister: !this.ids.isTold(name) };
  }
}

function isShort(name: string): boolean {
  return name.length === SHORT && name.charCodeAt(0) <= LAST_ASCII && name.charCodeAt(1) <= LAST_ASCII;
}
