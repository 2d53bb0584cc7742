/**
 * A question to the gateway and its answer: what to send first, and what the gateway's messages mean for it. Knows no time:
 * the machine repeats what is not answered.
 */

import { type MqttError, RefusedError, type RefusedErrorCode } from "@aiko/mqtt";
import type { SnPacket } from "../packets.js";

/** What happens next in an exchange. */
export type Step =
  /** The message does not belong to it. */
  | { readonly to: "ignore" }
  /** The packet is sent, and repeated until an answer comes. */
  | { readonly to: "send"; readonly packet: SnPacket }
  /** The gateway has not received the last packet. */
  | { readonly to: "repeat" }
  /** It has ended well; the packet, if there is one, is the last and has no answer. */
  | { readonly to: "finish"; readonly packet?: SnPacket | undefined }
  | { readonly to: "fail"; readonly error: MqttError };

export interface Exchange {
  /** What it is about, for errors: `PUBLISH to "a/b"`. */
  readonly what: string;
  /** For errors. */
  readonly topic?: string | undefined;
  begin(): Step;
  receive(packet: SnPacket): Step;
}

export const IGNORE: Step = { to: "ignore" };
export const REPEAT: Step = { to: "repeat" };
export const FINISH: Step = { to: "finish" };

/** One packet and one answer, without anything to decide. */
export class PlainExchange implements Exchange {
  constructor(
    readonly what: string,
    private readonly packet: SnPacket,
    private readonly answer: SnPacket["type"],
  ) {}

  begin(): Step {
    return { to: "send", packet: this.packet };
  }

  receive(packet: SnPacket): Step {
    if (packet.type !== this.answer) return IGNORE;
    const { messageId } = this.packet as { messageId?: number };
    return messageId === undefined || (packet as { messageId?: number }).messageId === messageId ? FINISH : IGNORE;
  }
}

/** The return codes in words [SN 5.3.10]. */
const WORDS: readonly string[] = ["accepted", "congestion", "invalid topic identifier", "not supported"];

/** A step that fails with the gateway's return code. */
export function refused(code: RefusedErrorCode, what: string, returnCode: number): Step {
  const word = WORDS[returnCode] ?? "a reserved return code";
  return {
    to: "fail",
    error: new RefusedError(code, returnCode, `the gateway refused ${what}: ${word} (${returnCode})`),
  };
}
