// After a change of a field, write the file with `npx vitest run packages/gateway/test/configuration/reference.test.ts -u`, and read it.
import { expect, test } from "vitest";
import { configurationReference } from "../../src/configuration/reference.ts";

test("docs/gateway/configuration.md describes each field", async () => {
  await expect(configurationReference()).toMatchFileSnapshot("../../../../docs/gateway/configuration.md");
});
