// The small client's WebSocket over real sockets, with the class of the package `ws`: the shared suite of every
// Transport, and refusals.
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { Socket } from "node:net";
import { type NetworkOptions, platform as serverPlatform, type Transport } from "@aiko/mqtt";
import { connect, type SmallOptions } from "@aiko/mqtt/small";
import { transportSuite } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import { type ServerOptions, WebSocket, WebSocketServer } from "ws";
import { Authority } from "../../../../test/fixtures/certificates.ts";
import { address, listen, listening, settle } from "../../../../test/transports/network.ts";
import type { WebSocketLike } from "../../src/platform/network-options.ts";
import { platform } from "../../src/small/small-platform.ts";
import { WebSocketTransport } from "../../src/transport/websocket.ts";

type Pair = readonly [Transport, Transport];

/** Never fires. */
const patient = (): AbortSignal => new AbortController().signal;

const authority = await Authority.named("Test authority");
const identity = await authority.issue(["127.0.0.1"]);

/** Like a runtime's own that trusts the authority. */
class Trusting extends WebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols, { ca: authority.certificate });
  }
}

const plain: NetworkOptions = { webSocket: { implementation: WebSocket } };
const secure: NetworkOptions = { webSocket: { implementation: Trusting } };

/** A WebSocket server, and what its first connection receives. */
async function serving(
  scheme: "ws" | "wss",
  options: ServerOptions = {},
): Promise<{ port: number; url: string; accepted: Promise<WebSocket>; server: WebSocketServer }> {
  const http =
    scheme === "ws" ? createHttpServer() : createHttpsServer({ cert: identity.certificate, key: identity.key });
  const { port } = await listening(http);
  const server = new WebSocketServer({ server: http, handleProtocols: () => "mqtt", ...options });
  const accepted = new Promise<WebSocket>((resolve) => server.on("connection", resolve));
  return { port, url: `${scheme}://127.0.0.1:${port}/mqtt`, accepted, server };
}

/** The small client's end, then the server's. */
async function pair(scheme: "ws" | "wss"): Promise<Pair> {
  const { port, accepted } = await serving(scheme);
  const other = accepted.then((socket) => {
    socket.binaryType = "arraybuffer";
    return new WebSocketTransport(socket as unknown as WebSocketLike, "the client", serverPlatform.clock);
  });
  return Promise.all([platform.dial(address(scheme, port), patient(), scheme === "ws" ? plain : secure), other]);
}

const turned = async (made: Promise<Pair>): Promise<Pair> => {
  const [one, other] = await made;
  return [other, one];
};

describe.each<[string, () => Promise<Pair>]>([
  ["ws:", () => pair("ws")],
  ["wss:", () => pair("wss")],
  ["ws:, from the server's side", () => turned(pair("ws"))],
])("the small client's transport over %s", (_, made) => {
  test.each(transportSuite({ pair: made, pause: settle }))("$name", ({ run }) => run());
});

/** The error message of a refused connection, without the port. */
async function refusal(url: string, options: SmallOptions = {}): Promise<string> {
  const error = await connect(url, { ...plain, ...options }).then(
    async (client) => {
      await client.disconnect();
      return undefined;
    },
    (reason: { code: string; message: string }) => reason,
  );
  return error === undefined ? "none" : `${error.code}: ${error.message.replaceAll(/:\d{4,5}\b/g, ":PORT")}`;
}

