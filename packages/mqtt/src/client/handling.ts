/** One message in the hands of a handler, from the call until its promise settles: since when, and the signal to give up. */

import { type RuntimeAbortSignal, runtimeAbortSource } from "./abort-source.js";
import type { Handled } from "./subscription.js";

/** What a handler is given beside the message. */
export interface HandlerContext {
  /**
   * Fires when `handlerTimeout` is over, or the client is closed: nobody waits for the handler any more. Its reason is the
   * TimeoutError HANDLER_TIMEOUT or the UsageError CLIENT_CLOSED.
   */
  readonly signal: RuntimeAbortSignal;
}

export class Handling implements HandlerContext {
  /** When the handler was called. */
  since = 0;
  /** Set when nobody waits for the handler any more: why. */
  private ended: { readonly reason: unknown } | undefined;
  private source: ReturnType<typeof runtimeAbortSource> | undefined;

  constructor(readonly handled: Handled) {}

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
