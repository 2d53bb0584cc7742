import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { newQuickJSWASMModule, type QuickJSContext } from "quickjs-emscripten";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, expect, test } from "vitest";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

let context: QuickJSContext;

/** Evaluates code inside the engine, which has ECMAScript and nothing else. */
function inside(code: string): unknown {
  const result = context.unwrapResult(context.evalCode(code));
  const value: unknown = context.dump(result);
  result.dispose();
  return value;
}

beforeAll(async () => {
  const bundle = await rolldown({
    input: path("exchange.ts"),
    platform: "neutral",
    resolve: { alias: { "#platform": path("../../packages/mqtt/dist/transport/platform-bare.js") } },
  });
  const { output } = await bundle.generate({ format: "iife", name: "engine" });
  context = (await newQuickJSWASMModule()).newContext();
  inside(output[0].code);
});

afterAll(() => context.dispose());

test("the engine has no platform functions", () => {
  const names = ["TextEncoder", "setTimeout", "URL", "queueMicrotask", "console", "process", "Buffer"];
  expect(inside(`${JSON.stringify(names)}.filter((name) => name in globalThis)`)).toEqual([]);
});

test("every wire vector has the expected result", () => {
  const vectors = readFileSync(path("../conformance/vectors.json"), "utf8");
  expect(inside(`engine.wrongVectors(${vectors})`)).toEqual([]);
});

test.each([3, 4, 5])("a client and a server exchange messages at every QoS on version %i", (version) => {
  const { received, outcomes } = inside(`engine.exchange(${version})`) as { received: string[]; outcomes: string[] };
  expect(outcomes).toEqual(["delivered 0", "delivered 0", "delivered 0"]);
  const payload = String.fromCharCode(...new TextEncoder().encode("žluť"));
  expect(received).toEqual([`a/0 0 ${payload}`, `a/1 1 ${payload}`, `a/2 2 ${payload}`]);
});
