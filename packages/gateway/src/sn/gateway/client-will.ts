/** The will of one client: the dialogue in which it is given, and its updates [SN 6.2, 6.4]. Knows no connection. */

import type { Clock } from "@aiko/mqtt";
import { topicNameProblem } from "@aiko/mqtt/topic";
import { RETURN_CODES, type SnPacket, type WillmsgPacket, type WilltopicPacket } from "../packets.js";
import { isRisky } from "./risky-text.js";
import type { SnReport } from "./sn-report.js";
import type { SnSettings } from "./sn-settings.js";
import type { SnOutcome, SnWill } from "./sn-uplink.js";
import { OUTCOME_CODES } from "./uplink-receipts.js";
import { WillDialogue, type WillResult } from "./will-dialogue.js";

export interface ClientWillParts {
  readonly clock: Clock;
  readonly settings: Pick<SnSettings, "retry" | "retries">;
  readonly report: Pick<SnReport, "retried">;
  send(packet: SnPacket): void;
  /**
   * Replaces the will at the far side.
   *
   * @param settle is called with the outcome, unless the connection has ended meanwhile
   */
  replace(will: SnWill | undefined, settle: (outcome: SnOutcome) => void): void;
  /** The will has changed. */
  changed(): void;
}

export class ClientWill {
  /** What the far side has. */
  current: SnWill | undefined;
  private dialogue: WillDialogue | undefined;

  constructor(private readonly parts: ClientWillParts) {}

  /** When the dialogue began that is open. Undefined: none is. */
  get beganAt(): number | undefined {
    return this.dialogue?.beganAt;
  }

  /** Asks the client for its will. @param ended is called with the result, unless the dialogue is closed before */
  ask(ended: (result: WillResult) => void): void {
    const { clock, settings, report, send } = this.parts;
    this.dialogue = new WillDialogue({
      clock,
      settings,
      report,
      send,
      ended: (result) => {
        this.dialogue = undefined;
        if (typeof result === "object") this.current = result.will;
        ended(result);
      },
    });
  }

  /** Sends the open prompt again. Returns false if no dialogue is open. */
  prompt(): boolean {
    this.dialogue?.prompt();
    return this.dialogue !== undefined;
  }

  /** Ends the dialogue without a result. */
  close(): void {
    this.dialogue?.close();
    this.dialogue = undefined;
  }

  /** WILLTOPIC, and WILLTOPICUPD. Returns false if it was not asked for. */
  topic(packet: WilltopicPacket): boolean {
    if (packet.type === "willtopicupd") {
      const will = packet.will && { message: new Uint8Array(0), ...this.current, ...packet.will };
      this.replace("willtopicresp", will);
      return true;
    }
    const { dialogue } = this;
    dialogue?.willTopic(packet); // an empty one ends it
    return dialogue !== undefined;
  }

  /** WILLMSG, and WILLMSGUPD. Returns false if it was not asked for. */
  message(packet: WillmsgPacket): boolean {
    if (packet.type !== "willmsgupd") return this.dialogue?.willMessage(packet) === true;
    if (this.current !== undefined) this.replace("willmsgresp", { ...this.current, message: packet.message });
    else this.parts.send({ type: "willmsgresp", returnCode: RETURN_CODES.notSupported });
    return true;
  }

  private replace(type: "willtopicresp" | "willmsgresp", will: SnWill | undefined): void {
    const { send, replace, changed } = this.parts;
    if (will !== undefined && (topicNameProblem(will.topic) !== undefined || isRisky(will.topic))) {
      send({ type, returnCode: RETURN_CODES.notSupported });
      return;
    }
    replace(will, (outcome) => {
      if (outcome === "accepted") {
        this.current = will;
        changed();
      }
      send({ type, returnCode: OUTCOME_CODES[outcome] });
    });
  }
}
