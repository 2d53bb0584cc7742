/**
 * Typed events. If a listener throws, the others are still called, and what it threw is an "error" event. `unheard` receives the first
 * "error" event that has no listener, so that it is not lost without a trace.
 */

export type Listener<Value> = (value: Value) => void;

/**
 * Hears of an error that nobody listens for, the first time.
 *
 * @param failed whether a listener of "error" threw it; else there is none
 */
export type Unheard = (error: unknown, failed: boolean) => void;

export class EventEmitter<Events extends { error: unknown }> {
  /** Made with the first listener. */
  private listeners: Map<keyof Events, Set<Listener<never>>> | undefined;
  private told = false;

  constructor(private unheard: Unheard) {}

  /** The listeners stay, and hear of another client from now on. */
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

  off<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): void {
    this.listeners?.get(name)?.delete(listener);
  }

  /** Whether the event has a listener: if not, nobody needs its value. */
  has(name: keyof Events): boolean {
    return !!this.listeners?.get(name)?.size;
  }

  emit<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    if (name === "error" && !this.has(name)) this.tell(value, false);
    for (const listener of [...(this.listeners?.get(name) ?? [])]) {
      try {
        (listener as Listener<Events[Name]>)(value);
      } catch (error) {
        if (name === "error") this.tell(error, true);
        else this.emit("error", error);
      }
    }
  }

  private tell(error: unknown, failed: boolean): void {
    if (this.told) return;
    this.told = true;
    this.unheard(error, failed);
  }
}
