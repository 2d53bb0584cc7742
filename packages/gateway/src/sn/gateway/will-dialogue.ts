/** The dialogue in which a client gives its will before it is connected [SN 6.2]: each prompt is sent again until it is answered. */

import type { Clock } from "@aiko/mqtt";
import { topicNameProblem } from "@aiko/mqtt/topic";
import type { SnPacket, WillmsgPacket, WilltopicPacket } from "../packets.js";
import { Deadline } from "./deadline.js";
import { isRisky } from "./risky-text.js";
import type { SnReport } from "./sn-report.js";
import type { SnSettings } from "./sn-settings.js";
import type { SnWill } from "./sn-uplink.js";

/** How a dialogue ends. "invalid": the will's topic is not a topic name. "silent": the client does not answer. */
export type WillResult = { readonly will: SnWill | undefined } | "invalid" | "silent";

export interface WillDialogueParts {
  readonly clock: Clock;
  readonly settings: Pick<SnSettings, "retry" | "retries">;
  readonly report: Pick<SnReport, "retried">;
  send(packet: SnPacket): void;
  /** Is called once. */
  ended(result: WillResult): void;
}

type Topic = NonNullable<WilltopicPacket["will"]>;

export class WillDialogue {
  /** When it began: what is open for long makes room for others. */
  readonly beganAt: number;
  private topic: Topic | undefined;
  private tries = 0;
  private readonly retry: Deadline;

  /** Sends the first prompt. */
  constructor(private readonly parts: WillDialogueParts) {
    this.beganAt = parts.clock.now();
    this.retry = new Deadline(parts.clock, () => this.again());
    this.prompt();
  }

  /** Sends the prompt that is not answered. */
  prompt(): void {
    this.parts.send({ type: this.topic === undefined ? "willtopicreq" : "willmsgreq" });
    this.retry.set(this.parts.settings.retry);
  }

  willTopic({ will }: WilltopicPacket): void {
    if (this.topic !== undefined) {
      this.prompt(); // WILLTOPIC was sent again
    } else if (will === undefined) {
      this.end({ will: undefined });
    } else if (topicNameProblem(will.topic) !== undefined || isRisky(will.topic)) {
      this.end("invalid");
    } else {
      this.topic = will;
      this.tries = 0;
      this.prompt();
    }
  }

  /** Returns false if it was not asked for. */
  willMessage({ message }: WillmsgPacket): boolean {
    if (this.topic === undefined) return false;
    this.end({ will: { ...this.topic, message } });
    return true;
  }

  /** Ends without a result. */
  close(): void {
    this.retry.clear();
  }

  private again(): void {
    if (this.tries >= this.parts.settings.retries) {
      this.end("silent");
      return;
    }
    this.tries++;
    this.parts.report.retried();
    this.prompt();
  }

  private end(result: WillResult): void {
    this.retry.clear();
    this.parts.ended(result);
  }
}
