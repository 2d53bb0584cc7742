/** Aborting: what an operation does with the signal it was given, and the smallest source of one for engines without. */

import { UsageError } from "../errors.js";
import type { AbortSignalLike } from "../platform/abort.js";

export class AbortSource {
  private readonly listeners = new Set<() => void>();
  private state: { readonly aborted: boolean; readonly reason: unknown } = { aborted: false, reason: undefined };
  readonly signal: AbortSignalLike;

  constructor() {
    const source = this;
    this.signal = {
      get aborted() {
        return source.state.aborted;
      },
      get reason() {
        return source.state.reason;
      },
      addEventListener: (_type, listener) => void this.listeners.add(listener),
      removeEventListener: (_type, listener) => void this.listeners.delete(listener),
    };
  }

  abort(reason: unknown): void {
    if (this.state.aborted) return;
    this.state = { aborted: true, reason };
    for (const listener of [...this.listeners]) listener();
    this.listeners.clear();
  }
}

/** @throws UsageError ABORTED */
export function assertNotAborted(signal: AbortSignalLike | undefined): void {
  if (signal?.aborted) throw aborted(signal);
}

/** Calls `abort` when the signal fires. Returns what stops listening to it. */
export function onAbort(signal: AbortSignalLike | undefined, abort: (error: UsageError) => void): () => void {
  if (signal === undefined) return () => undefined;
  const fire = (): void => abort(aborted(signal));
  signal.addEventListener("abort", fire);
  return () => signal.removeEventListener("abort", fire);
}

/** What `work` comes to, or a rejection with the signal's reason as soon as it fires. */
export async function orAborted<Result>(work: Result | Promise<Result>, signal: AbortSignalLike): Promise<Result> {
  let stop = (): void => undefined;
  const givenUp = new Promise<never>((_, reject) => {
    const fire = (): void => reject(signal.reason);
    if (signal.aborted) fire();
    signal.addEventListener("abort", fire);
    stop = () => signal.removeEventListener("abort", fire);
  });
  try {
    return await Promise.race([work, givenUp]);
  } finally {
    stop();
  }
}

function aborted(signal: AbortSignalLike): UsageError {
  return new UsageError("ABORTED", "aborted by its signal", { cause: signal.reason });
}
