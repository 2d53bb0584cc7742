// What the uplink sends, when, and what becomes of a record.
import { ReasonCode } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { settings, UplinkBench } from "./uplink-bench.ts";

test("sends the backlog in order when the server accepts the connection, at most the window at a time", async () => {
  const bench = await UplinkBench.open();
  await bench.append("t/1", "t/2", "t/3", "t/4", "t/5");
  const peer = await bench.accept();
  const first = await bench.publish(peer);
  const second = await bench.publish(peer);
  const third = await bench.publish(peer);
  expect([first.topic, second.topic, third.topic]).toEqual(["t/1", "t/2", "t/3"]);
  expect(bench.uplink.status).toMatchObject({ connected: true, inflight: 3, server: "mqtt://server:1883" });
  expect(bench.counts()).toEqual({ in: 5, out: 0, spooled: 5, dropped: {} });
  await bench.acknowledge(peer, second.packetIdentifier);
  expect(bench.counts()).toMatchObject({ out: 1, spooled: 4 });
  expect((await bench.publish(peer)).topic).toBe("t/4");
  await bench.acknowledge(peer, first.packetIdentifier);
  await bench.acknowledge(peer, third.packetIdentifier);
  expect((await bench.publish(peer)).topic).toBe("t/5");
  await bench.append("t/6");
  expect((await bench.publish(peer)).topic).toBe("t/6");
});

test("sends nothing without a connection, and again what was not acknowledged when there is one", async () => {
  const bench = await UplinkBench.open();
  const peer = await bench.accept();
  await bench.append("t/1", "t/2");
  const first = await bench.publish(peer);
  await bench.publish(peer);
  await bench.acknowledge(peer, first.packetIdentifier);
  peer.cut();
  await bench.clock.tick();
  await bench.append("t/3");
  expect(bench.uplink.status).toMatchObject({ connected: false, server: undefined });
  const next = await bench.accept({ sessionPresent: false });
  expect(next.resent.map(({ topic }) => topic)).toEqual(["t/2"]);
  expect((await bench.publish(next)).topic).toBe("t/3");
  expect(bench.counts()).toMatchObject({ out: 1, spooled: 2 });
});

