// A store in memory whose records can be read, since they are part of a state.
import { MemoryStore } from "@aiko/mqtt";
import { MortalStore } from "../fixtures/stores.ts";

export class OpenStore extends MortalStore {
  constructor(private readonly memory = new MemoryStore()) {
    super(memory);
  }

  get records(): ReadonlyMap<string, ReadonlyMap<number, Uint8Array>> {
    return (this.memory as unknown as { readonly sessions: ReadonlyMap<string, ReadonlyMap<number, Uint8Array>> })
      .sessions;
  }
}
