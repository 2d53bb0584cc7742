import { FakeClock } from "@aiko/mqtt/testing";
import { expect, test } from "vitest";
import type { WebSocketEvent, WebSocketLike } from "../../src/platform/network-options.ts";
import { WebSocketTransport } from "../../src/transport/websocket.ts";

/** One of a browser: it cannot stop reading. */
class Socket implements Partial<WebSocketLike> {
  readonly bufferedAmount = 0;
  private readonly listeners = new Map<string, (event: WebSocketEvent) => void>();

  addEventListener(type: string, listener: (event: WebSocketEvent) => void): void {
    this.listeners.set(type, listener);
  }

  close(): void {
    this.listeners.get("close")?.({ code: 1000 } as WebSocketEvent);
  }

  message(length: number): void {
    this.listeners.get("message")?.({ data: new ArrayBuffer(length) } as WebSocketEvent);
  }
}

test.each([
  ["few and large", 1_000_000, 70],
  ["many and small", 1, 300_000],
])(
  "what comes while reading is stopped is bounded by what it takes in memory: frames that are %s",
  async (_, length, most) => {
    const clock = new FakeClock();
    const socket = new Socket();
    const transport = new WebSocketTransport(socket as unknown as WebSocketLike, "ws://server:80/", clock);
    const closed: (string | undefined)[] = [];
    transport.start({
      onBytes: () => undefined,
      onDrain: () => undefined,
      onClose: (error) => closed.push(error?.message),
    });
    transport.pause();
    for (let i = 0; i < most; i++) socket.message(length);
    await clock.tick();
    expect(closed).toEqual([expect.stringContaining("while reading was stopped")]);
  },
);
