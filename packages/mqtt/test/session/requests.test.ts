import type { Packet } from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import { AbortedError } from "../../src/errors.ts";
import {
  ack,
  Client,
  KeptMessage,
  KeptSubscribe,
  KeptUnsubscribe,
  protocolFault,
  publishPacket,
  wire,
} from "./sessions.ts";

describe("subscribing and unsubscribing", () => {
  const suback = (packetIdentifier: number, ...reasonCodes: number[]): Packet => ({
    type: "suback",
    packetIdentifier,
    reasonCodes,
  });
  const unsuback = (packetIdentifier: number, ...reasonCodes: number[]): Packet => ({
    type: "unsuback",
    packetIdentifier,
    reasonCodes,
  });
  const gone = () => new AbortedError("ABORTED", "given up");

  function connected(options = {}): Client {
    const client = new Client(options);
    client.connect();
    client.outlet.taken();
    return client;
  }

  test("packet identifiers are shared with messages", () => {
    const client = connected();
    client.publish(new KeptMessage("a"));
    client.request(new KeptSubscribe("f"));
    client.publish(new KeptMessage("b"));
    client.request(new KeptUnsubscribe("f"));
    const identifiers = client.outlet
      .packets(5)
      .map((packet) => "packetIdentifier" in packet && packet.packetIdentifier);
    expect(identifiers).toEqual([1, 2, 3, 4]);
  });

  test("is encoded byte by byte, with one reason code for each filter", () => {
    const client = connected();
    const subscribe = new KeptSubscribe("a", { topicFilter: "b", qos: 2 });
    const unsubscribe = new KeptUnsubscribe("a", "b");
    client.request(subscribe);
    client.request(unsubscribe);
    expect(client.outlet.taken()).toBe("820b000100" + "00016101" + "00016202" + "a209000200" + "000161" + "000162");
    client.receive(unsuback(2, 0, 0x11));
    client.receive(suback(1, 1, 0x87));
    expect(subscribe.outcome).toEqual([1, 0x87]);
    expect(unsubscribe.outcome).toEqual([0, 0x11]);
  });

  test("UNSUBACK has no reason codes before MQTT 5", () => {
    const client = connected({ version: 4 });
    const request = new KeptUnsubscribe("a", "b");
    client.request(request);
    client.receive(unsuback(1));
    expect(request.outcome).toEqual([]);
  });

  test.each([
    ["too few", suback(1, 0)],
    ["too many", suback(1, 0, 0, 0)],
    ["an UNSUBACK's", unsuback(1, 0, 0)],
  ])("%s reason codes for a SUBSCRIBE are a protocol error", (_, answer) => {
    const client = connected();
    const request = new KeptSubscribe("a", "b");
    client.request(request);
    expect(protocolFault(() => client.receive(answer))).toBe(0x82);
    expect(request.outcome).toBeUndefined();
  });

  test("a wrong count, or a SUBACK, for an UNSUBSCRIBE is a protocol error", () => {
    const client = connected();
    client.request(new KeptUnsubscribe("a", "b"));
    expect(protocolFault(() => client.receive(unsuback(1, 0)))).toBe(0x82);
    expect(protocolFault(() => client.receive(suback(1, 0, 0)))).toBe(0x82);
  });

  test("an answer without a request is ignored", () => {
    const client = connected();
    client.receive(suback(1, 0));
    client.receive(unsuback(2, 0));
    expect(client.outlet.taken()).toBe("");
  });

  test("an unanswered request is sent again over the next connection, before newer requests", () => {
    const client = connected();
    const requests = [new KeptSubscribe("a"), new KeptUnsubscribe("b"), new KeptSubscribe("c")];
    for (const request of requests.slice(0, 2)) client.request(request);
    client.lose();
    client.request(requests[2] as KeptSubscribe);
    client.connect(true);
    expect(client.outlet.packets(5)).toMatchObject([
      { type: "subscribe", packetIdentifier: 3, subscriptions: [{ topicFilter: "a" }] },
      { type: "unsubscribe", packetIdentifier: 4, topicFilters: ["b"] },
      { type: "subscribe", packetIdentifier: 5, subscriptions: [{ topicFilter: "c" }] },
    ]);
    client.receive(suback(3, 0));
    client.receive(unsuback(4, 0));
    client.receive(suback(5, 0));
    expect(requests.map(({ outcomes }) => outcomes.length)).toEqual([1, 1, 1]);
  });

  test("a request that is withdrawn before it was sent is not sent", () => {
    const client = new Client();
    const [one, two] = [new KeptSubscribe("a"), new KeptSubscribe("b")];
    client.request(one);
    client.request(two);
    client.withdraw(one, gone());
    client.withdraw(one, gone());
    client.connect();
    expect(client.outlet.packets(5)).toMatchObject([{ subscriptions: [{ topicFilter: "b" }] }]);
    expect(one.outcome).toBe("ABORTED");
  });

  test("a request that is withdrawn after it was sent settles once; its answer is ignored and its identifier stays in use until then", () => {
    const client = connected();
    const request = new KeptSubscribe("a");
    client.request(request);
    client.withdraw(request, gone());
    client.withdraw(request, gone());
    client.receive(suback(1, 0));
    expect(request.outcome).toBe("ABORTED");
    const identifiers = Array.from({ length: 65_535 }, () => {
      const message = new KeptMessage("x");
      client.publish(message);
      return message.packetIdentifier;
    });
    expect(new Set(identifiers).size).toBe(65_535);
  });

  test("a request that is withdrawn is not sent again over the next connection", () => {
    const client = connected();
    const request = new KeptSubscribe("a");
    client.request(request);
    client.withdraw(request, gone());
    client.lose();
    client.connect(true);
    expect(client.outlet.taken()).toBe("");
    expect(request.outcome).toBe("ABORTED");
  });

  test("a request that has its answer cannot be withdrawn", () => {
    const client = connected();
    const request = new KeptSubscribe("a");
    client.request(request);
    client.receive(suback(1, 0));
    client.withdraw(request, gone());
    expect(request.outcome).toEqual([0]);
  });

  test("abandon fails all requests once, and names them", () => {
    const client = connected();
    const requests = [new KeptSubscribe("a", "b"), new KeptUnsubscribe("c")];
    for (const request of requests) client.request(request);
    client.lose();
    const waiting = new KeptSubscribe("d");
    client.request(waiting);
    client.connect(true);
    const named: string[] = [];
    client.session.abandon((what) => {
      named.push(what);
      return gone();
    });
    client.receive(suback(3, 0, 0));
    client.receive(unsuback(4, 0));
    client.lose();
    client.connect(true);
    expect([...requests, waiting].map(({ outcome }) => outcome)).toEqual(["ABORTED", "ABORTED", "ABORTED"]);
    expect(named).toEqual(['the subscription to "a", "b"', 'the unsubscription from "c"', 'the subscription to "d"']);
    expect(client.outlet.taken()).toBe("");
  });

  test("a request that the negotiated version cannot express fails, and the connection stays", () => {
    const client = new Client({ version: 4 });
    const [one, two] = [new KeptSubscribe({ topicFilter: "a", qos: 0, noLocal: true }), new KeptSubscribe("b")];
    client.request(one);
    client.request(two);
    client.connect();
    expect(one.outcome).toBe("PACKET_INVALID");
    expect(client.outlet.packets(4)).toMatchObject([{ subscriptions: [{ topicFilter: "b" }] }]);
  });

  test("an invalid request is a bug, and not treated as the caller's mistake", () => {
    const client = connected();
    const request = new KeptUnsubscribe("a");
    Object.assign(request, { topicFilters: undefined });
    expect(() => client.request(request)).toThrow(TypeError);
    expect(request.outcome).toBeUndefined();
  });

  test("with all identifiers in use, a request waits for one, and so do messages behind requests", () => {
    const client = connected();
    const messages = Array.from({ length: 65_534 }, (_, i) => new KeptMessage("x", i % 2 === 0 ? 1 : 2));
    const first = new KeptSubscribe("first");
    client.request(first);
    for (const message of messages) client.publish(message);
    client.outlet.taken();
    const late = [new KeptSubscribe("a"), new KeptSubscribe("b"), new KeptSubscribe("c")];
    for (const request of late) client.request(request);
    const queued = new KeptMessage("queued");
    client.publish(queued);
    expect(client.outlet.taken()).toBe("");
    client.receive(ack("puback", 2));
    client.receive(ack("pubrec", 3, 0x80));
    client.receive(ack("pubrec", 5));
    client.receive(ack("pubcomp", 5));
    client.receive(suback(1, 0));
    const sent = client.outlet.packets(5);
    expect(sent.map(({ type }) => type)).toEqual(["publish", "subscribe", "pubrel", "subscribe", "subscribe"]);
    expect(queued.packetIdentifier).toBe(2);
    expect(sent.filter(({ type }) => type === "subscribe")).toMatchObject(
      [3, 5, 1].map((packetIdentifier) => ({ packetIdentifier })),
    );
  });

  test("a message that waits for an identifier is sent when a request's answer frees one", () => {
    const client = connected();
    const requests = Array.from({ length: 65_535 }, () => new KeptUnsubscribe("a"));
    for (const request of requests) client.request(request);
    const message = new KeptMessage("m");
    client.publish(message);
    client.outlet.taken();
    client.receive(unsuback(77, 0));
    expect(client.outlet.taken()).toBe(wire(5, publishPacket("m", 1, 77)));
  });
});
