// How a client arrived, as `authenticate` learns it; and the subprotocols of WebSocket clients.
import { connect, type TlsOptions } from "@aiko/mqtt";
import { encode, PacketStream } from "@aiko/mqtt/codec";
import { Broker, type BrokerOptions, type ConnectRequest } from "@aiko/mqtt-broker";
import { describe, expect, onTestFinished, test } from "vitest";
import WebSocket from "ws";
import { Authority } from "../../../test/fixtures/certificates.ts";
import { bothPorts } from "../../../test/fixtures/listeners.ts";

const authority = await Authority.named("Test authority");
const secure = await authority.issue(["127.0.0.1"]);
const ca = authority.certificate;

async function started(options: BrokerOptions): Promise<Broker> {
  const broker = await Broker.listen(options);
  onTestFinished(() => broker.close());
  return broker;
}

async function arriving(options: BrokerOptions, which: number, tls?: TlsOptions) {
  const requests: ConnectRequest[] = [];
  const broker = await started({ ...options, authenticate: (request) => requests.push(request) > 0 });
  const url = `${broker.urls[which]}`;
  const client = await connect(url, { clientId: "c", ...(tls && { tls }) });
  await client.disconnect();
  return { url, request: requests[0] };
}

describe("authenticate gets the listener and the certificate of a client", () => {
  test.each([0, 1])("of listener %i", async (which) => {
    const own = await authority.issue(["kitchen"]);
    const { url, request } = await arriving(bothPorts({ ...secure, clientCa: ca }), which, { ca, ...own });
    expect(request).toMatchObject({
      clientId: "c",
      listener: url,
      address: "127.0.0.1",
      certificate: {
        commonName: "kitchen",
        subjectAltName: "DNS:kitchen",
        fingerprint256: expect.stringMatching(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
      },
      connect: { type: "connect", protocolVersion: 5, clientId: "c" },
    });
  });

  test.each([0, 1])("without a certificate, if the listener %i asks for none", async (which) => {
    const { url, request } = await arriving(bothPorts(secure), which, { ca });
    expect(request).toMatchObject({ listener: url, certificate: undefined });
    const plain = await arriving(bothPorts(), which);
    expect(plain.request).toMatchObject({ listener: plain.url, certificate: undefined });
  });
});

/** The subprotocol that the broker chose, and the first packet that it sent; undefined if it closed the WebSocket. */
async function greeting(broker: Broker, offered: string[], version: 3 | 4 = 3) {
  const socket = new WebSocket(`${broker.urls[1]}`, offered);
  onTestFinished(() => socket.terminate());
  const stream = new PacketStream(version);
  const hello = { type: "connect", protocolVersion: version, clientId: "c", cleanStart: true, keepAlive: 0 } as const;
  socket.on("open", () => socket.send(encode(hello, version)));
  socket.on("error", () => undefined);
  return new Promise<unknown>((resolve) => {
    socket.on("message", (bytes: Buffer) => resolve([socket.protocol, ...stream.push(bytes)]));
    socket.on("close", () => resolve(undefined));
  });
}

describe("a WebSocket client", () => {
  const welcome = expect.objectContaining({ type: "connack", reasonCode: 0 });

  test.each<[string[], string]>([
    [["mqtt"], "mqtt"],
    [["mqttv3.1"], "mqttv3.1"],
    [["mqttv3.1", "mqtt"], "mqtt"],
    [["chat", "mqttv3.1"], "mqttv3.1"],
  ])("that offers %j is accepted with %s, and may use any version [MQTT-6.0.0-4]", async (offered, chosen) => {
    const broker = await started(bothPorts());
    expect(await greeting(broker, offered)).toEqual([chosen, welcome]);
    expect(await greeting(broker, offered, 4)).toEqual([chosen, welcome]);
  });

  test("that offers no subprotocol is accepted only if the option allows it", async () => {
    expect(await greeting(await started(bothPorts()), [])).toBeUndefined();
    const lenient = await started({ ...bothPorts(), subprotocolOptional: true });
    expect(await greeting(lenient, [])).toEqual(["", welcome]);
    expect(await greeting(lenient, ["chat"])).toBeUndefined();
  });
});
