// Features of the full client beyond the suite of both clients.
import { expect, test } from "vitest";
import { Bench, watch } from "./bench.ts";

test("called twice returns one promise", async () => {
  const { client, peer } = await new Bench().online();
  expect(client.disconnect()).toBe(client.disconnect());
  await peer.expect("disconnect");
  await peer.expectClose();
});

test("carries the reason code and properties on MQTT 5", async () => {
  const { client, peer } = await new Bench().online({ properties: { sessionExpiryInterval: 5 } });
  watch(client.disconnect({ reasonCode: 4, properties: { reasonString: "bye" } }));
  expect(await peer.expect("disconnect")).toMatchObject({ reasonCode: 4, properties: { reasonString: "bye" } });
});

test("a property that DISCONNECT cannot carry is an error, and the client stays connected", async () => {
  const { client, peer } = await new Bench().online();
  await expect(client.disconnect({ properties: { topicAlias: 1 } as object })).rejects.toMatchObject({
    code: "PROPERTY_INVALID",
  });
  await peer.expectNothing();
  expect(client.connected).toBe(true);
});

test("DISCONNECT is E0 00 if the session ends with the connection anyway", async () => {
  const { client, peer } = await new Bench().online({ reconnect: false });
  const [hello] = peer.received;
  expect(hello?.type === "connect" && hello.properties?.sessionExpiryInterval).toBe(undefined);
  const before = peer.bytes.length;
  watch(client.disconnect());
  await peer.expect("disconnect");
  expect([...peer.bytes.subarray(before)]).toEqual([0xe0, 0]);
});