describe("a record that the server refuses", () => {
  test.each([
    ["not authorized", ReasonCode.NOT_AUTHORIZED, "refused:0x87"],
    ["topic name invalid", ReasonCode.TOPIC_NAME_INVALID, "refused:0x90"],
    ["payload format invalid", ReasonCode.PAYLOAD_FORMAT_INVALID, "refused:0x99"],
  ])("as %s is dropped, and does not block those behind it", async (_, reasonCode, reason) => {
    const bench = await UplinkBench.open();
    const peer = await bench.accept();
    await bench.append("poison", "t/2");
    const poison = await bench.publish(peer);
    const next = await bench.publish(peer);
    await bench.acknowledge(peer, poison.packetIdentifier, reasonCode);
    await bench.acknowledge(peer, next.packetIdentifier);
    expect(bench.counts()).toEqual({ in: 2, out: 1, spooled: 0, dropped: { [reason]: 1 } });
    expect(bench.refused).toEqual([["poison", reason]]);
  });

  test("because of a quota is sent again after a pause, before all that comes later", async () => {
    const bench = await UplinkBench.open({ inflight: 1 });
    const peer = await bench.accept();
    await bench.append("t/1", "t/2");
    for (const pause of [1_000, 2_000, 4_000]) {
      const { topic, packetIdentifier } = await bench.publish(peer);
      expect(topic).toBe("t/1");
      const received = peer.received.length;
      await bench.acknowledge(peer, packetIdentifier, ReasonCode.QUOTA_EXCEEDED);
      await bench.clock.advance(pause - 1);
      expect(peer.received.length).toBe(received);
      await bench.clock.advance(1);
    }
    const again = await bench.publish(peer);
    expect(again.topic).toBe("t/1");
    await bench.acknowledge(peer, again.packetIdentifier);
    expect((await bench.publish(peer)).topic).toBe("t/2");
    expect(bench.counts()).toEqual({ in: 2, out: 1, spooled: 1, dropped: {} });
  });

  test("without a reason is tried three times", async () => {
    const bench = await UplinkBench.open();
    const peer = await bench.accept();
    await bench.append("t/1");
    for (let i = 0; i < 3; i++) {
      const { packetIdentifier } = await bench.publish(peer);
      await bench.acknowledge(peer, packetIdentifier, ReasonCode.UNSPECIFIED_ERROR);
      await bench.clock.advance(10_000);
    }
    expect(bench.counts()).toEqual({ in: 1, out: 0, spooled: 0, dropped: { "refused:0x80": 1 } });
  });

  test("is dropped without being sent if the server announced that it would refuse it", async () => {
    const bench = await UplinkBench.open();
    const peer = await bench.accept({ properties: { retainAvailable: false, maximumQoS: 1, maximumPacketSize: 60 } });
    await bench.appendRecords([
      { topic: "retained", payload: new Uint8Array(1), retain: true },
      { topic: "long", payload: new Uint8Array(100) },
      { topic: "qos2", payload: new Uint8Array(1), qos: 2 },
    ]);
    expect(await bench.publish(peer)).toMatchObject({ topic: "qos2", qos: 1 });
    expect(bench.counts()).toEqual({ in: 3, out: 0, spooled: 1, dropped: { "refused:0x9a": 1, "refused:0x95": 1 } });
  });

  test("by closing the connection is dropped in the end", async () => {
    const bench = await UplinkBench.open({ inflight: 1 });
    await bench.append("poison", "t/2");
    bench.uplink.start();
    let isOver = false;
    for (let connections = 0; !isOver; connections++) {
      expect(connections).toBeLessThan(30);
      const peer = await bench.clock.until(bench.server.accept({ sessionPresent: connections > 0 }));
      for (let at = 1; !isOver && !peer.isClosed; ) {
        const packet = peer.received[at];
        if (packet === undefined) {
          await bench.clock.advance(1_000);
          continue;
        }
        at++;
        if (packet.type === "pingreq") peer.send({ type: "pingresp" });
        if (packet.type !== "publish") continue;
        if (packet.topic === "poison") peer.close();
        isOver = packet.topic === "t/2";
      }
    }
    expect(bench.counts()).toEqual({ in: 2, out: 0, spooled: 1, dropped: { "refused:0x80": 1 } });
  });
});

test("drops a topic that is not valid, instead of sending it for ever", async () => {
  const bench = await UplinkBench.open();
  const peer = await bench.accept();
  await bench.append("a/#", "t/2");
  expect((await bench.publish(peer)).topic).toBe("t/2");
  expect(bench.counts()).toMatchObject({ spooled: 1, dropped: { topic: 1 } });
});

test("sends what is left of the expiry, and drops what has expired", async () => {
  const bench = await UplinkBench.open();
  await bench.appendRecords([{ topic: "short", payload: new Uint8Array(1), expiry: 10 }]);
  await bench.clock.advance(8_000);
  await bench.appendRecords([{ topic: "long", payload: new Uint8Array(1), expiry: 60 }]);
  await bench.clock.advance(4_000);
  const peer = await bench.accept();
  const published = await bench.clock.until(peer.expect("publish"));
  expect(published).toMatchObject({ topic: "long", properties: { messageExpiryInterval: 56 } });
  expect(bench.counts()).toMatchObject({ dropped: { expired: 1 } });
});

