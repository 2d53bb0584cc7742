// Every TypeScript block of the documents is a complete program: it is type-checked, then run against an embedded broker.
// A block that imports "vitest" is a test file, and Vitest runs it.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Broker } from "@aiko/mqtt-broker";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UdpGateway } from "../../packages/gateway/test/sn/client/udp-gateway.ts";
import { bothPorts } from "../fixtures/listeners.ts";
import { filesBelow } from "../house/source.ts";

const documents = [
  "README.md",
  ...["mqtt", "store", "configuration", "broker", "gateway", "cli"].map((name) => `packages/${name}/README.md`),
  ...filesBelow("docs").filter((path) => path.endsWith(".md")),
];
const blocks = documents.flatMap((document) =>
  [...readFileSync(document, "utf8").matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((match, i) => ({
    name: `${document} block ${i + 1}`,
    text: match[1] ?? "",
  })),
);
const isTestFile = (text: string): boolean => text.includes('from "vitest"');

let folder: string;
let broker: Broker;
let gateway: UdpGateway;

beforeAll(async () => {
  mkdirSync("node_modules/.cache", { recursive: true });
  folder = mkdtempSync("node_modules/.cache/doc-examples-"); // inside the workspace, so that packages resolve
  broker = await Broker.listen(bothPorts());
  gateway = await UdpGateway.listen();
});

afterAll(async () => {
  await broker.close();
  await gateway[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

function run(command: string, args: readonly string[], cwd = "."): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"], timeout: 300_000 });
    let output = "";
    child.stdout.on("data", (data) => {
      output += data;
    });
    child.stderr.on("data", (data) => {
      output += data;
    });
    child.on("close", (code) => resolve({ code, output }));
  });
}

describe("examples in documents", () => {
  test("exist", () => {
    expect(blocks.length).toBeGreaterThan(3);
  });

  test("all type-check", async () => {
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    writeFileSync(join(folder, "vitest.config.js"), "export default {};\n"); // not the workspace's
    blocks.forEach((block, i) => {
      const program = block.text
        .replaceAll("mqtt://localhost:1883", broker.url)
        .replaceAll("ws://localhost:8083/mqtt", String(broker.urls[1]))
        .replaceAll("udp://localhost:10000", gateway.url);
      const ending = isTestFile(program) ? "test.ts" : "ts";
      writeFileSync(join(folder, `block${i}.${ending}`), `${program}\nexport {};\n`);
    });
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        extends: "../../../tsconfig.base.json",
        compilerOptions: { types: ["node"], rewriteRelativeImportExtensions: false },
        include: ["*.ts"],
      }),
    );
    const { code, output } = await run(process.execPath, ["node_modules/typescript/bin/tsc", "-p", folder]);
    expect(output).not.toContain("error TS");
    expect(code).toBe(0);
  });

  test.each(blocks.map(({ name, text }, i) => ({ name, text, i })))("$name runs", async ({ text, i }) => {
    const globals = fileURLToPath(new URL("browser-globals.js", import.meta.url));
    const vitest = fileURLToPath(new URL("../../node_modules/vitest/vitest.mjs", import.meta.url));
    const args = isTestFile(text) ? [vitest, "run", `block${i}.test.js`] : ["--import", globals, `block${i}.js`];
    const { code, output } = await run(process.execPath, args, folder); // its output files go there
    expect(code, output).toBe(0);
  });
});
