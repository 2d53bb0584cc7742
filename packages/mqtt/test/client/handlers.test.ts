import { expect, test } from "vitest";
import { Bench, message, subscribed } from "./bench.ts";

test("a topic alias is resolved before the message is routed", async () => {
  const { bench, client, peer } = await new Bench().online({ properties: { topicAliasMaximum: 5 } });
  const got: string[] = [];
  await subscribed(bench, client, peer, "a/b", { onMessage: (each) => got.push(each.topic) });
  peer.send({ ...message("a/b", "", 2, 1), properties: { topicAlias: 3 } });
  await bench.deliver(peer, { ...message("", "", 2, 2), properties: { topicAlias: 3 } });
  expect(got).toEqual(["a/b", "a/b"]);
});
