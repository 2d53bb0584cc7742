import { configDefaults, defineConfig } from "vitest/config";
import base from "./vitest.config.ts";

// Against other people's brokers and clients, and over serial lines that socat makes (*.line.test.ts): needs more than Node, so it is kept out of
// `npm test`.
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ["test/interop/**/*.test.ts", "packages/*/test/**/*.line.test.ts"],
    exclude: [...configDefaults.exclude, "test/interop/rabbitmq*.test.ts"], // vitest.cluster.config.ts runs it
  },
});
