import { expect, test } from "vitest";
import { Bench } from "./bench.ts";

test.each([3, 4, 5] as const)(
  "version %i: a client that is silent for 1.5 keep-alives is disconnected",
  async (protocolVersion) => {
    const bench = new Bench();
    const peer = await bench.connect("c", { protocolVersion, keepAlive: 10 });
    await bench.clock.advance(14_999);
    expect(peer.isClosed).toBe(false);
    await bench.clock.advance(1);
    if (protocolVersion === 5) expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 0x8d });
    await peer.expectClose();
    expect(bench.events.at(-1)).toMatchObject({
      type: "disconnected",
      reason: expect.stringContaining("no packet received for 1.5 times the keep-alive"),
    });
  },
);

test("PINGREQ is answered and keeps the connection", async () => {
  const bench = new Bench();
  const peer = await bench.connect("c", { keepAlive: 10 });
  for (let i = 0; i < 5; i++) {
    await bench.clock.advance(14_000);
    peer.send({ type: "pingreq" });
    await peer.expect("pingresp");
  }
});

test("a broker that was busy reads what is in the socket before it considers a client dead", async () => {
  const bench = new Bench();
  const peer = await bench.connect("c", { keepAlive: 10 });
  bench.clock.schedule(15_000, () => peer.send({ type: "pingreq" })); // after the broker's timer for the same moment
  await bench.clock.advance(15_000);
  await peer.expect("pingresp");
  await bench.clock.advance(14_999);
  expect(peer.isClosed).toBe(false);
});

test("keep-alive 0 means no limit, unless the broker has one", async () => {
  const bench = new Bench();
  const peer = await bench.connect("c");
  await bench.clock.advance(100_000_000);
  await peer.expectNothing();
  const strict = new Bench({ maximumKeepAlive: 20 });
  const { peer: other, connack } = await strict.introduce("c");
  expect(connack.properties).toMatchObject({ serverKeepAlive: 20 });
  await strict.clock.advance(30_000);
  expect(await other.expect("disconnect")).toMatchObject({ reasonCode: 0x8d });
});
