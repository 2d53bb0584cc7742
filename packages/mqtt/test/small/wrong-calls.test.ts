// Calls that only the small client rejects, or with another code.
import { createClient } from "@aiko/mqtt/small";
import { expect, test } from "vitest";
import { SmallBench, watch } from "./bench.ts";

test.each([
  ["an option of the full client", { store: {} }, "OPTION_UNKNOWN", "store"],
  ["an unsupported version", { protocolVersion: 3 }, "OPTION_INVALID", "protocolVersion"],
  ["the version auto", { protocolVersion: "auto" }, "OPTION_INVALID", "protocolVersion"],
  ["an outbox with a policy", { outbox: { policy: "reject" } }, "OPTION_UNKNOWN", "outbox.policy"],
  ["a number instead of a name", { username: 5 }, "STRING_INVALID", "username"],
  ["topic aliases", { properties: { topicAliasMaximum: 5 } }, "PROPERTY_INVALID", "topicAliasMaximum"],
  ["authentication", { properties: { authenticationMethod: "m" } }, "PROPERTY_INVALID", "authenticationMethod"],
  ["its data", { properties: { authenticationData: Uint8Array.of(1) } }, "PROPERTY_INVALID", "authenticationData"],
] as const)("createClient throws at %s", (_name, options, code, field) => {
  const { platform } = new SmallBench();
  const error = expect.objectContaining({ name: "UsageError", code, message: expect.stringContaining(field) });
  expect(() => createClient("mqtt://server", { platform, ...(options as object) })).toThrow(error);
});

test("properties of DISCONNECT are rejected, and the client stays connected", async () => {
  const { client } = await new SmallBench().online();
  const options = { properties: { sessionExpiryInterval: 5 } } as object;
  await expect(client.disconnect(options)).rejects.toMatchObject({ name: "UsageError", code: "OPTION_UNKNOWN" });
  expect(client.connected).toBe(true);
});

test("on 3.1.1, credentials with only a password are rejected and not sent", async () => {
  const bench = new SmallBench();
  const client = bench.create({ protocolVersion: 4, credentials: () => ({ password: "p" }), reconnect: false });
  const connecting = watch(client.connect());
  await bench.clock.tick();
  expect(connecting.error).toMatchObject({ name: "UsageError", code: "OPTION_INVALID" });
  expect(bench.dialled).toHaveLength(0);
});
