import { createSocket } from "node:dgram";
import { TransportError } from "@aiko/mqtt";
import { connect, type SnMessage } from "@aiko/mqtt-gateway/sn";
import { expect, test } from "vitest";
import { encodeFrame } from "../../../src/sn/codec/frame.ts";
import { UdpGateway } from "./udp-gateway.ts";

test("a client publishes to a gateway over UDP, and receives its messages", async () => {
  await using gateway = await UdpGateway.listen();
  await using client = await connect(gateway.url);
  const subscription = await client.subscribe("a/#", { qos: 1 });
  await client.publish("a/b", "21.5", { qos: 2 });
  const { value } = await subscription[Symbol.asyncIterator]().next();
  expect([value?.topic, value?.text(), value?.qos]).toEqual(["a/b", "21.5", 1]);
});

test("datagrams of others than the gateway do not reach the client", async () => {
  await using gateway = await UdpGateway.listen();
  const seen: SnMessage[] = [];
  await using client = await connect(gateway.url, { onMessage: (message) => seen.push(message) });
  const stranger = createSocket("udp4");
  const topic = { kind: "predefined", id: 7 } as const;
  const message = { type: "publish", topic, qos: 0, dup: false, retain: false, messageId: 0 } as const;
  const forged = encodeFrame({ ...message, data: Uint8Array.of(1) });
  await new Promise((resolve) => stranger.send(forged, gateway.clientPort as number, "127.0.0.1", resolve));
  gateway.send(encodeFrame({ ...message, data: Uint8Array.of(2) }));
  await client.publish({ predefined: 7 }, "", { qos: 1 });
  expect(seen.map(({ payload }) => payload[0])).toEqual([2]);
  stranger.close();
});

test("a client connects again after disconnecting", async () => {
  await using gateway = await UdpGateway.listen();
  const client = await connect(gateway.url);
  await client.disconnect();
  await client.connect();
  expect(client.state).toBe("active");
  await client.disconnect();
});

test("a host that does not exist is a TransportError", async () => {
  const connecting = connect("udp://no-such-host.invalid");
  await expect(connecting).rejects.toBeInstanceOf(TransportError);
  await expect(connecting).rejects.toThrow("no-such-host.invalid");
});
