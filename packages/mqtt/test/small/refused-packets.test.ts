import { expect, test } from "vitest";
import { SmallBench, watch } from "./bench.ts";

const refusal = { name: "UsageError", code: "PACKET_INVALID" };

test("a reason code that DISCONNECT must not carry is refused, and the client goes on", async () => {
  const bench = new SmallBench();
  const { client, peer } = await bench.online();
  for (const reasonCode of [3, 0x84, 256, -1])
    await expect(client.disconnect({ reasonCode })).rejects.toMatchObject(refusal);
  expect(client.connected).toBe(true);
  watch(client.publish("a", "1"));
  await peer.expect("publish");
  watch(client.disconnect({ reasonCode: 4 }));
  expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 4 });
});

test("noLocal on a shared subscription is refused, and not sent", async () => {
  const bench = new SmallBench();
  const { client, peer } = await bench.online();
  const asked = watch(client.subscribe("$share/g/a", { noLocal: true }));
  await peer.expectNothing();
  expect(asked.error).toMatchObject(refusal);
  expect(client.connected).toBe(true);
});

test.each([
  ["topicAliasMaximum", 10],
  ["authenticationMethod", "m"],
  ["authenticationData", Uint8Array.of(1)],
])("CONNECT's %s is refused: it needs the whole client", (name, value) => {
  const complaint = expect.objectContaining({ name: "UsageError", message: expect.stringContaining(name) });
  expect(() => new SmallBench().create({ properties: { [name]: value } })).toThrow(complaint);
});

test("on 3.1.1, credentials of a password alone are refused, and not sent", async () => {
  const bench = new SmallBench();
  const client = bench.create({ protocolVersion: 4, credentials: () => ({ password: "p" }), reconnect: false });
  const connecting = watch(client.connect());
  await bench.clock.tick();
  expect(connecting.error).toMatchObject({ name: "UsageError", code: "OPTION_INVALID" });
  expect(bench.dialled).toHaveLength(0);
});
