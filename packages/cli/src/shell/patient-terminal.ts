/** A terminal whose command first finishes its work. It has a file of its own because QuickJS need not load it. */

import type { AbortSignalLike } from "@aiko/mqtt";
import { DerivedTerminal, fired, type Terminal } from "../terminal.js";

/** A terminal whose command first finishes its work when it is stopped. */
export class PatientTerminal extends DerivedTerminal {
  private readonly stopping = new AbortController();

  /** @param finish finishes the work; must not reject */
  constructor(terminal: Terminal, finish: () => Promise<void>) {
    super(terminal);
    void fired(terminal.stop)
      .then(finish)
      .then(() => this.stopping.abort());
  }

  override get stop(): AbortSignalLike {
    return this.stopping.signal;
  }
}
