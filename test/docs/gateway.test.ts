// The first steps of docs/gateway/README.md: its configuration is valid, and `explain` prints what the page shows.
import { readFileSync } from "node:fs";
import { explain, readConfiguration } from "@aiko/mqtt-gateway";
import { expect, test } from "vitest";

const page = readFileSync("docs/gateway/README.md", "utf8");
const block = (language: string): string => page.split(`\`\`\`${language}\n`)[1]?.split("```")[0] ?? "";

test("the first configuration explains the first line as the page shows it", () => {
  const { configuration, problems } = readConfiguration(block("toml"), {
    file: "gateway.toml",
    environment: {},
    readFile: () => "",
  });
  expect(problems).toBeUndefined();
  const { gateway, sources = [] } = configuration ?? {};
  const [source] = sources;
  if (gateway === undefined || source === undefined) throw new Error("the configuration has no source");
  const shown = page.split("```\nbytes")[1]?.split("```")[0];
  expect(explain(source, gateway, Buffer.from("kitchen,21.5\n"), { wallTime: () => 0 })).toBe(`bytes${shown}`);
});

test("the page describes each reason for which a record is dropped", () => {
  const reasons = readFileSync("packages/gateway/src/drop-reason.ts", "utf8").matchAll(/^ {2}\| "([\w-]+)"/gm);
  const missing = [...reasons].map(([, reason]) => reason).filter((reason) => !page.includes(`| \`${reason}\` |`));
  expect(missing).toEqual([]);
});
