/**
 * The smoke suite inside QuickJS, which has neither network nor timers nor TextEncoder. The host provides them as
 * functions of the global object: `hostDial`, `hostWrite`, `hostClose`, `hostSchedule`, `hostCancel`, `hostControl`.
 */

import * as library from "@aiko/mqtt";
import { entries } from "./bare-entries.js";
import { overTransport } from "./smoke.js";

const { hostDial, hostWrite, hostClose, hostSchedule, hostCancel, hostControl } = globalThis;
/** @type {Map<number, (event: string, bytes?: ArrayBuffer) => void>} */
const waiting = new Map();
let made = 0;

/** Called by the host: the result of the call, timer or connection with this number. */
globalThis.fromHost = (number, event, bytes) => waiting.get(number)?.(event, bytes);

/** @type {import("@aiko/mqtt").Platform} */
const platform = {
  clock: {
    now: Date.now,
    schedule(delay, callback) {
      const number = ++made;
      waiting.set(number, () => {
        waiting.delete(number);
        callback();
      });
      hostSchedule(number, delay);
      return {
        cancel() {
          waiting.delete(number);
          hostCancel(number);
        },
      };
    },
    defer: (callback) => void Promise.resolve().then(callback),
  },
  random: { next: Math.random },
  dial(address) {
    const number = ++made;
    return new Promise((resolve, reject) => {
      waiting.set(number, (event) => {
        if (event === "open") resolve(new Connection(number));
        else reject(new Error("the host cannot connect"));
      });
      hostDial(number, address.host, address.port);
    });
  },
};

/** @typedef {import("@aiko/mqtt").Transport} Transport */

/** @implements {Transport} */
class Connection {
  #number;
  #paused = false;
  /** @type {(() => void)[]} */
  #held = [];

  /** @param {number} number */
  constructor(number) {
    this.#number = number;
  }

  /** @param {import("@aiko/mqtt").TransportListener} listener */
  start(listener) {
    waiting.set(this.#number, (event, bytes) => {
      this.#held.push(() => {
        if (bytes !== undefined) listener.onBytes(new Uint8Array(bytes));
        else if (event === "drain") listener.onDrain();
        else listener.onClose();
      });
      this.#deliver();
    });
  }

  #deliver() {
    while (!this.#paused && this.#held.length > 0) this.#held.shift()?.();
  }

  /** @param {Uint8Array} bytes */
  write(bytes) {
    return hostWrite(this.#number, bytes.slice().buffer);
  }

  pause() {
    this.#paused = true;
  }

  resume() {
    this.#paused = false;
    this.#deliver();
  }

  /** @param {() => void} [sent] */
  end(sent) {
    hostClose(this.#number, true);
    sent?.();
  }

  destroy() {
    hostClose(this.#number, false);
  }
}

/** @type {import("./smoke.js").Control} */
const control = (path) =>
  new Promise((resolve, reject) => {
    const number = ++made;
    waiting.set(number, (event) => {
      waiting.delete(number);
      if (event === "done") resolve();
      else reject(new Error(`${path}: ${event}`));
    });
    hostControl(number, path);
  });

/** The host waits for this promise. */
globalThis.runSmoke = async (url, entryCount) => {
  /** @type {import("./smoke.js").Step[]} */
  const steps = [{ feature: "entries", error: entries.length === entryCount ? undefined : "an entry has no exports" }];
  steps.push(
    ...(await overTransport(library, { name: "quickjs", transport: "tcp", url, options: { platform }, control })),
  );
  return JSON.stringify(steps);
};
