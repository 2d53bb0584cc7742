/** The identifiers of topic names that this session has learned, with a bound. Knows nothing of messages. */

/** Identifiers that are kept. The oldest one goes first: its name is registered again when it is needed. */
const MOST = 1000;

export class Topics {
  private readonly ids = new Map<string, number>();
  private readonly names = new Map<number, string>();

  /** @param predefined the identifiers that both sides know from their configuration */
  constructor(readonly predefined: ReadonlyMap<number, string>) {}

  id(name: string): number | undefined {
    return this.ids.get(name);
  }

  name(id: number): string | undefined {
    return this.names.get(id);
  }

  /** Replaces what the identifier and the name stood for. */
  learn(id: number, name: string): void {
    this.forget(id);
    const before = this.ids.get(name);
    if (before !== undefined) this.forget(before);
    if (this.names.size >= MOST) this.forgetOldest();
    this.ids.set(name, id);
    this.names.set(id, name);
  }

  forget(id: number): void {
    const name = this.names.get(id);
    if (name === undefined) return;
    this.names.delete(id);
    this.ids.delete(name);
  }

  /** A new connection: the gateway may assign other identifiers. */
  clear(): void {
    this.ids.clear();
    this.names.clear();
  }

  private forgetOldest(): void {
    for (const id of this.names.keys()) {
      this.forget(id);
      return;
    }
  }
}
