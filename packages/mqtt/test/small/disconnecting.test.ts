import { connect } from "@aiko/mqtt/small";
import { expect, test } from "vitest";
import { SmallBench, watch } from "./bench.ts";

test("a client that could not connect, by the function that makes and connects, is closed", async () => {
  const bench = new SmallBench();
  const outcome = watch(connect("mqtt://server", { platform: bench.platform, connectTimeout: 100 }));
  const peer = await bench.server.next();
  await peer.expect("connect");
  await bench.clock.advance(100);
  expect(outcome.error).toMatchObject({ code: "CONNECT_TIMEOUT" });
  await peer.expectClose();
  expect(bench.clock.nextTimer).toBe(Infinity);
});
