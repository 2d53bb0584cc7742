// After a change of an option, write the file with `npx vitest run packages/broker/test/service/mosquitto/reference.test.ts -u`, and read it.
import { expect, test } from "vitest";
import { mosquittoReference } from "../../../src/service/mosquitto/mosquitto-reference.ts";

test("docs/broker/mosquitto-conf.md lists each option", async () => {
  await expect(mosquittoReference()).toMatchFileSnapshot("../../../../../docs/broker/mosquitto-conf.md");
});
