// An exception between opening a socket and passing it on: the socket is closed, and the error is a typed one.
import { createConnection, createServer } from "node:net";
import { connect, MqttError, platform, type WebSocketClass } from "@aiko/mqtt";
import { Broker } from "@aiko/mqtt-broker";
import { describe, expect, onTestFinished, test } from "vitest";
import { bothPorts } from "../fixtures/listeners.ts";
import { address, listening, patient } from "./network.ts";

/**
 * A server that sends only a greeting, and the number of open connections; `none` resolves when none is open, or none
 * arrived.
 */
async function counted(greeting = new Uint8Array()) {
  let open = 0;
  let whenNone = (): void => undefined;
  const server = createServer((socket) => {
    open++;
    socket.on("error", () => undefined).resume();
    socket.write(greeting);
    socket.on("close", () => {
      if (--open === 0) whenNone();
    });
  });
  const { port } = await listening(server);
  return {
    port,
    /** Waits for a later connection, so that earlier ones have been accepted. */
    async none(): Promise<void> {
      const last = createConnection(port, "127.0.0.1");
      await new Promise((resolve) => last.on("connect", resolve));
      const gone = new Promise<void>((resolve) => {
        whenNone = resolve;
      });
      last.destroy();
      await gone;
    },
  };
}

describe("an exception while a socket is open closes the socket", () => {
  const throws = (): never => {
    throw new Error("injected");
  };
  class Throwing {
    constructor() {
      throws();
    }
  }
  class ThrowingLater {
    close(): void {}
    addEventListener(): void {}
    set binaryType(_: string) {
      throws();
    }
  }
  /** A class that opens its own socket, or none. */
  class OwnWay extends EventTarget {
    binaryType = "";
    readonly bufferedAmount = 0;
    readonly protocol = "mqtt";
    constructor() {
      super();
      queueMicrotask(() => this.dispatchEvent(new Event("open")));
    }
    send(): void {}
    close(): void {}
  }
  const implementation = (it: unknown) => ({ webSocket: { implementation: it as WebSocketClass } });

  test.each<[string, (port: number) => Parameters<typeof platform.dial>]>([
    [
      "a host that HTTP does not allow, through an HTTP proxy",
      (port) => [address("mqtt", 1, "a\nb"), patient, { proxy: `http://127.0.0.1:${port}` }],
    ],
    [
      "a host that is not ASCII, through an HTTP proxy",
      (port) => [address("mqtts", 1, "ü\u0100"), patient, { proxy: `http://127.0.0.1:${port}` }],
    ],
    [
      "a host that is too long, through a SOCKS proxy",
      (port) => [address("mqtt", 1, "a".repeat(300)), patient, { proxy: `socks5://127.0.0.1:${port}` }],
    ],
    [
      "TLS options that Node rejects",
      (port) => [address("mqtts", port), patient, { tls: { minimumVersion: "TLSv9" as never } }],
    ],
    ["a WebSocket class that throws", (port) => [address("ws", port), patient, implementation(Throwing)]],
    ["a WebSocket class that throws later", (port) => [address("ws", port), patient, implementation(ThrowingLater)]],
  ])("%s", async (_, dialling) => {
    const server = await counted(Uint8Array.of(5, 0)); // of SOCKS
    for (let i = 0; i < 3; i++) await expect(platform.dial(...dialling(server.port))).rejects.toThrow();
    await server.none();
  });

  test("a WebSocket class that does not use the socket opened for it", async () => {
    const server = await counted();
    const transport = await platform.dial(address("ws", server.port), patient, implementation(OwnWay));
    await server.none();
    transport.destroy();
  });
});

test.each([
  ["an invalid local address", "mqtt://127.0.0.1:1", { localAddress: "nonsense" }],
  ["a host that the proxy protocol cannot express", "mqtt://\u0100.example:1", { proxy: "http://127.0.0.1:PORT" }],
])("an error that Node throws synchronously becomes a typed error: %s", async (_, url, options) => {
  const { port } = await counted();
  const filled = "proxy" in options ? { proxy: options.proxy?.replace("PORT", `${port}`) } : options;
  await expect(connect(url, filled)).rejects.toBeInstanceOf(MqttError);
});

describe("a broker whose program throws when a connection is accepted", () => {
  test.each([0, 1])("closes it and continues: listener %i", async (which) => {
    let fails = false;
    const clock = {
      ...platform.clock,
      schedule: (delay: number, callback: () => void) => {
        if (fails && delay > 100) throw new Error("injected");
        return platform.clock.schedule(delay, callback);
      },
    };
    const broker = await Broker.listen({ ...bothPorts(), clock });
    onTestFinished(() => broker.close());
    const url = `${broker.urls[which]}`;
    fails = true;
    await expect(connect(url, { reconnect: false })).rejects.toBeInstanceOf(MqttError);
    expect(broker.statistics.openConnections).toBe(0);
    fails = false;
    await using client = await connect(url);
    expect(client.connected).toBe(true);
  });
});
