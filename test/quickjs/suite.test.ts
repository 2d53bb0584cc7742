// The shared suites of every Clock and of every Transport, inside the engine; transports are pipes to a helper.
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { expect, test } from "vitest";
import { Machine } from "./machine.ts";

const bundled = async (): Promise<string> => {
  const bundle = await rolldown({
    input: fileURLToPath(new URL("suite.ts", import.meta.url)),
    platform: "neutral",
    resolve: {
      alias: {
        "#platform": fileURLToPath(new URL("../../packages/mqtt/dist/transport/platform-bare.js", import.meta.url)),
      },
      extensionAlias: { ".js": [".ts", ".js"] },
    },
    external: ["qjs:os", "qjs:std"],
  });
  const { output } = await bundle.generate({ format: "esm", paths: { "qjs:os": "os", "qjs:std": "std" } });
  return output[0].code;
};

test("the clock, and a transport over pipes, pass the shared suites", async () => {
  using machine = new Machine({ memory: 64_000_000 });
  machine.module(await bundled());
  expect(await machine.exited).toBe(0);
  expect(machine.lines.filter((line) => !line.startsWith("passed: "))).toEqual([]);
  expect(machine.lines.length).toBeGreaterThan(10);
});
