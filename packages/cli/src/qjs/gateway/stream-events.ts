/** Registers listeners of a stream of bytes and calls them. Knows nothing of where the bytes come from. */

type Listener = (value: never) => void;

export class StreamEvents {
  private readonly listeners = new Map<string, Set<Listener>>();

  on(event: string, listener: Listener): this {
    const known = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, known.add(listener));
    return this;
  }

  once(event: string, listener: Listener): this {
    const first = (value: never): void => {
      this.off(event, first);
      listener(value);
    };
    return this.on(event, first);
  }

  off(event: string, listener: Listener): this {
    this.listeners.get(event)?.delete(listener);
    return this;
  }

  protected hasListener(event: string): boolean {
    return (this.listeners.get(event)?.size ?? 0) > 0;
  }

  protected emit(event: "data" | "error" | "end" | "close", value?: Uint8Array | Error): void {
    for (const listener of [...(this.listeners.get(event) ?? [])]) listener(value as never);
  }
}
