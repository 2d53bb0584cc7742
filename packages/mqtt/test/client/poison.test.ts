// What the whole client does beyond the suite of both clients.
import { expect, test } from "vitest";
import { Bench, watch } from "./bench.ts";
import { describePoison, serve } from "./poison.ts";

describePoison(
  () => new Bench(),
  (reasonCode) => ({ code: "PUBLISH_REFUSED", reasonCode }),
);

test("messages are not blamed for a link that breaks twelve times before anything is acknowledged", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online();
  const outcome = watch(client.publish("a", "", { qos: 1 }));
  let current = peer;
  for (let i = 0; i < 12; i++) {
    await current.expect(i < 8 ? "publish" : "pingreq"); // over which no PINGREQ is answered
    current.cut();
    current = await bench.acceptAgain({ sessionPresent: true });
  }
  await serve(bench, current, "closes");
  expect(outcome.value).toMatchObject({ qos: 1 });
});

test("a server that shuts down again and again blames no message", async () => {
  const bench = new Bench();
  const { client, peer } = await bench.online();
  const outcome = watch(client.publish("a", "", { qos: 1 }));
  let current = peer;
  for (let i = 0; i < 10; i++) {
    await current.expect("publish");
    current.send({ type: "disconnect", reasonCode: 0x8b });
    current = await bench.acceptAgain({ sessionPresent: true });
  }
  await serve(bench, current, "closes");
  expect(outcome.value).toMatchObject({ qos: 1 });
});
