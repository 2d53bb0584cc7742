// QoS 1 and 2 across lost connections and lost sessions, and with servers that acknowledge wrongly.
import type { PublishPacket } from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import { clients, holding, message, type Outcome, subscribed, watch } from "./clients.ts";

const text = ({ payload }: PublishPacket): string => new TextDecoder().decode(payload);

describe.each(clients)("the $name client", ({ createBench, expectStatistics, maximumInflightBefore5 }) => {
  describe.each([4, 5] as const)("on version %i, after reconnecting to a present session", (protocolVersion) => {
    test("unacknowledged messages are resent with DUP and their identifiers, in order, before queued ones", async () => {
      const { bench, client, peer } = await createBench().online({ protocolVersion, cleanStart: false });
      for (let i = 1; i <= 4; i++) watch(client.publish("a", String(i), { qos: i % 2 ? 1 : 2 }));
      for (let i = 1; i <= 4; i++) await peer.expect("publish");
      peer.send({ type: "pubrec", packetIdentifier: 2, reasonCode: 0 });
      await peer.expect("pubrel");
      peer.cut();
      await bench.clock.tick();
      watch(client.publish("a", "5", { qos: 1 }));
      const again = await bench.acceptAgain({ sessionPresent: true });
      expect(await again.expect("publish")).toEqual({ ...message("a", "1", 1, 1), dup: true });
      expect(await again.expect("pubrel")).toMatchObject({ packetIdentifier: 2 });
      expect(await again.expect("publish")).toEqual({ ...message("a", "3", 1, 3), dup: true });
      expect(await again.expect("publish")).toEqual({ ...message("a", "4", 2, 4), dup: true });
      expect(await again.expect("publish")).toEqual(message("a", "5", 1, 5));
    });

    test("the order is kept over several lost connections, whatever the quota", async () => {
      const bench = createBench();
      const connack = { sessionPresent: true, ...(protocolVersion === 5 && { properties: { receiveMaximum: 2 } }) };
      const { client, peer } = await bench.online({ protocolVersion, cleanStart: false }, { ...connack });
      const outcomes: Outcome<unknown>[] = [];
      for (let i = 0; i < 9; i++) outcomes.push(watch(client.publish("a", String(i), { qos: 1 })));
      await bench.clock.tick();
      let current = peer;
      const order: string[] = [];
      while (outcomes.some(({ settled }) => settled === 0)) {
        current = await bench.reconnected(current, connack);
        const first = await current.expect("publish");
        order.push(text(first));
        await bench.deliver(current, { type: "puback", packetIdentifier: first.packetIdentifier, reasonCode: 0 });
      }
      expect(order).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8"]);
    });
  });

  describe.each([4, 5] as const)("on version %i, after the server has lost the session", (protocolVersion) => {
    test("QoS 1 is sent as new, QoS 2 is SESSION_LOST, and a released message counts as delivered", async () => {
      const { bench, client, peer } = await createBench().online({ protocolVersion, cleanStart: false });
      const [one, two, released] = [1, 2, 2].map((qos, i) =>
        watch(client.publish("a", String(i), { qos: qos as 1 | 2 })),
      );
      for (let i = 0; i < 3; i++) await peer.expect("publish");
      peer.send({ type: "pubrec", packetIdentifier: 3, reasonCode: 0 });
      await peer.expect("pubrel");
      const again = await bench.reconnected(peer);
      const { packetIdentifier, ...fields } = await again.expect("publish");
      expect(fields).toMatchObject({ dup: false, qos: 1 });
      const message = expect.stringContaining('"a"');
      expect(two?.error).toMatchObject({ name: "OutboxError", code: "SESSION_LOST", message });
      expect(released?.value).toMatchObject({ qos: 2, reasonCode: 0 });
      again.send({ type: "puback", packetIdentifier, reasonCode: 0 });
      await again.expectNothing();
      expect(one?.value).toMatchObject({ qos: 1 });
    });
  });

  test("a QoS 1 message that is sent as new after it was resent has no DUP", async () => {
    const { bench, client, peer } = await createBench().online({ cleanStart: false });
    watch(client.publish("a", "", { qos: 1 }));
    await peer.expect("publish");
    const second = await bench.reconnected(peer, { sessionPresent: true });
    expect(await second.expect("publish")).toMatchObject({ dup: true });
    const third = await bench.reconnected(second);
    expect(await third.expect("publish")).toMatchObject({ dup: false });
  });

  describe("the send quota", () => {
    test.each([[5, 3] as const, ...(maximumInflightBefore5 ? [[4, maximumInflightBefore5] as const] : [])])(
      "on version %i is %i unacknowledged messages; QoS 0 does not count but keeps its place",
      async (version, quota) => {
        const { client, peer } = await createBench().online(
          { protocolVersion: version },
          version === 5 ? { properties: { receiveMaximum: quota } } : {},
        );
        for (let i = 0; i < quota; i++) watch(client.publish("a", String(i), { qos: i % 2 ? 1 : 2 }));
        watch(client.publish("a", "zero"));
        watch(client.publish("a", "one more", { qos: 1 }));
        watch(client.publish("a", "zero behind"));
        for (let i = 0; i < quota; i++) await peer.expect("publish");
        expect(text(await peer.expect("publish"))).toBe("zero");
        await peer.expectNothing();
        peer.send({ type: "pubrec", packetIdentifier: 1, reasonCode: 0 });
        await peer.expect("pubrel");
        await peer.expectNothing(); // PUBREC frees nothing [MQTT5-4.9.0-2]
        peer.send({ type: "pubcomp", packetIdentifier: 1, reasonCode: 0 });
        expect(text(await peer.expect("publish"))).toBe("one more");
        expect(text(await peer.expect("publish"))).toBe("zero behind");
      },
    );

    test("applies to resent messages too if the server's limit is smaller now", async () => {
      const { bench, client, peer } = await createBench().online({ cleanStart: false });
      for (let i = 0; i < 3; i++) watch(client.publish("a", String(i), { qos: 1 }));
      for (let i = 0; i < 3; i++) await peer.expect("publish");
      const again = await bench.reconnected(peer, { sessionPresent: true, properties: { receiveMaximum: 1 } });
      for (let i = 1; i <= 3; i++) {
        expect(await again.expect("publish")).toMatchObject({ packetIdentifier: i, dup: true });
        await again.expectNothing();
        again.send({ type: "puback", packetIdentifier: i, reasonCode: 0 });
      }
    });
  });

  test("messages that could not be resent before the connection was lost again are sent once over the next", async () => {
    const { bench, client, peer } = await createBench().online({ cleanStart: false });
    for (let i = 0; i < 3; i++) watch(client.publish("a", String(i), { qos: 1 }));
    for (let i = 0; i < 3; i++) await peer.expect("publish");
    const narrow = await bench.reconnected(peer, { sessionPresent: true, properties: { receiveMaximum: 1 } });
    await narrow.expect("publish");
    const wide = await bench.reconnected(narrow, { sessionPresent: true });
    for (let i = 1; i <= 3; i++) expect(await wide.expect("publish")).toMatchObject({ packetIdentifier: i, dup: true });
    await wide.expectNothing();
  });

  describe("an unexpected acknowledgement is a ProtocolError, reported with DISCONNECT", () => {
    test.each([
      ["PUBACK for QoS 2", 2, "puback"],
      ["PUBREC for QoS 1", 1, "pubrec"],
      ["PUBCOMP for QoS 1", 1, "pubcomp"],
      ["PUBCOMP before PUBREC", 2, "pubcomp"],
    ] as const)("%s", async (_name, qos, type) => {
      const { bench, client, peer, events } = await createBench().online({ cleanStart: false });
      const outcome = watch(client.publish("a", "", { qos }));
      await peer.expect("publish");
      peer.send({ type, packetIdentifier: 1, reasonCode: 0 });
      expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 0x82 });
      await peer.expectClose();
      expect(events[0]).toMatchObject({ name: "disconnected", value: { error: { name: "ProtocolError" } } });
      const again = await bench.acceptAgain({ sessionPresent: true });
      expect(await again.expect("publish")).toMatchObject({ dup: true });
      expect(outcome.settled).toBe(0);
    });
  });

  describe("QoS 2 whose PUBREC arrives twice", () => {
    test("is released twice and delivered once", async () => {
      const { bench, client, peer } = await createBench().online();
      const outcome = watch(client.publish("a", "", { qos: 2 }));
      await peer.expect("publish");
      for (let i = 0; i < 2; i++) {
        peer.send({ type: "pubrec", packetIdentifier: 1, reasonCode: 0 });
        await peer.expect("pubrel");
      }
      await bench.deliver(peer, { type: "pubcomp", packetIdentifier: 1, reasonCode: 0 });
      expect(outcome.settled).toBe(1);
    });

    test.each([
      [5, 0x92],
      [4, 0],
    ] as const)(
      "is answered if version %i does not know the message: PUBREL %i",
      async (protocolVersion, reasonCode) => {
        const { peer } = await createBench().online({ protocolVersion });
        peer.send({ type: "pubrec", packetIdentifier: 77, reasonCode: 0 });
        expect(await peer.expect("pubrel")).toMatchObject({ packetIdentifier: 77, reasonCode });
      },
    );
  });

  describe("packet identifiers", () => {
    test("wrap around, and skip those in use by messages and requests", async () => {
      const { bench, client, peer } = await createBench().online();
      watch(client.publish("kept", "", { qos: 2 }));
      await bench.answer(peer, "publish");
      await peer.expect("pubrel"); // after which only PUBCOMP frees it
      watch(client.subscribe("kept too"));
      await peer.expect("subscribe");
      for (let i = 3; i <= 65_535; i++) {
        const done = client.publish("a", "", { qos: 1 });
        if (i % 5_000 === 0) await bench.clock.tick();
        peer.send({ type: "puback", packetIdentifier: i, reasonCode: 0 });
        bench.clock.settle();
        if (i % 5_000 === 0) await done;
      }
      watch(client.publish("a", "", { qos: 1 }));
      await bench.clock.tick();
      expect(peer.received.at(-1)).toMatchObject({ type: "publish", packetIdentifier: 3 });
    });
  });

  describe.each([4, 5] as const)("incoming, on version %i", (protocolVersion) => {
    test("QoS 1 and 2 are acknowledged; a QoS 2 message that is resent is handled once", async () => {
      const { bench, client, peer } = await createBench().online({ protocolVersion, cleanStart: false });
      const got: string[] = [];
      await subscribed(bench, client, peer, "#", { onMessage: (each) => got.push(each.text()) });
      peer.send(message("a", "w", 1, 7));
      expect(await peer.expect("puback")).toMatchObject({ packetIdentifier: 7, reasonCode: 0 });
      peer.send(message("a", "x", 2, 1));
      await peer.expect("pubrec");
      const again = await bench.reconnected(peer, { sessionPresent: true });
      again.send({ ...message("a", "x", 2, 1), dup: true });
      await again.expect("pubrec");
      again.send({ type: "pubrel", packetIdentifier: 1, reasonCode: 0 });
      await again.expect("pubcomp");
      again.send(message("a", "y", 2, 1));
      await again.expect("pubrec");
      expect(got).toEqual(["w", "x", "y"]);
    });
  });

  test.each([1, 2] as const)("accepts 500 messages of QoS %i with receiveMaximum 5", async (qos) => {
    const { bench, client, peer } = await createBench().online({ properties: { receiveMaximum: 5 } });
    const { got, finish, onMessage } = holding();
    await subscribed(bench, client, peer, "a", { onMessage });
    for (let i = 1; i <= 500; i++) peer.send(message("a", String(i), qos, i));
    for (let i = 0; i < 500; i++) {
      await bench.clock.tick();
      finish();
    }
    await bench.clock.tick();
    expect(got).toEqual(Array.from({ length: 500 }, (_, i) => String(i + 1)));
    expect(client.connected).toBe(true);
    expect(peer.received.filter(({ type }) => type === (qos === 1 ? "puback" : "pubrec"))).toHaveLength(500);
    expectStatistics(client, { beyondReceiveMaximum: 495 });
  });
});
