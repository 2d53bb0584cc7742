/** Globals of other runtimes that the commands use. This must be imported first. */

import * as os from "qjs:os";

type Timer = { handle: unknown; unref(): void };

function setTimeout(callback: () => void, delay: number): Timer {
  return { handle: os.setTimeout(callback, delay), unref: () => undefined }; // a command ends the process itself
}

function clearTimeout(timer: Timer | undefined): void {
  if (timer !== undefined) os.clearTimeout(timer.handle);
}

function setInterval(callback: () => void, delay: number): Timer {
  const again = (): void => {
    timer.handle = os.setTimeout(again, delay);
    callback();
  };
  const timer = setTimeout(again, delay);
  return timer;
}

class TextEncoder {
  encode(text: string): Uint8Array {
    const escaped = encodeURIComponent((text as string & { toWellFormed(): string }).toWellFormed());
    const bytes = new Uint8Array(escaped.length);
    let length = 0;
    for (let at = 0; at < escaped.length; at++) {
      const isEscape = escaped[at] === "%";
      bytes[length++] = isEscape ? Number.parseInt(escaped.slice(at + 1, at + 3), 16) : escaped.charCodeAt(at);
      if (isEscape) at += 2;
    }
    return bytes.slice(0, length);
  }
}

Object.assign(globalThis, {
  setTimeout,
  clearTimeout,
  setInterval,
  clearInterval: clearTimeout,
  TextEncoder,
  process: { pid: os.getpid() },
});
