// After a change of a key, write the file with `npx vitest run packages/broker/test/service/reference.test.ts -u`, and read it.
import { expect, test } from "vitest";
import { configurationReference } from "../../src/service/reference.ts";

test("docs/broker/configuration.md describes each key", async () => {
  await expect(configurationReference()).toMatchFileSnapshot("../../../../docs/broker/configuration.md");
});
