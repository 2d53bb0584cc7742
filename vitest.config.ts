import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";

const source = (path: string): string => fileURLToPath(new URL(`packages/${path}`, import.meta.url));

// Tests import the packages by their public names and get the sources, so that no test runs against an old build.
export default defineConfig({
  resolve: {
    alias: [
      { find: /^#platform$/, replacement: source("mqtt/src/transport/platform-node.ts") },
      { find: /^@aiko\/mqtt$/, replacement: source("mqtt/src/index.ts") },
      {
        find: /^@aiko\/mqtt\/(options|codec|topic|session|classic|small|testing)$/,
        replacement: source("mqtt/src/$1/index.ts"),
      },
      { find: /^@aiko\/mqtt\/indexed-db$/, replacement: source("mqtt/src/store/indexed-db-store.ts") },
      { find: /^@aiko\/mqtt-store$/, replacement: source("store/src/index.ts") },
      { find: /^@aiko\/mqtt-configuration$/, replacement: source("configuration/src/index.ts") },
      { find: /^@aiko\/mqtt-broker$/, replacement: source("broker/src/index.ts") },
      { find: /^@aiko\/mqtt-broker\/testing$/, replacement: source("broker/src/faults/index.ts") },
      { find: /^@aiko\/mqtt-broker\/service$/, replacement: source("broker/src/service/index.ts") },
      { find: /^@aiko\/mqtt-gateway$/, replacement: source("gateway/src/index.ts") },
      { find: /^@aiko\/mqtt-gateway\/machine$/, replacement: source("gateway/src/machine.ts") },
      { find: /^@aiko\/mqtt-gateway\/sn$/, replacement: source("gateway/src/sn/index.ts") },
    ],
  },
  test: {
    // No test judges by the time that it takes: only a test that hangs should reach a limit, also on a machine with 20 busy processes.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    teardownTimeout: 120_000,
    expect: { poll: { timeout: 120_000 } },
    setupFiles: [fileURLToPath(new URL("test/fixtures/quiet.ts", import.meta.url))],
    include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, "test/interop/**", "**/*.line.test.ts"],
    coverage: {
      provider: "v8",
      include: ["codec", "topic", "session"].map((room) => `packages/mqtt/src/${room}/**/*.ts`),
      reporter: ["text", "json-summary"],
    },
  },
});
