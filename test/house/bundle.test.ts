// The download size of a page: bundles of the built library, as a user's bundler makes them, and a limit for their
// size.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { beforeAll, expect, test } from "vitest";
import { root } from "./source.ts";

interface Bundle {
  readonly code: string;
  /** Bytes, minified and compressed with gzip. */
  readonly size: number;
  /** The library's files that remain in the bundle, below its dist. */
  readonly files: readonly string[];
}

/** The size limits, in KB gzip. docs/decisions/0005-in-a-browser.md and 0007-the-small-client.md explain the parts. */
const budgets = { client: 53, "durable-client": 54, "small-client": 14.1, publisher: 26, encoder: 7 };
/** The size limit of the gateway for QuickJS, in bytes, not compressed. docs/decisions/0027-the-gateway-on-a-router.md has what it costs. */
const GATEWAY_BYTES = 525_000;
/** MQTT.js 5.16.0, measured in the same way. */
const MQTT_JS = 105;

type Name = keyof typeof budgets;

const library = join(root, "packages/mqtt/dist/");
const bundles = {} as Record<Name, Bundle>;

beforeAll(async () => {
  for (const name of Object.keys(budgets) as Name[]) bundles[name] = await bundle(name);
  const sizes = Object.entries(bundles).map(([name, { size }]) => `${name} ${(size / 1000).toFixed(1)}`);
  console.log(`in a browser, KB gzip: ${sizes.join(", ")}; MQTT.js ${MQTT_JS}`);
});

async function bundle(name: Name): Promise<Bundle> {
  const building = await rolldown({ input: join(root, `test/house/fixtures/bundles/${name}.ts`), platform: "browser" });
  const { output } = await building.generate({ format: "esm", minify: true });
  expect(output).toHaveLength(1);
  const { code, modules } = output[0];
  const files = Object.entries(modules).flatMap(([path, { renderedLength }]) =>
    path.startsWith(library) && renderedLength > 0 ? [path.slice(library.length)] : [],
  );
  return { code, size: gzipSync(code, { level: 9 }).length, files };
}

test.each(Object.entries(budgets) as [Name, number][])(
  "the bundle of the %s is within its budget of %d KB",
  (name, budget) => {
    expect(bundles[name].size).toBeLessThan(budget * 1000);
  },
);

test("the conditions select the browser's platform, and nothing of Node's is included", () => {
  const { code, files } = bundles.client;
  expect(files).toContain("transport/platform-browser.js");
  expect(files.filter((path) => /node|bare|tls|proxy|\/socket\./.test(path))).toEqual([]);
  expect(code).not.toMatch(/\bimport\b|node:/);
});

test("the file for pages without a bundler contains everything, and imports nothing", async () => {
  const { "durable-client": durable } = bundles;
  const built = join(library, "browser/mqtt.js");
  const code = await readFile(built, "utf8");
  expect(code).not.toMatch(/\bimport\b|node:/);
  expect(gzipSync(code, { level: 9 }).length).toBeLessThan(durable.size + 2_000);
  const { connect, IndexedDbStore } = (await import(built)) as Record<string, unknown>;
  expect([typeof connect, typeof IndexedDbStore]).toEqual(["function", "function"]);
});

test("the file of the gateway for a router stays small, and contains nothing of Node's", async () => {
  const code = await readFile(join(root, "packages/cli/dist/qjs/gateway.js"), "utf8");
  expect(Buffer.byteLength(code)).toBeLessThan(GATEWAY_BYTES);
  expect(code).not.toMatch(/require\(["'`](?!\.\/|os["'`]|std["'`])/);
  expect(code).not.toMatch(/\bBuffer\.(from|alloc)/);
  // `qjs` compiles the file as a module if this is its first word. It compiles the parts when they are used.
  expect(code).toMatch(/^#!\/usr\/bin\/env qjs\nimport\b/);
  const parts = code.slice(code.indexOf("(MAIN);\n") + "(MAIN);\n".length).trimEnd();
  expect(parts.split("\n").filter((line) => !line.startsWith("//"))).toEqual([]);
});

test("unused code is left out", () => {
  const { client, "durable-client": durable, publisher, encoder } = bundles;
  expect(client.files).not.toContain("store/memory-store.js");
  expect(client.files).not.toContain("store/indexed-db-store.js");
  expect(durable.files).toContain("store/indexed-db-store.js");
  expect(client.files.filter((path) => /server-session|classic|testing/.test(path))).toEqual([]);
  expect(publisher.files.filter((path) => path.startsWith("client/"))).toEqual([]);
  expect(bundles["small-client"].files.filter((path) => !path.startsWith("small/")).sort()).toEqual([
    "client/connecting/connack-refusals.js",
    "client/connecting/reconnect-policy.js",
    "codec/property-rules.js",
    "errors.js",
    "session/keep-alive.js",
    "session/queue.js",
  ]);
  expect(encoder.files.filter((path) => !/^(codec|topic|platform)\/|^errors/.test(path))).toEqual([]);
});

test("README and guide state the sizes that the budgets hold", async () => {
  const { client, "small-client": small } = budgets;
  for (const path of ["README.md", "docs/guide.md"]) {
    const text = await readFile(join(root, path), "utf8");
    expect(text).toContain(`${client} KB`);
    expect(text).toContain(`${small} KB`);
  }
});

test("a publisher downloads less than two thirds of the client", () => {
  expect(bundles.publisher.size).toBeLessThan((bundles.client.size * 2) / 3);
});
