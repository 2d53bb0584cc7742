/** Globals that the gateway uses in addition to those of the commands. This must be imported first. */

import "../globals.js";

type Listener = () => void;

class Signal {
  aborted = false;
  reason: unknown;
  readonly listeners = new Set<Listener>();

  addEventListener(_type: "abort", listener: Listener): void {
    this.listeners.add(listener);
  }

  removeEventListener(_type: "abort", listener: Listener): void {
    this.listeners.delete(listener);
  }
}

class Controller {
  readonly signal = new Signal();

  abort(reason: unknown = new Error("aborted")): void {
    const { signal } = this;
    if (signal.aborted) return;
    signal.aborted = true;
    signal.reason = reason;
    for (const listener of [...signal.listeners]) listener();
  }
}

Object.assign(globalThis, { AbortController: Controller });
