import { FakeClock } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import type { WebSocketEvent, WebSocketLike } from "../../src/platform/network-options.ts";
import { WebSocketTransport } from "../../src/transport/websocket.ts";

/** Like a browser's: it cannot stop reading. */
class Socket implements Partial<WebSocketLike> {
  readonly bufferedAmount = 0;
  readyState = 1;
  private readonly listeners = new Map<string, (event: WebSocketEvent) => void>();

  addEventListener(type: string, listener: (event: WebSocketEvent) => void): void {
    this.listeners.set(type, listener);
  }

  close(code = 1000): void {
    this.listeners.get("close")?.({ code });
  }

  message(length: number): void {
    this.listeners.get("message")?.({ data: new ArrayBuffer(length) } as WebSocketEvent);
  }

  error(message: string): void {
    this.listeners.get("error")?.({ message });
  }
}

/** A transport over it, and how it ended: "none" stands for an end without an error. */
function started(socket: Socket) {
  const clock = new FakeClock();
  const transport = new WebSocketTransport(socket as unknown as WebSocketLike, "ws://server:80/", clock);
  const closed: string[] = [];
  transport.start({
    onBytes: () => undefined,
    onDrain: () => undefined,
    onClose: (error) => closed.push(error?.message ?? "none"),
  });
  return { clock, transport, closed };
}

describe("a WebSocket that its other side ended closes within 100 ms, although the socket stays open", () => {
  test("after a close frame, for which there is no event", async () => {
    const socket = new Socket();
    const { clock, closed } = started(socket);
    await clock.advance(1_000);
    socket.readyState = 2;
    await clock.advance(100);
    expect(closed).toEqual(["none"]);
    socket.close();
    await clock.advance(1_000);
    expect(closed).toEqual(["none"]);
  });

  test("after an error", async () => {
    const socket = new Socket();
    const { clock, closed } = started(socket);
    socket.error("a wrong frame");
    await clock.advance(100);
    expect(closed).toEqual([expect.stringContaining("a wrong frame")]);
  });

  test("and its code is reported if it arrives in time", async () => {
    const socket = new Socket();
    const { clock, closed } = started(socket);
    socket.readyState = 2;
    await clock.advance(50);
    socket.close(1008);
    await clock.advance(100);
    expect(closed).toEqual([expect.stringContaining("closed with code 1008")]);
  });

  test("and no timer is left", async () => {
    for (const how of ["destroy", "end"] as const) {
      const socket = new Socket();
      const { clock, transport } = started(socket);
      transport[how]();
      await clock.tick();
      expect(clock.nextTimer).toBe(Infinity);
    }
  });
});

test.each([
  ["few and large", 1_000_000, 70],
  ["many and small", 1, 300_000],
])(
  "data that arrives while reading is stopped is limited by its memory: frames that are %s",
  async (_, length, most) => {
    const socket = new Socket();
    const { clock, transport, closed } = started(socket);
    transport.pause();
    for (let i = 0; i < most; i++) socket.message(length);
    await clock.tick();
    expect(closed).toEqual([expect.stringContaining("while reading was paused")]);
  },
);
