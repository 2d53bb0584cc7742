/** What a handler receives in addition to the message: the signal that tells it to stop. */

import { type RuntimeAbortSignal, runtimeAbortSource } from "../abort-source.js";

/** What a handler receives in addition to the message. */
export interface HandlerContext {
  /**
   * Fires when `handlerTimeout` is over or the client is closed. Nothing waits for the handler then. The reason is the
   * TimeoutError HANDLER_TIMEOUT or the ClosedError CLIENT_CLOSED.
   */
  readonly signal: RuntimeAbortSignal;
}

export class Handling implements HandlerContext {
  /** Set when the client no longer waits for the handler; contains the reason. */
  private ended: { readonly reason: unknown } | undefined;
  private source: ReturnType<typeof runtimeAbortSource> | undefined;

  /** Created on first access: few handlers use it. */
  get signal(): RuntimeAbortSignal {
    if (this.source === undefined) {
      this.source = runtimeAbortSource();
      if (this.ended !== undefined) this.source.abort(this.ended.reason);
    }
    return this.source.signal as RuntimeAbortSignal;
  }

  abort(reason: unknown): void {
    if (this.ended !== undefined) return;
    this.ended = { reason };
    this.source?.abort(reason);
  }
}
