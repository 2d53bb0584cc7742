import type { Store } from "@aiko/mqtt";
import type { MemoryStore } from "../../src/store/memory-store.ts";

/** A store that does what another does, but for what is given. */
export function storeOver(inner: MemoryStore, changed: Partial<Store> = {}): Store {
  return {
    open: (name) => inner.open(name),
    write: (changes) => inner.write(changes),
    close: () => inner.close(),
    ...changed,
  };
}
