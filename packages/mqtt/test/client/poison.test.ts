// Features of the full client beyond the suite of both clients.
import { expect, test } from "vitest";
import { Bench, watch } from "./bench.ts";

test("a connection that breaks twelve times before anything is acknowledged does not fail a message", async () => {
  const { bench, client, peer } = await new Bench().online();
  const outcome = watch(client.publish("a", "", { qos: 1 }));
  let current = peer;
  for (let i = 0; i < 12; i++) {
    await current.expect(i < 8 ? "publish" : "pingreq"); // over which no PINGREQ is answered
    current = await bench.reconnected(current, { sessionPresent: true });
  }
  await bench.answer(current, "pingreq");
  await bench.answer(current, "publish");
  expect(outcome.value).toMatchObject({ qos: 1 });
});
