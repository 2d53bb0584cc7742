// Failed TLS handshakes: the broker reports the reason to the listeners of its events.
import { createConnection } from "node:net";
import { type ConnectionOptions, connect as dialTls, type TLSSocket } from "node:tls";
import { encode } from "@aiko/mqtt/codec";
import { Broker, type BrokerOptions } from "@aiko/mqtt-broker";
import { describe, expect, onTestFinished, test } from "vitest";
import { recordEvents } from "../../../test/fixtures/broker-events.ts";
import { Authority } from "../../../test/fixtures/certificates.ts";
import { bothPorts } from "../../../test/fixtures/listeners.ts";
import { describeHandshakeFailure } from "../src/listening/handshake-failure.ts";

const authority = await Authority.named("Test authority");
const secure = await authority.issue(["127.0.0.1"]);
const ca = authority.certificate;

/** A broker, the events that it emitted, and the first refusal among them. */
async function started(options: BrokerOptions) {
  const broker = await Broker.listen(options.listeners ? options : { port: 0, ...options });
  onTestFinished(() => broker.close());
  const refusal = new Promise<string>((resolve) => broker.on("refused", ({ reason }) => resolve(reason)));
  return { broker, events: recordEvents(broker), refusal };
}

/** Sends bytes, and resolves when the broker has closed the connection. */
function closedAfter(port: number, bytes: string | Uint8Array): Promise<void> {
  const socket = createConnection(port, "127.0.0.1")
    .on("error", () => undefined)
    .resume();
  socket.write(bytes);
  return new Promise((resolve) => socket.on("close", () => resolve()));
}

describe.each(["TLSv1.2", "TLSv1.3"] as const)("a handshake of %s that fails is reported", (maxVersion) => {
  const of = (options: ConnectionOptions): ConnectionOptions => ({ ca, maxVersion, ...options });
  test.each<[string, () => Promise<ConnectionOptions>, string]>([
    [
      "a certificate of another authority",
      async () => {
        const { certificate: cert, key } = await (await Authority.named("Other")).issue(["kitchen"]);
        return of({ cert, key });
      },
      "TLS handshake: the client's certificate was rejected (UNABLE_TO_VERIFY_LEAF_SIGNATURE)",
    ],
    [
      "a certificate that has expired",
      async () => {
        const { certificate: cert, key } = await authority.issue(["kitchen"], { from: -30, until: -2 });
        return of({ cert, key });
      },
      "TLS handshake: the client's certificate was rejected (CERT_HAS_EXPIRED)",
    ],
    [
      "no certificate",
      async () => of({}),
      "TLS handshake: the client sent no certificate (ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE)",
    ],
  ])("%s", async (_, options, reason) => {
    for (const i of [0, 1]) {
      const { broker, refusal } = await started(bothPorts({ ...secure, clientCa: ca }));
      const port = Number(new URL(`${broker.urls[i]}`).port);
      const socket = dialTls({ port, host: "127.0.0.1", ...(await options()) }).on("error", () => undefined);
      expect(await refusal).toBe(reason);
      socket.destroy();
    }
  });
});

test.each([
  ["is not TLS", "GET / HTTP/1.1\r\n\r\n", {}, "TLS handshake: the client does not speak TLS (ERR_SSL_HTTP_REQUEST)"],
  [
    "is MQTT",
    encode({ type: "connect", protocolVersion: 4, clientId: "c", cleanStart: true, keepAlive: 0 }, 4),
    {},
    "TLS handshake: the client does not speak TLS (ERR_SSL_WRONG_VERSION_NUMBER)",
  ],
  [
    "does not end",
    Uint8Array.of(0x16, 3, 1, 0),
    { connectTimeout: 20 },
    "TLS handshake: not completed within connectTimeout 20 ms (ERR_TLS_HANDSHAKE_TIMEOUT)",
  ],
])("a handshake that %s is reported once, without any of its content", async (_, bytes, options, reason) => {
  const { broker, events } = await started({ tls: secure, ...options });
  await closedAfter(broker.port, bytes);
  expect(events).toEqual([{ type: "refused", reason }]);
});

test("a client that hangs up during the handshake is reported; connections that a closing broker cuts are not", async () => {
  const { broker, events, refusal } = await started({ tls: secure });
  const [one, other] = [1, 2].map(() =>
    createConnection(broker.port, "127.0.0.1")
      .on("error", () => undefined)
      .resume(),
  );
  await Promise.all([one, other].map((socket) => new Promise((resolve) => socket?.once("connect", resolve))));
  one?.end();
  await refusal;
  const cut = new Promise((resolve) => other?.once("close", resolve));
  await Promise.all([broker.close(), cut]);
  expect(events).toEqual([
    {
      type: "refused",
      reason: "TLS handshake: the client closed the connection; it may not trust the broker's certificate (ECONNRESET)",
    },
  ]);
});

test.each([
  [
    { code: "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA" },
    "the client does not trust the broker's certificate (ERR_SSL_TLSV1_ALERT_UNKNOWN_CA)",
  ],
  [
    { code: "ERR_SSL_NO_SHARED_CIPHER" },
    "client and broker have no TLS version or cipher in common (ERR_SSL_NO_SHARED_CIPHER)",
  ],
  [{ code: "ERR_SSL_OTHER", reason: "other", message: "a client's words" }, "other (ERR_SSL_OTHER)"],
  [{ message: "a client's words" }, "failed"],
])("%o is reported in the broker's own words", (error, reason) => {
  const told = describeHandshakeFailure(Object.assign(new Error(), error), {} as TLSSocket, 10);
  expect(told).toBe(`TLS handshake: ${reason}`);
});
