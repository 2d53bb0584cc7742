/**
 * Aborting: how operations use the signal that they receive, and a minimal source of signals for engines without
 * AbortController.
 */

import { AbortedError } from "../errors.js";
import { invalidOption } from "../options/option-error.js";
import type { AbortSignalLike } from "../platform/abort.js";

/** The runtime's own AbortSignal if it has one, so that you can pass it to `fetch`. */
export type RuntimeAbortSignal = typeof globalThis extends { AbortSignal: { prototype: infer Signal } }
  ? Signal
  : AbortSignalLike;

interface Controller {
  readonly signal: AbortSignalLike;
  abort(reason: unknown): void;
}

const NOT_ABORTED = { aborted: false, reason: undefined };
const NOBODY: readonly (() => void)[] = [];

const runtime = globalThis as { readonly AbortController?: new () => Controller };

/** A signal and its source in one object. Each connection attempt makes one, so it is small. */
export class AbortSource implements Controller, AbortSignalLike {
  private listeners: readonly (() => void)[] = NOBODY;
  private state: { readonly aborted: boolean; readonly reason: unknown } = NOT_ABORTED;

  get signal(): AbortSignalLike {
    return this;
  }

  get aborted(): boolean {
    return this.state.aborted;
  }

  get reason(): unknown {
    return this.state.reason;
  }

  addEventListener(_type: "abort", listener: () => void): void {
    this.listeners = [...this.listeners, listener];
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    this.listeners = this.listeners.filter((each) => each !== listener);
  }

  abort(reason: unknown): void {
    if (this.state.aborted) return;
    this.state = { aborted: true, reason };
    const { listeners } = this;
    this.listeners = NOBODY;
    for (const listener of listeners) listener();
  }
}

/**
 * Makes a source whose signal is the runtime's own AbortSignal, if it has one. Use it for signals that the application
 * receives.
 */
export function runtimeAbortSource(): Controller {
  return runtime.AbortController === undefined ? new AbortSource() : new runtime.AbortController();
}

/** @throws UsageError OPTION_INVALID */
export function assertSignal(signal: AbortSignalLike | undefined): void {
  if (signal === undefined || typeof (signal as AbortSignalLike | null)?.addEventListener === "function") return;
  const cure = (signal as { signal?: unknown } | null)?.signal === undefined ? "" : "; pass controller.signal";
  throw invalidOption("signal", signal, `must be an AbortSignal${cure}`);
}

/** The rule for the option `signal`. @throws UsageError OPTION_INVALID */
export function signalRule(_name: string, value: unknown): AbortSignalLike | undefined {
  assertSignal(value as AbortSignalLike | undefined);
  return value as AbortSignalLike | undefined;
}

/** @throws AbortedError, or UsageError OPTION_INVALID if it is not a signal */
export function assertNotAborted(signal: AbortSignalLike | undefined): void {
  if (signal === undefined) return;
  assertSignal(signal);
  if (signal.aborted) throw aborted(signal);
}

/** Calls `abort` when the signal fires. Returns a function that removes the listener. */
export function onAbort(signal: AbortSignalLike | undefined, abort: (error: AbortedError) => void): () => void {
  return signal === undefined ? () => undefined : listen(signal, () => abort(aborted(signal)));
}

/** Resolves or rejects as `work` does, or rejects as soon as the signal fires. `work` continues in that case. */
export function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignalLike | undefined): Promise<Result> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const release = onAbort(signal, reject);
    work.then(resolve, reject).finally(release);
  });
}

/**
 * Resolves or rejects as `work` does, or rejects with the source's reason as soon as it is aborted. Use it for
 * short-lived sources only.
 */
export function orAborted<Result>(work: Promise<Result>, source: AbortSource): Promise<Result> {
  return new Promise((resolve, reject) => {
    const fire = (): void => reject(source.reason);
    if (source.aborted) fire();
    source.addEventListener("abort", fire);
    work.then(resolve, reject);
  });
}

/** The callbacks of one signal. */
class Listeners {
  readonly calls = new Set<() => void>();

  constructor(private readonly signal: AbortSignalLike) {
    signal.addEventListener("abort", this.fire);
  }

  /** Removes the listener from the signal. */
  release(): void {
    this.signal.removeEventListener("abort", this.fire);
    listeners.delete(this.signal);
  }

  private readonly fire = (): void => {
    this.release();
    for (const call of this.calls) call();
  };
}

/**
 * The listeners by signal. Each signal has one listener, for any number of operations: runtimes warn at eleven
 * listeners, and they search the whole list to remove one.
 */
const listeners = new WeakMap<AbortSignalLike, Listeners>();

function listen(signal: AbortSignalLike, call: () => void): () => void {
  let known = listeners.get(signal);
  if (known === undefined) {
    known = new Listeners(signal);
    listeners.set(signal, known);
  }
  const { calls } = known;
  const own = (): void => call(); // a function that is registered twice is called twice
  calls.add(own);
  return () => {
    if (calls.delete(own) && calls.size === 0) known.release();
  };
}

function aborted(signal: AbortSignalLike): AbortedError {
  return new AbortedError("ABORTED", "the operation was aborted by its signal", { cause: signal.reason });
}
