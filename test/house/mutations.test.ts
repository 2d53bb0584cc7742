// The faults of `npm run mutations` are changes of exact texts. This test finds the texts that no longer match.
import { expect, test } from "vitest";
import { changed } from "../../scripts/mutations/changed.js";
import { mutations } from "../../scripts/mutations/mutations.js";
import { filesBelow } from "./source.ts";

const changes = mutations.flatMap(({ name, whole, small }) => [
  { name, client: "whole", change: whole },
  { name, client: "small", change: small },
]);

test.each(changes)('the fault "$name" of the $client client matches exactly one place in its source', ({ change }) => {
  expect(changed(change)).toContain(change.replace);
});

test("the test file of each fault exists", () => {
  const files = filesBelow();
  for (const { tests } of mutations) expect(files).toContain(`packages/mqtt/test/${tests}.test.ts`);
});
