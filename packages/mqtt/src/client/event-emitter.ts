/** Typed events. A listener that throws harms nobody else: what it threw is an "error" event. */

export type Listener<Value> = (value: Value) => void;

export class EventEmitter<Events extends { error: unknown }> {
  /** Made with the first listener. */
  private listeners: Map<keyof Events, Set<Listener<never>>> | undefined;

  /** Calls `listener` at each such event. Returns what takes it off again. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    this.listeners ??= new Map();
    let set = this.listeners.get(name);
    if (set === undefined) {
      set = new Set();
      this.listeners.set(name, set);
    }
    set.add(listener);
    return () => this.off(name, listener);
  }

  off<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): void {
    this.listeners?.get(name)?.delete(listener);
  }

  has(name: keyof Events): boolean {
    return (this.listeners?.get(name)?.size ?? 0) > 0;
  }

  emit<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    for (const listener of [...(this.listeners?.get(name) ?? [])]) {
      try {
        (listener as Listener<Events[Name]>)(value);
      } catch (error) {
        if (name !== "error") this.emit("error", error); // a listener of "error" that throws has nobody left to tell
      }
    }
  }
}