describe("connect reports what can go wrong on the way", () => {
  test("an upgrade that the server refuses", async () => {
    const { port } = await listening(createHttpServer((_, response) => response.writeHead(404).end()));
    expect(await refusal(`ws://127.0.0.1:${port}/mqtt?token=secret`)).toBe(
      "WEBSOCKET_FAILED: no WebSocket to ws://127.0.0.1:PORT: Unexpected server response: 404",
    );
  });

  test.each([
    ["hangs up", (socket: Socket) => void socket.once("data", () => socket.destroy())],
    ["answers with MQTT", (socket: Socket) => void socket.end(Uint8Array.of(0x20, 2, 0, 0))],
  ])("a server that %s is not a WebSocket server", async (_, accept) => {
    const { port } = await listen(accept);
    expect(await refusal(`ws://127.0.0.1:${port}`)).toMatch(
      /^WEBSOCKET_FAILED: no WebSocket to ws:\/\/127.0.0.1:PORT: /,
    );
  });

  test("no server", async () => {
    expect(await refusal("ws://127.0.0.1:1")).toMatch(/^WEBSOCKET_FAILED: no WebSocket to .*ECONNREFUSED/);
  });

  test("a server whose certificate is not trusted", async () => {
    const { url } = await serving("wss");
    expect(await refusal(url)).toMatch(/^WEBSOCKET_FAILED: no WebSocket to wss:.*certificate/);
  });

  test.each([
    ["none", () => false as const],
    ["another", () => "chat"],
  ])("a server that selects %s of the subprotocols: the connection is closed at once", async (_, handleProtocols) => {
    const { url, accepted } = await serving("ws", { handleProtocols });
    const gone = accepted.then((socket) => new Promise((resolve) => socket.on("close", resolve)));
    expect(await refusal(url)).toMatch(/^WEBSOCKET_FAILED: .*subprotocol/);
    await gone;
  });

  test.each([
    [1002, "not so", "WEBSOCKET_FAILED: WebSocket: 1002 not so"],
    [1008, "policy", "WEBSOCKET_FAILED: WebSocket: 1008 policy"],
    [4000, "own", "WEBSOCKET_FAILED: WebSocket: 4000 own"],
    [1000, "", "CONNECTION_LOST: ws://127.0.0.1:PORT/mqtt closed"],
    [1001, "restart", "CONNECTION_LOST: ws://127.0.0.1:PORT/mqtt closed"],
  ])("a server that closes with code %i before CONNACK", async (code, reason, words) => {
    const { url, accepted } = await serving("ws");
    void accepted.then((socket) => socket.once("message", () => socket.close(code, reason)));
    expect(await refusal(url)).toBe(words);
  });

  test("a server that cuts the connection before CONNACK", async () => {
    const { url, accepted } = await serving("ws");
    void accepted.then((socket) => socket.once("message", () => socket.terminate()));
    expect(await refusal(url)).toMatch(/^WEBSOCKET_FAILED: WebSocket: 1006/);
  });

  test("[MQTT-6.0.0-1] a text frame is not valid: the connection is closed", async () => {
    const { url, accepted } = await serving("ws");
    const gone = accepted.then((socket) => {
      socket.send("hello");
      return new Promise((resolve) => socket.on("close", resolve));
    });
    expect(await refusal(url)).toBe("WEBSOCKET_FAILED: WebSocket: text frame");
    await gone;
  });

  test("an upgrade without an answer ends when the signal aborts, and the server sees the connection end", async () => {
    const giveUp = new AbortController();
    let gone: Promise<unknown> | undefined;
    const { port } = await listen((socket) => {
      gone = new Promise((resolve) => socket.on("close", resolve));
      socket.once("data", () => giveUp.abort());
    });
    const url = `ws://127.0.0.1:${port}`;
    expect(await refusal(url, { signal: giveUp.signal })).toBe("ABORTED: aborted");
    await gone;
  });

  test("an upgrade without an answer ends with connectTimeout", async () => {
    const { port } = await listen((socket) => void socket.resume());
    expect(await refusal(`ws://127.0.0.1:${port}`, { connectTimeout: 20 })).toBe(
      "CONNECT_TIMEOUT: ws://127.0.0.1:PORT/: 20 ms",
    );
  });

  test("if there is no WebSocket, or the scheme is not valid, the error says what to do", async () => {
    const said = "set platform, or webSocket.implementation (npm install ws)";
    const { dial } = platform;
    await expect(dial(address("mqtt", 1883), patient(), plain)).rejects.toMatchObject({
      code: "TRANSPORT_UNAVAILABLE",
      message: `mqtt: ${said}`,
    });
    if (globalThis.WebSocket === undefined)
      await expect(dial(address("ws", 80), patient(), {})).rejects.toThrow(`ws: ${said}`);
  });
});

test("[MQTT-6.0.0-3] the client requests the subprotocol mqtt, or the configured one, and sends headers with the upgrade", async () => {
  const ask = async (webSocket: NetworkOptions["webSocket"]): Promise<unknown[]> => {
    const { port, server } = await serving("ws", { handleProtocols: ([first]: Set<string>) => first as string });
    const asked = new Promise<unknown[]>((resolve) =>
      server.on("connection", (_, { url, headers }) =>
        resolve([url, headers["sec-websocket-protocol"], headers["x-token"]]),
      ),
    );
    const given = { webSocket: { implementation: WebSocket, ...webSocket } };
    const transport = await platform.dial(address("ws", port), patient(), given);
    transport.destroy();
    return asked;
  };
  expect(await ask({})).toEqual(["/mqtt", "mqtt", undefined]);
  expect(await ask({ subprotocol: "mqttv3.1", headers: { "x-token": "t" } })).toEqual(["/mqtt", "mqttv3.1", "t"]);
});

test("[MQTT-6.0.0-1] the client sends binary frames", async () => {
  const { url, accepted } = await serving("ws");
  const received = accepted.then(
    (socket) =>
      new Promise((resolve) => {
        socket.once("message", (bytes: Buffer, isBinary) => {
          resolve([isBinary, bytes.subarray(0, 1).toString("hex")]);
          socket.close();
        });
      }),
  );
  expect(await refusal(url)).toContain("CONNECTION_LOST");
  expect(await received).toEqual([true, "10"]);
});
