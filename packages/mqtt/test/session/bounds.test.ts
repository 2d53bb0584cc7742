import { ServerPacketStream } from "@aiko/mqtt/codec";
import { NetworkConnection } from "@aiko/mqtt/session";
import { FakeClock, memoryPair } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import { Client, connack, KeptMessage, KeptSubscribe, publishPacket, Server } from "./sessions.ts";

describe("the session waits for the server", () => {
  test("while a message or a request has no outcome", () => {
    const client = new Client();
    client.connect();
    expect(client.session.awaitsServer).toBe(false);
    client.session.publish(new KeptMessage("a", 1), client.now);
    expect(client.session.awaitsServer).toBe(true);
    client.receive({ type: "puback", packetIdentifier: 1, reasonCode: 0 });
    expect(client.session.awaitsServer).toBe(false);
    client.request(new KeptSubscribe("a"));
    expect(client.session.awaitsServer).toBe(true);
    client.receive({ type: "suback", packetIdentifier: 2, reasonCodes: [0] });
    expect(client.session.awaitsServer).toBe(false);
  });
});

describe("a server's backlog", () => {
  test("exists while the client is offline, behind a full transport, and while messages wait", () => {
    const server = new Server();
    expect(server.session.isBacklogged).toBe(true);
    server.connect(false, 1);
    expect(server.session.isBacklogged).toBe(false);
    server.outlet.congested = true;
    expect(server.session.isBacklogged).toBe(true);
    server.outlet.congested = false;
    for (const topic of ["a", "b"]) server.session.deliver(new KeptMessage(topic, 1), server.now);
    expect(server.session.isBacklogged).toBe(true);
  });
});

describe("expiry of queued messages", () => {
  test("fails expired messages, and returns when the next one expires", () => {
    const client = new Client();
    const at = (seconds: number) => new KeptMessage("t", 1, { expiresAt: client.now + seconds * 1000 });
    const [first, second, never] = [at(1), at(5), new KeptMessage("t", 1)];
    for (const message of [first, second, never]) client.session.publish(message, client.now);
    expect(client.session.expire(client.now + 2_000)).toBe(client.now + 5_000);
    expect([first.outcome, second.outcome, never.outcome]).toEqual(["MESSAGE_EXPIRED", undefined, undefined]);
    expect(client.session.expire(client.now + 5_000)).toBe(Number.POSITIVE_INFINITY);
    expect([second.outcome, never.outcome]).toEqual(["MESSAGE_EXPIRED", undefined]);
  });
});

test("a subscription identifier set by the application is rejected if the server does not support them", () => {
  const client = new Client();
  client.open();
  client.receive(connack(false, { subscriptionIdentifiersAvailable: false }));
  client.outlet.taken();
  const request = new (class extends KeptSubscribe {
    readonly properties = { subscriptionIdentifier: 7 };
  })("a");
  client.request(request);
  expect(request.outcome).toBe("SUBSCRIPTION_IDENTIFIER_NOT_AVAILABLE");
  expect(client.outlet.taken()).toBe("");
});

describe("data that a version or a server does not support is rejected before a byte is sent:", () => {
  test("a will of MQTT 3.1 that is not ASCII", () => {
    const will = { topic: "w", payload: Uint8Array.of(0xc3, 0xa9), qos: 0, retain: false } as const;
    const client = new Client({ version: 3, will });
    expect(() => client.open()).toThrow(expect.objectContaining({ code: "PAYLOAD_INVALID" }));
    expect(client.outlet.taken()).toBe("");
  });

  test("a topic of more than 32,767 characters on MQTT 3.1", () => {
    const client = new Client({ version: 3 });
    client.connect();
    client.outlet.taken();
    const message = new KeptMessage("t".repeat(32_768), 1);
    client.session.publish(message, client.now);
    expect(message.outcome).toBe("TOPIC_NAME_INVALID");
    expect(client.outlet.taken()).toBe("");
  });

  test("an AUTH longer than the server's maximum packet size", () => {
    const authenticationMethod = "X";
    const client = new Client({ properties: { authenticationMethod } });
    client.open();
    client.receive(connack(false, { authenticationMethod, maximumPacketSize: 40 }));
    client.outlet.taken();
    expect(() => client.session.sayAuth(0x19, new Uint8Array(100))).toThrow(
      expect.objectContaining({ code: "MAXIMUM_PACKET_SIZE_EXCEEDED" }),
    );
    expect(client.outlet.taken()).toBe("");
  });
});

test("repeated deliveries over one connection get one acknowledgement", () => {
  const client = new Client();
  client.connect();
  client.receive(publishPacket("slow", 1, 1)); // its acknowledgement, which is missing, blocks the others
  client.receive(publishPacket("a", 2, 2));
  client.receive(publishPacket("b", 2, 3));
  const delivery = client.given[1];
  client.lose();
  client.finish(delivery);
  client.connect(true);
  client.receive(publishPacket("slow", 1, 1));
  client.outlet.taken();
  for (let i = 0; i < 140_000; i++) client.receive(publishPacket("a", 2, 2));
  expect(client.outlet.taken()).toBe("");
  client.finish(client.given.at(-1));
  expect(client.outlet.taken()).toBe("4002000150020002");
});

describe("the end of a connection", () => {
  test("with a grace period waits until the bytes are sent, then 50 ms for the peer", async () => {
    const clock = new FakeClock();
    const [near, far] = memoryPair(clock, { delay: 400 });
    const said: string[] = [];
    const nothing = () => undefined;
    const network = new NetworkConnection(near, clock, new ServerPacketStream(5), {
      packetReceived: nothing,
      bytesReceived: nothing,
      beforeFlush: nothing,
      flushed: nothing,
      drained: nothing,
      failed: nothing,
      deadline: () => Infinity,
      advance: () => true,
      closed: () => said.push("closed"),
    });
    network.start();
    far.start({ onBytes: (bytes) => said.push(`${bytes.length} bytes`), onDrain: nothing, onClose: nothing });
    far.pause();
    network.out.append(new Uint8Array(10));
    network.end(5_000);
    await clock.advance(390);
    expect(said).toEqual([]);
    far.resume();
    await clock.advance(500);
    expect(said).toContain("10 bytes");
    expect(said).toContain("closed");
  });
});
