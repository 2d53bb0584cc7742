import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readSource, root } from "../house/source.ts";

test("every file that the architecture document names exists", () => {
  const { text } = readSource("docs/architecture.md");
  const files = [...text.matchAll(/`([a-z]+(?:\/[a-z0-9-]+){1,2}\.ts)`/g)].map(([, file]) => file as string);
  expect(files.length).toBeGreaterThan(20);
  expect(files.filter((file) => !existsSync(join(root, "packages/mqtt/src", file)))).toEqual([]);
});
