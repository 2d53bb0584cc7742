// ADVERTISE, SEARCHGW and GWINFO, and a gateway that stands in for another.
import { describe, expect, test } from "vitest";
import { Network } from "./network.ts";

const search = { type: "searchgw", radius: 0 } as const;
const other = { type: "advertise", gatewayId: 2, duration: 900 } as const;

describe("ADVERTISE", () => {
  test("is sent at once and then in each interval, while the server is connected", async () => {
    const network = new Network({ advertise: 900_000, gatewayId: 7 });
    expect(network.broadcasts).toEqual(["advertise 7 900"]);
    await network.pass(900_000);
    expect(network.broadcasts).toHaveLength(2);
    network.gateway.connected(false);
    await network.pass(9_000_000);
    expect(network.broadcasts).toHaveLength(2);
    network.gateway.connected(true);
    expect(network.broadcasts).toHaveLength(3);
  });

  test("is not sent if the interval is 0", async () => {
    const network = new Network({ advertise: 0 });
    expect(network.broadcasts).toEqual([]);
    expect(await network.device().send(search)).toEqual(["gwinfo 1"]);
  });
});

describe("SEARCHGW", () => {
  test("is answered to all and to the one that asks", async () => {
    const network = new Network();
    expect(await network.device().send(search)).toEqual(["gwinfo 1"]);
    expect(network.broadcasts).toEqual(["advertise 1 900", "gwinfo 1"]);
  });

  test("is not answered while the server is not connected", async () => {
    const network = new Network();
    network.gateway.connected(false);
    expect(await network.device().send(search)).toEqual([]);
  });

  test("is answered after up to 500 ms if another gateway may answer", async () => {
    const network = new Network();
    const device = network.device();
    await network.device("10.0.0.2:1").send(other);
    expect(await device.send(search)).toEqual([]);
    await network.pass(500);
    expect(device.received()).toEqual(["gwinfo 1"]);
    await network.pass(3_000_000); // the other gateway was silent for more than three intervals
    expect(await device.send(search)).toEqual(["gwinfo 1"]);
  });

  test("is answered ten times a second at most", async () => {
    const network = new Network();
    const device = network.device();
    for (let i = 0; i < 20; i++) await device.send(search);
    expect(network.broadcasts).toHaveLength(11);
  });
});

describe("a gateway that stands in for another", () => {
  test("is silent while the other is heard, and announces itself after three intervals without it", async () => {
    const network = new Network({ standbyFor: 2 });
    const there = network.device("10.0.0.2:1");
    await there.send(other);
    await network.pass(2_700_000 - 1);
    expect(await network.device().send(search)).toEqual([]);
    expect(network.broadcasts).toEqual([]);
    await network.pass(1);
    expect(network.broadcasts).toEqual(["advertise 1 900"]);
    await there.send(other);
    await network.pass(900_000);
    expect(network.broadcasts).toHaveLength(1);
  });

  test("serves clients that connect all the same", async () => {
    expect(await new Network({ standbyFor: 2 }).device().connect()).toEqual(["connack 0"]);
  });

  test("announces itself if the other is never heard", async () => {
    const network = new Network({ standbyFor: 2 });
    await network.device("10.0.0.3:1").send({ ...other, gatewayId: 3 });
    await network.pass(2_700_000);
    expect(network.broadcasts).toEqual(["advertise 1 900"]);
  });

  test("does not take its own announcement for another's", async () => {
    const network = new Network({ gatewayId: 2, standbyFor: undefined });
    await network.device("10.0.0.2:1").send(other);
    expect(await network.device().send(search)).toEqual(["gwinfo 2"]);
  });
});
