// What one address may use, on a fake clock.
import { connect as dial } from "node:net";
import { connect as dialTls } from "node:tls";
import { connect } from "@aiko/mqtt";
import { FakeClock } from "@aiko/mqtt/testing";
import { Broker } from "@aiko/mqtt-broker";
import { describe, expect, test } from "vitest";
import { selfSigned } from "../../../test/fixtures/certificates.ts";
import type { Visit } from "../src/connecting/visit.ts";
import { Addresses, addressKey, isLoopback } from "../src/listening/addresses.ts";

const host = "192.0.2.1";

function place(limits = {}) {
  const clock = new FakeClock();
  const all = { maximumConnections: 1_000, maximumHandshakes: 1_000, connectRate: 100, loopback: false, ...limits };
  const addresses = new Addresses(clock, all);
  return { clock, addresses, enter: (address: string | undefined = host) => addresses.enter(address) as Visit };
}

test("the connections of one address are bounded; others and ended ones are not counted", () => {
  const { addresses, enter } = place({ maximumConnections: 2 });
  const first = enter();
  enter();
  expect(addresses.enter(host)).toBe("192.0.2.1 has 2 connections; perAddress.maximumConnections is 2");
  expect(addresses.enter("192.0.2.2")).toBeTypeOf("object");
  first.ended();
  first.ended(); // counts once
  enter();
  expect(addresses.enter(host)).toBeTypeOf("string");
});

test("connections whose client is not accepted are bounded by themselves", () => {
  const { addresses, enter } = place({ maximumHandshakes: 2 });
  const first = enter();
  const second = enter();
  expect(addresses.enter(host)).toContain("perAddress.maximumHandshakes is 2");
  first.accepted();
  enter();
  second.ended();
  enter();
  first.ended();
  expect(addresses.enter(host)).toContain("2 connections without an accepted client");
});

test("an address may open ten seconds' worth at once, then as many as the rate allows", async () => {
  const { clock, addresses, enter } = place({ connectRate: 2 });
  for (let i = 0; i < 20; i++) enter().ended();
  expect(addresses.enter(host)).toBe("192.0.2.1 connects more often than perAddress.connectRate, 2 per second, allows");
  await clock.advance(499);
  expect(addresses.enter(host)).toBeTypeOf("string");
  await clock.advance(1);
  enter().ended();
  expect(addresses.enter(host)).toBeTypeOf("string");
  await clock.advance(3_600_000);
  for (let i = 0; i < 20; i++) enter().ended();
  expect(addresses.enter(host)).toBeTypeOf("string");
});

test("clients on this machine are not limited, unless the option says so", () => {
  const limits = { maximumConnections: 1 };
  const open = place(limits);
  for (const address of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", undefined])
    for (let i = 0; i < 3; i++) expect(open.addresses.enter(address)).toBeTypeOf("object");
  const closed = place({ ...limits, loopback: true });
  closed.enter("127.0.0.1");
  expect(closed.addresses.enter("::ffff:127.0.0.1")).toBeTypeOf("string");
  expect(closed.addresses.enter(undefined)).toBeTypeOf("object");
});

test("a host cannot evade the limits with many addresses of its IPv6 network, nor fill the memory with addresses", () => {
  const { addresses, enter } = place({ maximumConnections: 3 });
  for (let i = 0; i < 3; i++) enter(`2001:db8:0:1::${i}`);
  expect(addresses.enter("2001:db8::1:ffff:0:0:1")).toBeTypeOf("string");
  expect(addresses.enter("2001:db8:0:2::1")).toBeTypeOf("object");
  for (let i = 0; i < 30_000; i++) enter(`2001:db8:1:${i.toString(16)}::1`).ended();
  const { byKey } = addresses as unknown as { readonly byKey: ReadonlyMap<string, unknown> };
  expect(byKey.size).toBeLessThan(10_010);
});

describe("the key of an address", () => {
  test.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:db8::1", "2001:db8:0:0"],
    ["2001:db8:0:1::", "2001:db8:0:1"],
    ["::2", "0:0:0:0"],
    ["fe80::1%eth0", "fe80:0:0:0"],
    ["::1:2:3:4:5:6:7", "0:1:2:3"],
  ])("%s is %s", (address, key) => {
    expect(addressKey(address)).toBe(key);
  });

  test.each(["0.0.0.0", "10.127.0.1", "::", "::12", "1271::1"])("%s is not this machine", (address) => {
    expect(isLoopback(address)).toBe(false);
  });
});

describe("a broker whose perAddress holds for loopback", () => {
  const perAddress = { maximumConnections: 2, loopback: true };

  test("refuses further connections over TCP, reports each, and accepts others when one has ended", async () => {
    await using broker = await Broker.listen({ port: 0, perAddress });
    const reasons: string[] = [];
    broker.on("refused", ({ reason }) => reasons.push(reason));
    const first = await connect(broker.url);
    await using _second = await connect(broker.url);
    const socket = dial(broker.port, "127.0.0.1").on("error", () => undefined);
    await new Promise((resolve) => socket.on("close", resolve));
    expect(reasons).toEqual(["127.0.0.1 has 2 connections; perAddress.maximumConnections is 2"]);
    const gone = broker.waitFor("disconnected");
    await first.disconnect();
    await gone;
    await using _third = await connect(broker.url);
    expect(broker.statistics.openConnections).toBe(2);
  });

  test("counts TLS connections and WebSockets from their first byte, before any handshake", async () => {
    const { certificate, key } = await selfSigned("localhost");
    const listeners = [{ url: "mqtts://127.0.0.1:0", tls: { certificate, key } }, { url: "ws://127.0.0.1:0" }];
    await using broker = await Broker.listen({ listeners, perAddress });
    const ports = broker.urls.map((url) => Number(new URL(url.replace(/^\w+/, "http")).port));
    const reasons: string[] = [];
    broker.on("refused", ({ reason }) => reasons.push(reason));
    const silent = ports.map((port) => dial(port, "127.0.0.1").on("error", () => undefined));
    await Promise.all(silent.map((socket) => new Promise((resolve) => socket.on("connect", resolve))));
    const late = [
      dialTls({ port: ports[0] as number, host: "127.0.0.1", rejectUnauthorized: false }),
      dial(ports[1] as number, "127.0.0.1"),
    ];
    for (const socket of late) socket.on("error", () => undefined);
    await Promise.all(late.map((socket) => new Promise((resolve) => socket.on("close", resolve))));
    expect(reasons.filter((reason) => reason.includes("perAddress.maximumConnections is 2"))).toHaveLength(2);
    for (const socket of silent) socket.destroy();
  });
});
