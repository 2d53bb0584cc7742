import type { Platform } from "@aiko/mqtt";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

class Document extends EventTarget {
  hidden = false;
}

let window: EventTarget;

beforeEach(() => {
  vi.resetModules(); // it looks at what there is when it is loaded
  window = new EventTarget();
  vi.stubGlobal("addEventListener", window.addEventListener.bind(window));
  vi.stubGlobal("removeEventListener", window.removeEventListener.bind(window));
});

afterEach(() => vi.unstubAllGlobals());

async function platformOf(document: Document | undefined): Promise<Platform> {
  vi.stubGlobal("document", document);
  return (await import("../../src/transport/platform-browser.ts")).platform;
}

test("the network's return is a wake, until it is listened for no more", async () => {
  const { onWake } = await platformOf(undefined);
  const wake = vi.fn();
  const stop = onWake?.(wake);
  window.dispatchEvent(new Event("online"));
  expect(wake).toHaveBeenCalledTimes(1);
  stop?.();
  window.dispatchEvent(new Event("online"));
  expect(wake).toHaveBeenCalledTimes(1);
});

test("showing a hidden page is a wake, hiding it is none", async () => {
  const document = new Document();
  const { onWake } = await platformOf(document);
  const wake = vi.fn();
  const stop = onWake?.(wake);
  document.hidden = true;
  document.dispatchEvent(new Event("visibilitychange"));
  expect(wake).not.toHaveBeenCalled();
  document.hidden = false;
  document.dispatchEvent(new Event("visibilitychange"));
  expect(wake).toHaveBeenCalledTimes(1);
  stop?.();
  document.dispatchEvent(new Event("visibilitychange"));
  expect(wake).toHaveBeenCalledTimes(1);
});

test("a hidden page's timers may be a minute late, those of a shown page and of a worker are not", async () => {
  const document = new Document();
  const page = await platformOf(document);
  expect(page.timerLateness?.()).toBe(0);
  document.hidden = true;
  expect(page.timerLateness?.()).toBe(60_000);
  vi.resetModules();
  const worker = await platformOf(undefined);
  expect(worker.timerLateness?.()).toBe(0);
});
