/** What a handler is given beside its message: the signal to give up. */

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
  /** Set when nobody waits for the handler any more: why. */
  private ended: { readonly reason: unknown } | undefined;
  private source: ReturnType<typeof runtimeAbortSource> | undefined;

  /** Made when it is asked for: few handlers do. */
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
