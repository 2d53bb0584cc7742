// The small client's platform in a browser: where a browser's WebSocket differs from others, its timers, and the events
// that wake a page.
import type { Platform } from "@aiko/mqtt";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { WebSocketEvent } from "../../src/platform/network-options.ts";

const MEBIBYTE = 1_048_576;

/** Never fires. */
const patient = (): AbortSignal => new AbortController().signal;

/** As in a browser: no `pause`, no `terminate`, and a buffer that does not report when it is empty. */
class BrowserSocket {
  static made: BrowserSocket[] = [];
  binaryType = "blob";
  bufferedAmount = 0;
  readyState = 1;
  protocol = "";
  readonly sent: Uint8Array[] = [];
  readonly closedWith: (number | undefined)[] = [];
  private readonly listeners = new Map<string, ((event: WebSocketEvent) => void)[]>();

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    BrowserSocket.made.push(this);
  }

  addEventListener(type: string, listener: (event: WebSocketEvent) => void): void {
    this.listeners.set(type, [...(this.listeners.get(type) ?? []), listener]);
  }

  send(bytes: Uint8Array): void {
    this.sent.push(bytes);
    this.bufferedAmount += bytes.length;
  }

  close(code?: number): void {
    this.closedWith.push(code);
  }

  tell(type: string, event: WebSocketEvent = {}): void {
    for (const listener of this.listeners.get(type) ?? []) listener(event);
  }

  comes(...bytes: number[]): void {
    this.tell("message", { data: Uint8Array.from(bytes).buffer });
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  vi.resetModules(); // it checks what is available when it is loaded
  vi.stubGlobal("addEventListener", undefined);
  vi.stubGlobal("WebSocket", BrowserSocket);
  BrowserSocket.made = [];
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function platformOf(): Promise<Platform> {
  return (await import("../../src/small/small-platform.ts")).platform;
}

async function dialled(host = "broker", signal = patient()) {
  const { dial } = await platformOf();
  const dialling = dial({ scheme: "wss", host, port: 443, path: "/mqtt?token=secret" }, signal, {});
  return { socket: BrowserSocket.made[0] as BrowserSocket, dialling };
}

/** An open transport, and everything that it reports, in order. */
async function opened() {
  const { socket, dialling } = await dialled();
  socket.protocol = "mqtt";
  socket.tell("open");
  const transport = await dialling;
  const told: unknown[] = [];
  const start = (): void =>
    transport.start({
      onBytes: (bytes) => told.push(bytes.length > 16 ? bytes.length : [...bytes]),
      onDrain: () => told.push("drain"),
      onClose: (error) => told.push(error === undefined ? "close" : error.message),
    });
  return { socket, transport, told, start };
}

async function started() {
  const made = await opened();
  made.start();
  return made;
}

describe("a WebSocket whose peer has sent its last data but may not close", () => {
  test("is closed within 100 ms", async () => {
    const { socket, told } = await started();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(told).toEqual([]);
    socket.readyState = 2;
    await vi.advanceTimersByTimeAsync(100);
    expect(told).toEqual(["close"]);
    socket.tell("close", { code: 1006 });
    expect(told).toEqual(["close"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("reports the reason if its event arrives in time", async () => {
    const { socket, told } = await started();
    socket.readyState = 2;
    await vi.advanceTimersByTimeAsync(45);
    socket.tell("close", { code: 1008, reason: "no" });
    expect(told).toEqual(["WebSocket: 1008 no"]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(told).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("gets more time if this side ends it", async () => {
    const { socket, transport, told } = await started();
    transport.write(Uint8Array.of(1));
    transport.end(() => told.push("sent"));
    socket.readyState = 2;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(told).toEqual([]);
    socket.bufferedAmount = 0;
    await vi.advanceTimersByTimeAsync(10);
    expect(told).toEqual(["sent"]);
    socket.tell("close", { code: 1000 });
    expect(told).toEqual(["sent", "close"]);
  });
});

describe("dialling", () => {
  test("opens the runtime's own WebSocket, binary, with the subprotocol mqtt", async () => {
    const { socket, dialling } = await dialled();
    expect(socket).toMatchObject({
      url: "wss://broker:443/mqtt?token=secret",
      protocols: ["mqtt"],
      binaryType: "arraybuffer",
    });
    socket.protocol = "mqtt";
    socket.tell("open");
    await expect(dialling).resolves.toBeDefined();
    expect(socket.closedWith).toEqual([]);
  });

  test("an IPv6 address is in brackets", async () => {
    expect((await dialled("::1")).socket.url).toBe("wss://[::1]:443/mqtt?token=secret");
  });

  test.each<[string, (socket: BrowserSocket) => void, string]>([
    ["no subprotocol", (socket) => socket.tell("open"), 'no subprotocol "mqtt"'],
    ["an error without details, as in a browser", (socket) => socket.tell("error"), "see the console"],
    ["an error with another runtime's message", (socket) => socket.tell("error", { message: "404" }), "404"],
    [
      "an error that contains the URL, as in Bun",
      (socket) => socket.tell("error", { message: `'${socket.url}' 404` }),
      "'wss://broker:443/' 404",
    ],
  ])("%s is a typed error that does not show the query", async (_, happen, why) => {
    const { socket, dialling } = await dialled();
    happen(socket);
    await expect(dialling).rejects.toMatchObject({
      code: "WEBSOCKET_FAILED",
      message: `no WebSocket to wss://broker:443: ${why}`,
    });
  });

  test("a WebSocket without the subprotocol is closed", async () => {
    const { socket, dialling } = await dialled();
    socket.tell("open");
    await expect(dialling).rejects.toThrow();
    expect(socket.closedWith).toHaveLength(1);
  });

  test("one that failed is not closed: Node 22 would emit an error again and again", async () => {
    const { socket, dialling } = await dialled();
    vi.spyOn(socket, "close").mockImplementation(() => socket.tell("error"));
    socket.tell("error");
    await expect(dialling).rejects.toMatchObject({ code: "WEBSOCKET_FAILED" });
    expect(socket.close).not.toHaveBeenCalled();
  });

  test("a signal aborts it", async () => {
    const giveUp = new AbortController();
    const { socket, dialling } = await dialled("broker", giveUp.signal);
    giveUp.abort();
    expect(socket.closedWith).toHaveLength(1);
    socket.tell("error"); // of one that is closed while it connects
    await expect(dialling).rejects.toMatchObject({ code: "WEBSOCKET_FAILED" });
    expect(socket.closedWith).not.toHaveLength(0);
  });

  test("a WebSocket that cannot be created, for example from a page of https:, is a rejection", async () => {
    const { dial } = await platformOf();
    const implementation = class {
      constructor() {
        throw new Error("insecure");
      }
    } as never;
    const dialling = dial({ scheme: "ws", host: "h", port: 80, path: "/" }, patient(), {
      webSocket: { implementation },
    });
    await expect(dialling).rejects.toThrow("insecure");
  });
});

describe("a WebSocket that cannot stop reading", () => {
  test("data before start is held until start", async () => {
    const { socket, told, start } = await opened();
    socket.comes(1);
    socket.comes(2);
    expect(told).toEqual([]);
    start();
    expect(told).toEqual([[1], [2]]);
  });

  test("data while paused is held, and delivered in order on resume", async () => {
    const { socket, transport, told } = await started();
    transport.pause();
    socket.comes(1);
    socket.comes(2);
    expect(told).toEqual([]);
    transport.resume();
    socket.comes(3);
    expect(told).toEqual([[1], [2], [3]]);
  });

  test("a listener that pauses during a delivery gets the rest later", async () => {
    const { socket, transport } = await opened();
    const told: number[] = [];
    transport.start({
      onBytes([byte]) {
        told.push(byte as number);
        transport.pause();
      },
      onDrain: () => undefined,
      onClose: () => undefined,
    });
    socket.comes(1);
    socket.comes(2);
    socket.comes(3);
    expect(told).toEqual([1]);
    transport.resume();
    expect(told).toEqual([1, 2]);
    transport.resume();
    expect(told).toEqual([1, 2, 3]);
  });

  test("a close while paused is reported after the data before it, once", async () => {
    const { socket, transport, told } = await started();
    transport.pause();
    socket.comes(1);
    socket.tell("close", { code: 1006, reason: "" });
    socket.tell("close", { code: 1006, reason: "" });
    expect(told).toEqual([]);
    transport.resume();
    expect(told).toEqual([[1], expect.stringContaining("1006")]);
    transport.resume();
    transport.destroy();
    await Promise.resolve();
    expect(told).toHaveLength(2);
  });

  test("a close before start is reported at start", async () => {
    const { socket, told, start } = await opened();
    socket.comes(1);
    socket.tell("close", { code: 1000 });
    start();
    expect(told).toEqual([[1], "close"]);
  });

  test.each([
    ["few and large", MEBIBYTE - 256, 64],
    ["many and small", 1, 261_123],
  ])("64 MiB may arrive while paused, and no more: frames that are %s", async (_, length, most) => {
    const { socket, transport, told } = await started();
    transport.pause();
    const data = new ArrayBuffer(length);
    for (let i = 0; i < most; i++) socket.tell("message", { data });
    expect(socket.closedWith).toEqual([]);
    socket.tell("message", { data });
    expect(socket.closedWith).toHaveLength(1);
    for (let i = 0; i < 10; i++) socket.tell("message", { data }); // not a browser's: another one that continues
    transport.resume();
    expect(told).toHaveLength(most + 2);
    expect(told.at(-1)).toBe("WebSocket: too many bytes");
  });

  test("delivered data makes room again", async () => {
    const { socket, transport } = await started();
    const data = new ArrayBuffer(16 * MEBIBYTE);
    for (let round = 0; round < 3; round++) {
      transport.pause();
      for (let i = 0; i < 3; i++) socket.tell("message", { data });
      transport.resume();
    }
    expect(socket.closedWith).toEqual([]);
  });
});

describe("writing", () => {
  test("has room below 1 MiB in the buffer, then asks to wait until the buffer is empty, and reports that once", async () => {
    const { socket, transport, told } = await started();
    expect(transport.write(new Uint8Array(MEBIBYTE - 1))).toBe(true);
    expect(transport.write(new Uint8Array(1))).toBe(false);
    expect(socket.sent).toHaveLength(2);
    socket.bufferedAmount = 1;
    vi.advanceTimersByTime(1_000);
    expect(told).toEqual([]);
    socket.bufferedAmount = 0;
    vi.advanceTimersByTime(10);
    expect(told).toEqual(["drain"]);
    vi.advanceTimersByTime(1_000);
    expect(told).toEqual(["drain"]);
    expect(vi.getTimerCount()).toBe(1); // which waits for the peer's last data
  });

  test("no room is reported after the close, and no timer continues", async () => {
    const { socket, transport, told } = await started();
    transport.write(new Uint8Array(MEBIBYTE));
    socket.tell("close", { code: 1006, reason: "" });
    vi.advanceTimersByTime(1_000); // the buffer of a closed WebSocket keeps its bytes
    expect(told).toEqual([expect.stringContaining("1006")]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("closing", () => {
  test("end closes with code 1000 and reports when everything is sent", async () => {
    const { socket, transport, told } = await started();
    transport.write(Uint8Array.of(1));
    const sent = vi.fn();
    transport.end(sent);
    expect(socket.closedWith).toEqual([1000]);
    vi.advanceTimersByTime(100);
    expect(sent).not.toHaveBeenCalled();
    socket.bufferedAmount = 0;
    vi.advanceTimersByTime(10);
    expect(sent).toHaveBeenCalledTimes(1);
    expect(told).toEqual([]);
    socket.tell("close", { code: 1000, reason: "" });
    expect(told).toEqual(["close"]);
  });

  test("end while paused resumes reading, because the close of the other side would not be reported otherwise", async () => {
    const { socket, transport, told } = await started();
    transport.pause();
    socket.comes(1);
    transport.end();
    socket.tell("close", { code: 1000, reason: "" });
    expect(told).toEqual([[1], "close"]);
  });

  test("end with an empty buffer reports that at once", async () => {
    const { transport } = await started();
    const sent = vi.fn();
    transport.end(sent);
    expect(sent).toHaveBeenCalledTimes(1);
  });

  test.each([1000, 1001, 1005])("a close with code %i is not a failure", async (code) => {
    const { socket, told } = await started();
    socket.tell("close", { code, reason: "bye" });
    expect(told).toEqual(["close"]);
  });

  test.each([1002, 1006, 1009, 1011, 4001])(
    "a close with code %i is a failure, described with its reason",
    async (code) => {
      const { socket, told } = await started();
      socket.tell("error");
      socket.tell("close", { code, reason: "why" });
      expect(told).toEqual([`WebSocket: ${code} why`]);
    },
  );

  test("[MQTT-6.0.0-1] a text frame closes it", async () => {
    const { socket, told } = await started();
    socket.comes(1);
    socket.tell("message", { data: "text" });
    socket.comes(2);
    socket.tell("close", { code: 1005 });
    expect(told).toEqual([[1], "WebSocket: text frame"]);
    expect(socket.closedWith.length).toBeGreaterThan(0);
  });

  test("after destroy only the close is reported, once, and not before destroy returns", async () => {
    const { socket, transport, told } = await started();
    transport.pause();
    socket.comes(1);
    transport.destroy();
    transport.destroy();
    expect(told).toEqual([]);
    socket.comes(2);
    transport.resume();
    await Promise.resolve();
    socket.comes(3);
    socket.tell("close", { code: 1006, reason: "" });
    expect(told).toEqual(["close"]);
    expect(socket.closedWith.length).toBeGreaterThan(0);
  });

  test("a listener that calls destroy during a delivery gets none of the remaining data", async () => {
    const { socket, transport } = await opened();
    const told: unknown[] = [];
    socket.comes(1);
    socket.comes(2);
    transport.start({
      onBytes(bytes) {
        told.push([...bytes]);
        transport.destroy();
        socket.comes(3); // another message of the same turn, as the package ws reports it
      },
      onDrain: () => told.push("drain"),
      onClose: () => told.push("close"),
    });
    await Promise.resolve();
    expect(told).toEqual([[1], "close"]);
  });

  test("destroy before start: the close is reported at start", async () => {
    const { transport, told, start } = await opened();
    transport.destroy();
    await Promise.resolve();
    start();
    expect(told).toEqual(["close"]);
  });
});

describe("time", () => {
  test("a timer longer than the runtime's maximum does not fire at once", async () => {
    const { clock } = await platformOf();
    const fire = vi.fn();
    clock.schedule(2 ** 40, fire);
    const forever = clock.schedule(Infinity, fire);
    vi.advanceTimersByTime(86_400_000);
    expect(fire).not.toHaveBeenCalled();
    forever.cancel();
    expect(vi.getTimerCount()).toBe(1);
  });

  test("a timer fires when it is due, and not if it is cancelled", async () => {
    const { clock } = await platformOf();
    const fire = vi.fn();
    const before = clock.now();
    clock.schedule(100, fire);
    clock.schedule(50, fire).cancel();
    vi.advanceTimersByTime(99);
    expect(fire).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(fire).toHaveBeenCalledTimes(1);
    expect(clock.now() - before).toBe(100);
  });

  test("a deferred callback runs in this turn, through a function that works with a browser's `this`", async () => {
    const called: unknown[] = [];
    vi.stubGlobal("queueMicrotask", function (this: unknown, callback: () => void) {
      if (this !== undefined && this !== globalThis) throw new TypeError("Illegal invocation");
      void Promise.resolve().then(callback);
    });
    const { clock } = await platformOf();
    clock.defer(() => called.push("deferred"));
    called.push("after");
    await Promise.resolve();
    expect(called).toEqual(["after", "deferred"]);
  });
});

test("a runtime without such events has no wakes", async () => {
  const { onWake } = await platformOf();
  const wake = vi.fn();
  onWake?.(wake)();
  expect(wake).not.toHaveBeenCalled();
});
