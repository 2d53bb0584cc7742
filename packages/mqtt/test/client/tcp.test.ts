// The only test over real sockets: it checks that the runtime's network works with the client.
import { createServer, type Server, type Socket } from "node:net";
import { connect, platform } from "@aiko/mqtt";
import { ScriptedPeer } from "@aiko/mqtt/testing";
import { afterEach, expect, test } from "vitest";

let server: Server | undefined;
afterEach(() => new Promise<void>((resolve) => (server?.listening ? server.close(() => resolve()) : resolve())));

async function listen(): Promise<{ url: string; accepted: Promise<Socket> }> {
  const listening = createServer();
  server = listening;
  const accepted = new Promise<Socket>((resolve) => listening.once("connection", resolve));
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const address = listening.address();
  return { url: `mqtt://127.0.0.1:${typeof address === "object" ? address?.port : ""}`, accepted };
}

function peerOf(socket: Socket): ScriptedPeer {
  const transport = {
    start(listener: import("@aiko/mqtt").TransportListener) {
      socket.on("data", (bytes) => listener.onBytes(bytes));
      socket.on("close", () => listener.onClose());
    },
    write: (bytes: Uint8Array) => socket.write(bytes),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
  };
  return new ScriptedPeer(transport, platform.clock);
}

test("connect, publish a megabyte, disconnect", async () => {
  const { url, accepted } = await listen();
  const connecting = connect(url, { protocolVersion: 5, clientId: "tcp" });
  const peer = peerOf(await accepted);
  await peer.expect("connect");
  peer.send({ type: "connack", sessionPresent: false, reasonCode: 0 });
  const client = await connecting;
  const publishing = client.publish("big", new Uint8Array(2 ** 20), { qos: 1 });
  const { packetIdentifier, payload } = await peer.expect("publish");
  expect(payload.length).toBe(2 ** 20);
  peer.send({ type: "puback", packetIdentifier, reasonCode: 0 });
  expect(await publishing).toMatchObject({ qos: 1, reasonCode: 0 });
  const leaving = client.disconnect();
  await peer.expect("disconnect");
  await peer.expectClose();
  await leaving;
});

test("no listener on the port: a readable error, without credentials", async () => {
  const { url } = await listen();
  await new Promise<void>((resolve) => server?.close(() => resolve()));
  await expect(connect(url.replace("//", "//ann:secret@"))).rejects.toMatchObject({
    name: "TransportError",
    code: "CONNECTION_FAILED",
    message: expect.stringMatching(/^(?!.*secret).*127\.0\.0\.1.*connection refused.*ECONNREFUSED/),
  });
});
