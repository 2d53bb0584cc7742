// A browser page's information for the platforms of both clients: the network is back, the page is visible, and how
// late timers may be.
import type { Platform } from "@aiko/mqtt";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

class Document extends EventTarget {
  hidden = false;
}

let window: EventTarget;

beforeEach(() => {
  vi.resetModules(); // a platform checks what is available when it is loaded
  window = new EventTarget();
  vi.stubGlobal("addEventListener", window.addEventListener.bind(window));
  vi.stubGlobal("removeEventListener", window.removeEventListener.bind(window));
});

afterEach(() => vi.unstubAllGlobals());

const modules = {
  whole: () => import("../../src/transport/platform-browser.ts"),
  small: () => import("../../src/small/small-platform.ts"),
};

describe.each(Object.entries(modules))("the %s client's platform", (_, load) => {
  async function platformOf(document?: Document): Promise<Platform> {
    vi.stubGlobal("document", document);
    return (await load()).platform;
  }

  test("treats the network's return as a wake, until the listener is removed", async () => {
    const { onWake } = await platformOf();
    const wake = vi.fn();
    const stop = onWake?.(wake);
    window.dispatchEvent(new Event("online"));
    expect(wake).toHaveBeenCalledTimes(1);
    stop?.();
    window.dispatchEvent(new Event("online"));
    expect(wake).toHaveBeenCalledTimes(1);
  });

  test("treats showing a hidden page as a wake, until the listener is removed, and hiding it not", async () => {
    const document = new Document();
    const { onWake } = await platformOf(document);
    const wake = vi.fn();
    const stop = onWake?.(wake);
    const turn = (hidden: boolean): void => {
      document.hidden = hidden;
      document.dispatchEvent(new Event("visibilitychange"));
    };
    turn(true);
    expect(wake).not.toHaveBeenCalled();
    turn(false);
    expect(wake).toHaveBeenCalledTimes(1);
    stop?.();
    turn(false);
    expect(wake).toHaveBeenCalledTimes(1);
  });

  test("reports that timers of a hidden page may be a minute late, and those of a visible page and a worker may not", async () => {
    const document = new Document();
    const page = await platformOf(document);
    expect(page.timerLateness?.()).toBe(0);
    document.hidden = true;
    expect(page.timerLateness?.()).toBe(60_000);
    vi.resetModules();
    const worker = await platformOf();
    expect(worker.timerLateness?.()).toBe(0);
  });
});
