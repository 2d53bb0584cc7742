// Requests between clients over a real mosquitto: responses, errors, and the report that there is no responder.
import { connect } from "@aiko/mqtt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Mosquitto } from "../fixtures/mosquitto.ts";

let mosquitto: Mosquitto;
beforeAll(async () => {
  mosquitto = await Mosquitto.start();
});
afterAll(() => mosquitto[Symbol.asyncDispose]());

test.each([3, 4, 5] as const)("version %i: a response arrives, and so does an error", async (protocolVersion) => {
  await using responder = await connect(mosquitto.url, { protocolVersion });
  await using requester = await connect(mosquitto.url, { protocolVersion });
  await responder.respond("lamp/+", ({ topic }) => (topic.startsWith("lamp/1") ? "on" : { error: "no such lamp" }));
  expect((await requester.request("lamp/1", "?")).text()).toBe("on");
  await expect(requester.request("lamp/2", "?")).rejects.toMatchObject({
    code: "REQUEST_FAILED",
    reasonString: "no such lamp",
  });
});

// At QoS 2 mosquitto searches for subscribers only at PUBREL, and PUBCOMP cannot report that there are none.
test("a request without a responder is NO_RESPONDER", async () => {
  await using requester = await connect(mosquitto.url, { protocolVersion: 5 });
  await expect(requester.request("nobody/there", "?")).rejects.toMatchObject({
    code: "NO_RESPONDER",
    reasonCode: 0x10,
  });
});
