/**
 * Typed events. If a listener throws, or the promise that it returns rejects, the other listeners are still called, and
 * the reason is emitted as an "error" event. `unheard` receives the first "error" event without a listener, so that it
 * is never lost silently.
 */

/**
 * A listener of an event. Its return value is ignored, except a promise: if that rejects, the reason is an `error`
 * event.
 */
export type Listener<Value> = (value: Value) => unknown;

/**
 * Receives the first error event that has no listener.
 *
 * @param failed true if a listener of `error` threw the error; false if there is no listener
 */
export type Unheard = (error: unknown, failed: boolean) => void;

/**
 * Typed events. If a listener throws, or returns a promise that rejects, the other listeners are still called, and the
 * reason is an `error` event.
 */
export class EventEmitter<Events extends { error: unknown }> {
  /** Created with the first listener. */
  private listeners: Map<keyof Events, Set<Listener<never>>> | undefined;
  /** The events of running listeners, one entry for each listener. Created with the first call. */
  private working: (keyof Events)[] | undefined;
  /** Functions that reject the promises of `waitFor`. */
  private waiting: Set<(error: unknown) => void> | undefined;
  private told = false;

  constructor(private unheard: Unheard) {}

  /** Keeps the listeners, and uses another function for unheard errors. */
  handOver(unheard: Unheard): void {
    this.unheard = unheard;
  }

  /** Registers a listener. Returns a function that removes it. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    this.listeners ??= new Map();
    const set = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, set.add(listener));
    return () => this.off(name, listener);
  }

  /** Removes a listener. Does nothing if it is not registered. */
  off<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): void {
    this.listeners?.get(name)?.delete(listener);
  }

  /** Registers a listener for the next such event only. Returns a function that removes it. */
  once<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const off = this.on(name, (value) => {
      off();
      return listener(value);
    });
    return off;
  }

  /**
   * Resolves to the value of the next such event. Rejects with the error that `giveUp`, or the callback of `watch`,
   * receives first.
   *
   * @param watch starts to watch for what ends the wait. Returns a function that stops watching
   */
  waitFor<Name extends keyof Events>(
    name: Name,
    watch: (giveUp: (error: unknown) => void) => () => void,
  ): Promise<Events[Name]> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        off();
        this.waiting?.delete(giveUp);
        release();
      };
      const giveUp = (error: unknown): void => {
        end();
        reject(error);
      };
      const off = this.on(name, (value) => {
        end();
        resolve(value);
      });
      this.waiting ??= new Set();
      this.waiting.add(giveUp);
      const release = watch(giveUp);
    });
  }

  /**
   * Rejects all promises of `waitFor`.
   *
   * @param reason returns the error
   */
  giveUp(reason: () => unknown): void {
    for (const giveUp of [...(this.waiting ?? [])]) giveUp(reason());
  }

  /** Returns whether the event has a listener. */
  has(name: keyof Events): boolean {
    return !!this.listeners?.get(name)?.size;
  }

  /** Returns whether a listener of the event is running: it has not returned, or its promise is pending. */
  isBusy(name: keyof Events): boolean {
    return this.working?.includes(name) === true;
  }

  /** Calls the listeners of an event. */
  emit<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    if (name === "error" && !this.has(name)) this.tell(value, false);
    for (const listener of [...(this.listeners?.get(name) ?? [])])
      this.call(name, listener as Listener<typeof value>, value);
  }

  private call<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>, value: Events[Name]): void {
    this.working ??= [];
    const { working } = this;
    const done = (): void => {
      working.splice(working.indexOf(name), 1);
    };
    const failed = (error: unknown): void => {
      done();
      if (name === "error") this.tell(error, true);
      else this.emit("error", error);
    };
    working.push(name);
    try {
      const result = listener(value);
      if (isThenable(result)) Promise.resolve(result).then(done, failed);
      else done();
    } catch (error) {
      failed(error);
    }
  }

  private tell(error: unknown, failed: boolean): void {
    if (this.told) return;
    this.told = true;
    this.unheard(error, failed);
  }
}

/** Returns whether `await` would wait for the value: whether it is a promise of any kind. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}
