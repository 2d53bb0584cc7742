import type { ProtocolVersion } from "@aiko/mqtt";
import type { ScriptedPeer } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import { Bench, watch } from "./bench.ts";

const refusals: Record<string, (peer: ScriptedPeer, version: ProtocolVersion) => void> = {
  "CONNACK 0x84": (peer, version) =>
    peer.send({ type: "connack", sessionPresent: false, reasonCode: version === 5 ? 0x84 : 1 }),
  "CONNACK 1, as 3.1.1 has it": (peer) => peer.send(Uint8Array.of(0x20, 2, 0, 1)),
  "hanging up": (peer) => peer.close(),
  "a reset": (peer) => peer.cut(),
  "a CONNACK that is malformed": (peer) => peer.send(Uint8Array.of(0x20, 1, 0)),
};

async function refuse(bench: Bench, how: string): Promise<ProtocolVersion> {
  const peer = await bench.server.next();
  const { protocolVersion } = await peer.expect("connect");
  refusals[how]?.(peer, protocolVersion);
  await bench.clock.tick();
  return protocolVersion;
}

describe.each(Object.keys(refusals))("a server that refuses a version by %s", (how) => {
  test("is tried with 5, 4 and 3 in turn", async () => {
    const bench = new Bench();
    const client = bench.create({ protocolVersion: "auto" });
    const connecting = client.connect();
    expect(await refuse(bench, how)).toBe(5);
    expect(await refuse(bench, how)).toBe(4);
    const peer = await bench.accept();
    expect(peer.received[0]).toMatchObject({ protocolVersion: 3 });
    expect((await connecting).protocolVersion).toBe(3);
  });

  test("is tried with the version that it accepts after a lost connection", async () => {
    const bench = new Bench();
    const client = bench.create({ protocolVersion: "auto" });
    const connecting = client.connect();
    await refuse(bench, how);
    const peer = await bench.accept();
    expect((await connecting).protocolVersion).toBe(4);
    const again = await bench.reconnected(peer);
    expect(again.received[0]).toMatchObject({ protocolVersion: 4 });
    expect(bench.dialled).toHaveLength(3);
  });

  test("stops a client that supports no other version", async () => {
    const bench = new Bench();
    const outcome = watch(bench.create({ protocolVersion: 5 }).connect());
    await refuse(bench, how);
    await bench.clock.tick();
    expect(outcome.settled).toBe(1);
    expect(bench.dialled).toHaveLength(1);
  });
});

test("a refusal for another reason stops the search", async () => {
  const bench = new Bench();
  const outcome = watch(bench.create({ protocolVersion: "auto" }).connect());
  await bench.accept({ reasonCode: 0x87 });
  expect(outcome.error).toMatchObject({ code: "CONNECT_REFUSED", reasonCode: 0x87 });
  expect(bench.dialled).toHaveLength(1);
});

test("a server that is not reachable is not tried three times", async () => {
  const bench = new Bench(() => ({ refused: true }));
  await expect(bench.create({ protocolVersion: "auto" }).connect()).rejects.toMatchObject({
    code: "CONNECTION_FAILED",
  });
  expect(bench.dialled).toHaveLength(1);
});

test("a version that does not allow the client identifier is skipped", async () => {
  const bench = new Bench();
  const outcome = watch(bench.create({ protocolVersion: "auto", clientId: "x".repeat(30) }).connect());
  await refuse(bench, "hanging up");
  await refuse(bench, "hanging up");
  expect(outcome.error).toMatchObject({ code: "CONNECTION_LOST" });
  expect(bench.dialled).toHaveLength(2);
});
