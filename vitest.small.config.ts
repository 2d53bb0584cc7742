import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import base from "./vitest.config.ts";

const library = fileURLToPath(new URL("test/conformance/small/library.ts", import.meta.url));

const aliases = base.resolve?.alias;
if (!Array.isArray(aliases)) throw new Error("vitest.config.ts must have a list of aliases");

// The statements again, with the small client in the whole one's place; test/conformance/small/exceptions.ts has what does not hold for it.
export default defineConfig({
  ...base,
  resolve: { alias: [{ find: /^@aiko\/mqtt$/, replacement: library }, ...aliases] },
  test: {
    ...base.test,
    setupFiles: [...(base.test?.setupFiles ?? []), "test/conformance/small/exceptions.ts"],
    include: [
      "test/conformance/mqtt-3.1.1-*.test.ts",
      "test/conformance/mqtt-5.0-{connect,data,operation,publish,requests}.test.ts",
      "test/conformance/bad-input-client.test.ts",
    ],
  },
});
