/** The messages that `sub` receives: which of them count, and when they are enough. Does not know what is done with them. */

import { type Client, type Message, platform } from "@aiko/mqtt";
import { topicFilterMatches } from "@aiko/mqtt/topic";
import type { Received } from "./message-json.js";

export interface ReceptionOptions {
  /** How many messages are enough; Infinity for no limit. */
  readonly count: number;
  /** Whether retained messages are received, no others, or both. */
  readonly retained: "only" | "none" | "too";
  /** Topic filters of messages that are ignored. */
  readonly filteredOut: readonly string[];
  /** Whether the server forgets the retained messages that are received. */
  readonly removesRetained: boolean;
  /** The percentage of the messages that are received, by chance. */
  readonly share: number;
  /** The subscription identifier that the user chose. */
  readonly subscriptionIdentifier: number | undefined;
}

/** What is done with a message. It is acknowledged when the promise resolves. */
export interface Destination {
  deliver(message: Message, received: Received): Promise<unknown> | undefined;
  /** Whether a message counts only when it is done. */
  readonly countsWhenDone: boolean;
}

/** Never settles: the message is not acknowledged, so the server keeps it. */
const KEPT = new Promise<never>(() => undefined);

export class Reception {
  private left: number;
  /** Messages that were taken and do not count yet. */
  private open = 0;
  private listener: () => void = () => undefined;

  constructor(
    private readonly options: ReceptionOptions,
    private readonly destination: Destination,
  ) {
    this.left = options.count;
  }

  /** Whether the messages are enough. */
  get isEnough(): boolean {
    return this.left === 0 && this.open === 0;
  }

  /** Resolves when the messages are enough. `listener` is called before another message is taken. */
  enough(listener: () => void): Promise<void> {
    if (this.isEnough) return Promise.resolve();
    return new Promise((resolve) => {
      this.listener = () => {
        listener();
        resolve();
      };
    });
  }

  take(message: Message, packetIdentifier: number, client: Client): Promise<unknown> | undefined {
    const { retained, filteredOut, removesRetained, share, subscriptionIdentifier: chosen } = this.options;
    if (this.left === 0) return KEPT;
    if (retained === "only" && !message.retain) {
      this.left = 0;
      this.listener();
      return undefined;
    }
    if (retained === "none" && message.retain) return undefined;
    if (filteredOut.some((filter) => topicFilterMatches(filter, message.topic))) return undefined;
    const removal =
      removesRetained && message.retain ? client.publish(message.topic, "", { qos: 1, retain: true }) : undefined;
    if (platform.random.next() * 100 >= share) return removal;
    const isChosen = message.properties.subscriptionIdentifiers?.some((each) => each === chosen) === true;
    const subscriptionIdentifier = isChosen ? chosen : undefined;
    this.left--;
    this.open++;
    const { destination } = this;
    const done = destination.deliver(message, { at: platform.clock.now(), packetIdentifier, subscriptionIdentifier });
    if (done !== undefined && destination.countsWhenDone) done.then(this.counted, this.counted);
    else this.counted();
    return removal === undefined ? done : Promise.all([removal, done]);
  }

  private readonly counted = (): void => {
    this.open--;
    if (this.isEnough) this.listener();
  };
}