test("closes a connection on which nothing is acknowledged, and sends again on the next", async () => {
  const bench = await UplinkBench.open({ stuck: 60_000 });
  const peer = await bench.accept();
  await bench.append("t/1");
  await bench.publish(peer);
  const began = bench.clock.now();
  while (!peer.isClosed && bench.clock.now() < began + 300_000) {
    await bench.clock.advance(10_000);
    peer.send({ type: "pingresp" });
  }
  expect(bench.clock.now() - began).toBeLessThanOrEqual(150_000);
  const next = await bench.accept({ sessionPresent: true });
  expect(next.resent.map(({ topic }) => topic)).toEqual(["t/1"]);
});

test("sends no more messages a second than its rate", async () => {
  const bench = await UplinkBench.open({ rate: 2, inflight: 100 });
  const peer = await bench.accept();
  await bench.append(...Array.from({ length: 10 }, (_, i) => `t/${i}`));
  const publishes = () =>
    peer.received.filter((packet) => packet.type === "publish" && packet.topic.startsWith("t/")).length;
  expect(publishes()).toBe(2);
  await bench.clock.advance(2_000);
  expect(publishes()).toBe(6);
  await bench.clock.advance(2_000);
  expect(publishes()).toBe(10);
});

test("sends no more bytes a second than its bandwidth, also if one message has more", async () => {
  const bench = await UplinkBench.open({ bandwidth: 100, inflight: 100 });
  const peer = await bench.accept();
  await bench.appendRecords([1, 2, 3].map((i) => ({ topic: `t/${i}`, payload: new Uint8Array(297) })));
  const publishes = () =>
    peer.received.filter((packet) => packet.type === "publish" && packet.topic.startsWith("t/")).length;
  expect(publishes()).toBe(1);
  await bench.clock.advance(2_000);
  expect(publishes()).toBe(1);
  await bench.clock.advance(1_100);
  expect(publishes()).toBe(2);
});

test("goes on after a refusal that the client takes for final", async () => {
  const bench = await UplinkBench.open();
  await bench.append("t/1");
  bench.uplink.start();
  await bench.clock.until(bench.server.accept({ reasonCode: ReasonCode.NOT_AUTHORIZED }));
  await bench.clock.tick();
  expect(bench.uplink.status).toMatchObject({ connected: false, lastError: expect.stringContaining("0x87") });
  const peer = await bench.accept();
  expect((await bench.publish(peer)).topic).toBe("t/1");
});

test("sends each server its own credentials", async () => {
  const second = { ...settings, url: "mqtt://other:1884", username: "b", password: "2" };
  const bench = await UplinkBench.open({ username: "a", password: "1" }, [second]);
  bench.uplink.start();
  const seen: (string | undefined)[] = [];
  for (let i = 0; i < 2; i++) {
    const peer = await bench.clock.until(bench.server.accept({ reasonCode: ReasonCode.SERVER_UNAVAILABLE }));
    const [connect] = peer.received;
    if (connect?.type === "connect") seen.push(connect.username);
  }
  expect(seen).toEqual(["a", "b"]);
});

test("reports offline and disconnects when it stops, and keeps what has no outcome", async () => {
  const bench = await UplinkBench.open();
  const peer = await bench.accept();
  await bench.append("t/1", "t/2");
  const first = await bench.publish(peer);
  await bench.publish(peer);
  const stopped = bench.uplink.stop(1_000);
  await bench.acknowledge(peer, first.packetIdentifier);
  await bench.clock.until(stopped);
  expect(peer.received.filter(({ type }) => type === "publish").at(-1)).toMatchObject({
    topic: "gw/status",
    retain: true,
  });
  expect(peer.received.at(-1)).toMatchObject({ type: "disconnect" });
  expect(bench.counts()).toMatchObject({ out: 1, spooled: 1 });
});

test("stops at once without a connection", async () => {
  const bench = await UplinkBench.open();
  bench.uplink.start();
  const began = bench.clock.now();
  await bench.clock.until(bench.uplink.stop(1_000));
  expect(bench.clock.now() - began).toBeLessThan(600);
});

