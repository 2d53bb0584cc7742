import { expect, test } from "vitest";
import { SmallBench, VERSIONS, watch } from "./bench.ts";

test.each(VERSIONS)(
  "a message keeps its original bytes when they are changed after the call: version %i",
  async (protocolVersion) => {
    const { client, peer } = await new SmallBench().online({ protocolVersion });
    const payload = new Uint8Array(300).fill(7);
    watch(client.publish("ä/b", payload, { qos: 1, retain: true }));
    payload.fill(9);
    expect(await peer.expect("publish")).toMatchObject({
      topic: "ä/b",
      payload: new Uint8Array(300).fill(7),
      qos: 1,
      retain: true,
      dup: false,
      packetIdentifier: 1,
    });
  },
);
