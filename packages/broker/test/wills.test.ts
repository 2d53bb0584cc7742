import type { ConnectPacket, Will } from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import { Bench, disconnect, message, receive, subscribe } from "./bench.ts";

const will: Will = { topic: "gone", payload: new TextEncoder().encode("c"), qos: 1, retain: false };

async function watched(fields: Partial<ConnectPacket> = {}, wish: Partial<Will> = {}) {
  const bench = new Bench();
  const watcher = await bench.connect("watcher");
  await subscribe(watcher, "gone");
  const peer = await bench.connect("c", { will: { ...will, ...wish }, ...fields });
  return { bench, watcher, peer };
}

describe.each([3, 4, 5] as const)("version %i: a will is published", (protocolVersion) => {
  test("when the connection is lost", async () => {
    const { watcher, peer } = await watched({ protocolVersion });
    await watcher.expectNothing();
    peer.cut();
    expect(await receive(watcher)).toBe("gone=c q1");
  });

  test("when the client closes without DISCONNECT", async () => {
    const { watcher, peer } = await watched({ protocolVersion });
    peer.close();
    expect(await receive(watcher)).toBe("gone=c q1");
  });

  test("when the client breaks the protocol", async () => {
    const { watcher, peer } = await watched({ protocolVersion });
    peer.send(Uint8Array.of(0, 0));
    expect(await receive(watcher)).toBe("gone=c q1");
  });

  test("when the client is silent for too long", async () => {
    const { bench, watcher } = await watched({ protocolVersion, keepAlive: 10 });
    await bench.clock.advance(15_100);
    expect(await receive(watcher)).toBe("gone=c q1");
  });

  test("when another connection takes over", async () => {
    const { bench, watcher } = await watched({ protocolVersion });
    await bench.connect("c");
    expect(await receive(watcher)).toBe("gone=c q1");
  });

  test("not after DISCONNECT", async () => {
    const { bench, watcher, peer } = await watched({ protocolVersion });
    peer.send(disconnect);
    await bench.clock.advance(1_000);
    await watcher.expectNothing();
    expect(peer.isClosed).toBe(true);
  });
});

test("a retained will is retained", async () => {
  const { bench, watcher, peer } = await watched({}, { retain: true });
  peer.cut();
  await receive(watcher);
  const late = await bench.connect("late");
  await subscribe(late, "gone");
  expect(await receive(late)).toBe("gone=c q1 retained");
});

describe("MQTT 5", () => {
  test.each([4, 0x80, 0x81])("DISCONNECT with reason code %i publishes the will", async (reasonCode) => {
    const { watcher, peer } = await watched();
    peer.send({ type: "disconnect", reasonCode });
    expect(await receive(watcher)).toBe("gone=c q1");
  });

  test("the will's properties are passed on, its delay interval is not", async () => {
    const { bench, watcher, peer } = await watched(
      { properties: { sessionExpiryInterval: 100 } },
      { properties: { willDelayInterval: 1, contentType: "text" } },
    );
    peer.cut();
    await bench.clock.advance(1_000);
    expect((await watcher.expect("publish")).properties).toEqual({ contentType: "text" });
  });

  const delayed = (willDelayInterval: number, sessionExpiryInterval: number) =>
    watched({ properties: { sessionExpiryInterval } }, { properties: { willDelayInterval } });

  test("the delay interval is respected", async () => {
    const { bench, watcher, peer } = await delayed(10, 100);
    peer.cut();
    await bench.clock.advance(9_999);
    await watcher.expectNothing();
    await bench.clock.advance(1);
    expect(await receive(watcher)).toBe("gone=c q1");
    await bench.clock.advance(200_000);
    await watcher.expectNothing();
  });

  test("the expiry counts from the publication, not from the end of the connection", async () => {
    const { bench, watcher, peer } = await watched(
      { properties: { sessionExpiryInterval: 100 } },
      { properties: { willDelayInterval: 10, messageExpiryInterval: 5 } },
    );
    peer.cut();
    await bench.clock.advance(10_000);
    expect(await watcher.expect("publish")).toMatchObject({ properties: { messageExpiryInterval: 5 } });
  });

  test("the end of the session does not wait for the delay", async () => {
    const { bench, watcher, peer } = await delayed(100, 10);
    peer.cut();
    await bench.clock.advance(9_999);
    await watcher.expectNothing();
    await bench.clock.advance(1);
    expect(await receive(watcher)).toBe("gone=c q1");
    await bench.clock.advance(200_000);
    await watcher.expectNothing();
  });

  test("there is no delay if the session ends with the connection", async () => {
    const { bench, watcher, peer } = await delayed(100, 0);
    peer.cut();
    expect(await receive(watcher)).toBe("gone=c q1");
    await bench.clock.advance(200_000);
    await watcher.expectNothing();
  });

  test("a client that reconnects in time prevents the will", async () => {
    const { bench, watcher, peer } = await delayed(10, 100);
    peer.cut();
    await bench.clock.advance(5_000);
    await bench.connect("c", { cleanStart: false, properties: { sessionExpiryInterval: 100 } });
    await bench.clock.advance(50_000);
    await watcher.expectNothing();
  });

  test("a clean start ends the session and therefore publishes the will", async () => {
    const { bench, watcher, peer } = await delayed(10, 100);
    peer.cut();
    await bench.clock.advance(5_000);
    await bench.connect("c");
    await receive(watcher);
    await bench.clock.advance(50_000);
    await watcher.expectNothing();
  });
});

test("a broker that closes publishes the wills of its clients before it ends their subscribers' connections", async () => {
  const { bench, watcher } = await watched();
  const delayed = { topic: "gone", payload: new TextEncoder().encode("d"), qos: 0, retain: false } as const;
  const other = await bench.connect("d", {
    properties: { sessionExpiryInterval: 100 },
    will: { ...delayed, properties: { willDelayInterval: 50 } },
  });
  other.cut();
  await bench.clock.tick();
  bench.hub.close();
  expect(await receive(watcher)).toBe("gone=c q1");
  expect(await receive(watcher)).toBe("gone=d q0");
  expect(await watcher.expect("disconnect")).toMatchObject({ reasonCode: 0x8b });
  bench.hub.close();
  await bench.clock.advance(1_000_000);
  expect(watcher.received.filter(({ type }) => type === "publish")).toHaveLength(2);
});

test("a will for the client's own subscription does not restore its session", async () => {
  const bench = new Bench();
  const fields = { cleanStart: false, properties: { sessionExpiryInterval: 100 } };
  const peer = await bench.connect("c", { ...fields, will });
  await subscribe(peer, "gone");
  peer.cut();
  const again = await bench.connect("c", fields);
  expect(await receive(again)).toBe("gone=c q1");
  again.send(message("other", ""));
  again.cut();
  await bench.clock.tick();
  const third = await bench.connect("c", fields);
  await third.expectNothing();
});
