/**
 * The topic identifiers of one client: which topic name each stands for, and which of them the client knows on its present
 * connection [SN 6.5, 6.10]. An identifier is not used for another name until all others were used.
 */

interface Assigned {
  readonly id: number;
  /** Whether the client has asked for it. What the gateway has assigned for a delivery can be replaced. */
  isAsked: boolean;
  isTold: boolean;
}

/** 0x0000 and 0xFFFF are reserved [SN 5.3.11]. */
const LAST = 0xfffe;

export class TopicIds {
  /** By name, the least recently used first. */
  private readonly assigned = new Map<string, Assigned>();
  private readonly names = new Map<number, string>();
  private last = 0;

  /** @param maximum the most identifiers, 1 … 65,534 */
  constructor(private readonly maximum: number) {}

  /** What the client has asked for, to be kept: pairs of name and identifier. */
  get entries(): readonly (readonly [string, number])[] {
    return [...this.assigned].filter(([, { isAsked }]) => isAsked).map(([name, { id }]) => [name, id]);
  }

  /** Restores an identifier of an earlier process. */
  restore(name: string, id: number): void {
    if (this.assigned.size >= this.maximum || this.names.has(id)) return;
    this.assigned.set(name, { id, isAsked: true, isTold: false });
    this.names.set(id, name);
    this.last = Math.max(this.last, id);
  }

  nameOf(id: number): string | undefined {
    return this.names.get(id);
  }

  /** Returns the identifier for a client that asks for it. Undefined: there are too many. */
  ask(name: string): number | undefined {
    const found = this.use(name);
    if (found !== undefined) found.isAsked = true;
    return found?.id;
  }

  /** Returns the identifier for a delivery. The least recently used that no client asked for makes room. */
  assign(name: string): number | undefined {
    return this.use(name)?.id;
  }

  /** Whether the client knows the identifier of this name. */
  isTold(name: string): boolean {
    return this.assigned.get(name)?.isTold === true;
  }

  /** The client knows the identifier from now on. */
  told(name: string): void {
    const found = this.assigned.get(name);
    if (found !== undefined) found.isTold = true;
  }

  /** The client does not know the identifier. */
  untold(id: number): void {
    const found = this.assigned.get(this.names.get(id) ?? "");
    if (found !== undefined) found.isTold = false;
  }

  /** The client knows no identifier any more: it has connected again. */
  untoldAll(): void {
    for (const each of this.assigned.values()) each.isTold = false;
  }

  /** Forgets all names. Identifiers that were used are not used for others soon. */
  clear(): void {
    this.assigned.clear();
    this.names.clear();
  }

  private use(name: string): Assigned | undefined {
    const found = this.assigned.get(name);
    if (found === undefined) return this.add(name);
    this.assigned.delete(name);
    this.assigned.set(name, found);
    return found;
  }

  private add(name: string): Assigned | undefined {
    if (this.assigned.size >= this.maximum && !this.makeRoom()) return undefined;
    do {
      this.last = this.last >= LAST ? 1 : this.last + 1;
    } while (this.names.has(this.last));
    const added: Assigned = { id: this.last, isAsked: false, isTold: false };
    this.assigned.set(name, added);
    this.names.set(added.id, name);
    return added;
  }

  private makeRoom(): boolean {
    for (const [name, { id, isAsked }] of this.assigned) {
      if (isAsked) continue;
      this.assigned.delete(name);
      this.names.delete(id);
      return true;
    }
    return false;
  }
}
