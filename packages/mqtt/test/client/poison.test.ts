// What the whole client does beyond the suite of both clients.
import { expect, test } from "vitest";
import { Bench, watch } from "./bench.ts";

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
  await current.expect("pingreq");
  current.send({ type: "pingresp" });
  const { packetIdentifier } = await current.expect("publish");
  current.send({ type: "puback", packetIdentifier, reasonCode: 0 });
  await bench.clock.tick();
  expect(outcome.value).toMatchObject({ qos: 1 });
});
