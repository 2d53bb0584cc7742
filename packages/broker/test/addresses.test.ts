// What one address may use, on a fake clock.
import { FakeClock } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import { Addresses, addressKey, isLoopback, type Visit } from "../src/listening/addresses.ts";

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
