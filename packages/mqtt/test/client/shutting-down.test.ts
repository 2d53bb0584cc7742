// Features of the full client beyond the suite of both clients.
import type { MessageHandler } from "@aiko/mqtt";
import { expect, test } from "vitest";
import { Bench, message, subscribed, watch } from "./bench.ts";

test("disconnect aborts the signals of handlers that drainTimeout does not wait for", async () => {
  let aborted: unknown;
  const onMessage: MessageHandler = (_, { signal }) => {
    signal.addEventListener("abort", () => {
      aborted = signal.reason;
    });
    return new Promise(() => undefined);
  };
  const { bench, client, peer } = await new Bench().online();
  await subscribed(bench, client, peer, "a", { onMessage });
  await bench.deliver(peer, message("a", "1", 1, 1));
  const done = watch(client.disconnect({ drainTimeout: 300 }));
  await bench.clock.advance(299);
  await peer.expectNothing();
  expect(aborted).toBe(undefined);
  await bench.clock.advance(1);
  await peer.expect("disconnect");
  await bench.clock.advance(99);
  expect(aborted).toMatchObject({ code: "CLIENT_CLOSED" });
  expect(done.settled).toBe(1);
});

test("unsubscribe takes properties on MQTT 5", async () => {
  const { client, peer } = await new Bench().online();
  watch(client.unsubscribe("a", { properties: { userProperties: [["why", "test"]] } }));
  expect(await peer.expect("unsubscribe")).toMatchObject({ properties: { userProperties: [["why", "test"]] } });
  await expect(client.unsubscribe("a", { nonsense: 1 } as object)).rejects.toMatchObject({ code: "OPTION_UNKNOWN" });
});
