// A store in memory whose records can be seen, since a state is known by them too.
import { MemoryStore } from "@aiko/mqtt";

export class OpenStore extends MemoryStore {
  get records(): ReadonlyMap<string, ReadonlyMap<number, Uint8Array>> {
    return (this as unknown as { readonly sessions: ReadonlyMap<string, ReadonlyMap<number, Uint8Array>> }).sessions;
  }
}
