// Web pages and a broker on this machine: a browser connects any page to it, and sends the page's origin.
import { connect } from "@aiko/mqtt";
import { Broker, type BrokerOptions, type ConnectRequest } from "@aiko/mqtt-broker";
import { describe, expect, onTestFinished, test } from "vitest";
import WebSocket from "ws";
import { recordEvents } from "../../../test/fixtures/broker-events.ts";
import { bothPorts } from "../../../test/fixtures/listeners.ts";

async function started(options: BrokerOptions = {}) {
  const broker = await Broker.listen({ ...bothPorts(), ...options });
  onTestFinished(() => broker.close());
  return { broker, events: recordEvents(broker), port: Number(new URL(`${broker.urls[1]}`).port) };
}

/** The result of a handshake with these headers: "open", or the status of the refusal. */
function handshake(port: number, headers: Readonly<Record<string, string>>): Promise<string> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, ["mqtt"], { headers });
  return new Promise((resolve, reject) => {
    socket.on("open", () => {
      socket.terminate();
      resolve("open");
    });
    socket.on("unexpected-response", (request, response) => {
      request.destroy();
      resolve(String(response.statusCode));
    });
    socket.on("error", reject);
  });
}

describe("a broker on loopback accepts a WebSocket", () => {
  test.each<[string, string, Record<string, string>, BrokerOptions]>([
    ["of a program that is not a browser", "open", {}, {}],
    ["of a page of the same host", "open", { origin: "http://127.0.0.1" }, {}],
    ["of a page of the same host at another port", "open", { origin: "http://127.0.0.1:3000" }, {}],
    ["of a page of this machine under another name", "open", { origin: "http://localhost:3000" }, {}],
    ["with the name localhost", "open", { host: "localhost:PORT", origin: "http://localhost" }, {}],
    ["with another loopback address", "open", { host: "127.0.0.2:PORT" }, {}],
    ["by IPv6", "open", { host: "[::1]:PORT", origin: "http://[::1]:3000" }, {}],
    ["of a foreign page: refused", "403", { origin: "https://evil.example" }, {}],
    ["of a foreign page by the older header: refused", "403", { "sec-websocket-origin": "https://evil.example" }, {}],
    ["of a page without an origin: refused", "403", { origin: "null" }, {}],
    ["of an origin that is not valid: refused", "403", { origin: "127.0.0.1" }, {}],
    [
      "of a page whose name begins with the same characters: refused",
      "403",
      { origin: "http://127.0.0.1.evil.example" },
      {},
    ],
    ["of a page whose user name equals the host: refused", "403", { origin: "http://127.0.0.1@evil.example" }, {}],
    [
      "of a page whose name was rebound: refused",
      "403",
      { host: "evil.example:PORT", origin: "http://evil.example:PORT" },
      {},
    ],
    ["with a foreign name and without an origin: refused", "403", { host: "evil.example" }, {}],
    ["with a name that begins with the same characters: refused", "403", { host: "127.0.0.1.evil.example" }, {}],
    ["of an allowed page", "open", { origin: "https://app.example" }, { allowedOrigins: ["https://app.example"] }],
    [
      "of a page of an allowed host at another port: refused",
      "403",
      { origin: "https://app.example:1" },
      { allowedOrigins: ["https://app.example"] },
    ],
    [
      "with the host of an allowed origin",
      "open",
      { host: "app.example", origin: "https://app.example" },
      { allowedOrigins: ["https://app.example"] },
    ],
    ["without an origin, if the options allow that", "open", { origin: "null" }, { allowedOrigins: ["null"] }],
    [
      "of any page, if the options allow that",
      "open",
      { host: "evil.example", origin: "https://evil.example" },
      { allowedOrigins: ["*"] },
    ],
  ])("%s", async (_, outcome, headers, options) => {
    const { port, events } = await started(options);
    const filled = Object.entries(headers).map(([name, value]) => [name, value.replaceAll("PORT", `${port}`)]);
    expect(await handshake(port, Object.fromEntries(filled))).toBe(outcome);
    if (outcome === "403")
      expect(events).toEqual([{ type: "refused", reason: expect.stringContaining("allowedOrigins") }]);
  });
});

test("a foreign page is refused also if the broker listens on all addresses", async () => {
  const { port } = await started(bothPorts(undefined, "0.0.0.0"));
  expect(await handshake(port, { origin: "https://evil.example" })).toBe("403");
  expect(await handshake(port, { host: "evil.example", origin: "http://evil.example" })).toBe("403");
  expect(await handshake(port, { origin: "http://127.0.0.1:3000" })).toBe("open");
  expect(await handshake(port, { host: "this-machine" })).toBe("open"); // a program, with a name from /etc/hosts
});

test("the event of a refusal holds the client's text only shortened and in printable characters", async () => {
  const { port, events } = await started();
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, ["mqtt"], {
    headers: { origin: `http://\x9b${"e".repeat(1_000)}` },
  }).on("error", () => undefined);
  await new Promise((resolve) => socket.on("close", resolve));
  expect(events).toHaveLength(1);
  const [event] = events;
  expect(event?.type === "refused" && event.reason).toMatch(
    /^WebSocket: Origin "http:\/\/\?e{92}"… is not allowed; [ -~]+$/,
  );
});

test("authenticate gets the client's address and the page's origin", async () => {
  const seen: ConnectRequest[] = [];
  const authenticate = (request: ConnectRequest): boolean => seen.push(request) > 0;
  const { broker } = await started({ authenticate });
  await using page = await connect(`${broker.urls[1]}`, {
    webSocket: { headers: { origin: "http://127.0.0.1:3000" } },
  });
  await using program = await connect(`${broker.urls[1]}`);
  await using plain = await connect(broker.url);
  expect([page, program, plain].every((client) => client.connected)).toBe(true);
  const arrivals = seen.map(({ address, origin }) => [address, origin]);
  expect(arrivals).toEqual([
    ["127.0.0.1", "http://127.0.0.1:3000"],
    ["127.0.0.1", undefined],
    ["127.0.0.1", undefined],
  ]);
});

test.each([
  ["https://app.example", "must be a list of origins"],
  [["https://app.example/"], 'browsers send "https://app.example"; write that'],
  [["https://app.example:443"], 'browsers send "https://app.example"; write that'],
  [["app.example"], "is not an origin"],
  [[1], "is not an origin"],
])("allowedOrigins %j is rejected", async (allowedOrigins, rule) => {
  await expect(Broker.listen({ port: 0, allowedOrigins: allowedOrigins as never })).rejects.toMatchObject({
    code: "OPTION_INVALID",
    message: expect.stringContaining(rule),
  });
});