test("publishes its state at each connection, and a will", async () => {
  const bench = await UplinkBench.open();
  const peer = await bench.accept();
  expect(peer.received[0]).toMatchObject({
    type: "connect",
    clientId: "gateway",
    cleanStart: false,
    will: { topic: "gw/status", qos: 1, retain: true },
    properties: { sessionExpiryInterval: 604_800 },
  });
  const passed = bench.uplink.pass("t/0", "x");
  expect(await bench.publish(peer)).toMatchObject({ topic: "t/0", qos: 0 });
  expect(await bench.clock.until(passed)).toBe(true);
  peer.cut();
  await bench.clock.tick();
  expect(await bench.uplink.pass("t/0", "x")).toBe(false);
  await bench.accept();
});

test("connects less and less often while another client takes the session over", async () => {
  const bench = await UplinkBench.open();
  bench.uplink.start();
  const gaps: number[] = [];
  let last = 0;
  for (let i = 0; i < 40; i++) {
    const peer = await bench.clock.until(bench.server.accept());
    gaps.push(bench.clock.now() - last);
    last = bench.clock.now();
    await bench.clock.advance(100);
    peer.send({ type: "disconnect", reasonCode: ReasonCode.SESSION_TAKEN_OVER });
    await bench.clock.tick();
  }
  expect(Math.max(...gaps.slice(-8))).toBeGreaterThan(20_000);
});

test("subscribes to the watched topic on each connection that has no subscription, and ignores retained messages", async () => {
  const heard: string[] = [];
  const watched = { topic: "ha/status", heard: (payload: string) => void heard.push(payload) };
  const bench = await UplinkBench.open({}, [], watched);
  for (const payload of ["first", "second"]) {
    bench.uplink.start();
    const peer = await bench.clock.until(bench.server.accept());
    const { packetIdentifier } = await bench.clock.until(peer.expect("subscribe"));
    peer.send({ type: "suback", packetIdentifier, reasonCodes: [0] });
    await bench.clock.tick();
    const message = { type: "publish", topic: "ha/status", qos: 0, dup: false, packetIdentifier: 0 } as const;
    peer.send({ ...message, retain: true, payload: Buffer.from("old") });
    peer.send({ ...message, retain: false, payload: Buffer.from(payload) });
    await bench.clock.tick();
    // The client takes this for final, and is closed.
    peer.send({ type: "disconnect", reasonCode: ReasonCode.SESSION_TAKEN_OVER });
    await bench.clock.tick();
  }
  expect(heard).toEqual(["first", "second"]);
});

test("records wait for all that is announced on a connection", async () => {
  const bench = await UplinkBench.open();
  await bench.append("t/0");
  bench.uplink.start();
  const peer = await bench.clock.until(bench.server.accept());
  const topics: string[] = [];
  for (let i = 0; i < 3; i++) topics.push((await bench.publish(peer)).topic);
  expect(topics).toEqual(["gw/status", "gw/info", "t/0"]);
});

test("the gateway's own messages whose outcome matters have QoS 1, or QoS 0 at a server that has no other", async () => {
  for (const maximumQoS of [undefined, 0] as const) {
    const bench = await UplinkBench.open();
    const peer = await bench.accept(maximumQoS === undefined ? {} : { properties: { maximumQoS } });
    const outcomes: boolean[] = [];
    bench.uplink.announce({ topic: "removed", payload: "", done: (isPublished) => outcomes.push(isPublished) });
    void bench.uplink.report("result", "{}");
    const qos = maximumQoS ?? 1;
    const removal = await bench.publish(peer);
    expect(removal).toMatchObject({ topic: "removed", qos, retain: true });
    expect(await bench.publish(peer)).toMatchObject({ topic: "result", qos });
    if (qos === 1) await bench.acknowledge(peer, removal.packetIdentifier);
    await bench.clock.tick();
    expect(outcomes).toEqual([true]);
  }
});
