/** Counts what passes between a source and its devices, since the gateway was started. For metrics. */

import type { DropReason } from "../drop-reason.js";

/** What became of a frame: "accepted", or why it was dropped. */
export type FrameResult = "accepted" | DropReason;

/** What is counted of a source. */
export interface TrafficCounts {
  /** Frames, by what became of them. */
  readonly frames: Readonly<Record<string, number>>;
  /** Polls and commands, by what became of them: "poll ok", "command timeout". */
  readonly requests: Readonly<Record<string, number>>;
  /** Bytes that were received from devices. */
  readonly received: number;
  /** Bytes that were sent to devices. */
  readonly sent: number;
}

export class Traffic {
  private readonly frames = new Map<FrameResult, number>();
  private readonly requests = new Map<string, number>();
  private received = 0;
  private sent = 0;

  get counts(): TrafficCounts {
    const { received, sent } = this;
    return { frames: Object.fromEntries(this.frames), requests: Object.fromEntries(this.requests), received, sent };
  }

  frame(result: FrameResult): void {
    this.frames.set(result, (this.frames.get(result) ?? 0) + 1);
  }

  /** @param result "ok", or why it failed */
  request(kind: "poll" | "command", result: string): void {
    const key = `${kind} ${result}`;
    this.requests.set(key, (this.requests.get(key) ?? 0) + 1);
  }

  receive(bytes: number): void {
    this.received += bytes;
  }

  send(bytes: number): void {
    this.sent += bytes;
  }
}
