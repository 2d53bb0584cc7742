// What the whole client does beyond the suite of both clients.
import { expect, test } from "vitest";
import { Bench, watch } from "./bench.ts";

test("a topic with NUL is rejected, and nothing is sent", async () => {
  const { client, peer } = await new Bench().online();
  const outcome = watch(client.publish("a\0b", ""));
  await peer.expectNothing();
  expect(outcome.error).toMatchObject({ name: "UsageError", code: "TOPIC_NAME_INVALID" });
});
