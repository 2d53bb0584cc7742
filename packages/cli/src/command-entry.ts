/** A command of the umbrella, before it is loaded. */

import type { Command } from "./command.js";

export interface CommandEntry {
  /** A name may have two words. */
  readonly names: readonly string[];
  readonly summary: string;
  load(): Promise<Command>;
}
