// The public API as the build declares it: docs/internals/api.md shows it, and users can import every type in its
// signatures.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { exportsOf, missingTypes, publicEntries, report } from "../../scripts/api/report.js";
import { readSource } from "./source.ts";

const entries = publicEntries();

test("docs/internals/api.md shows the API as it is built", () => {
  expect(readSource("docs/internals/api.md").text, "run `npm run api`, and review what it changes").toBe(
    report(entries),
  );
});

test("every type that a public signature names can be imported", () => {
  expect(entries.flatMap(({ exports }) => exports).length).toBeGreaterThan(0);
  expect(missingTypes(entries)).toEqual([]);
});

test.each([
  ["an argument", "export declare function f(given: Hidden): void;", "f"],
  ["an element of a list", "export declare const list: readonly Hidden[];", "list"],
  ["an ancestor", "export interface Shown extends Hidden {}", "Shown"],
  ["a member", "export declare class Shown { readonly member: Hidden; }", "Shown"],
  ["a type that is imported", 'export type Shown = import("./other.js").Hidden;', "Shown"],
])("a type that is not exported is found if it is %s", (_, text, name) => {
  expect(missingTypes([entryOf(`interface Hidden {} ${text}`)])).toEqual([`package: Hidden, in ${name}`]);
});

test.each([
  ["is exported", "export interface Hidden {} export declare function f(given: Hidden): void;"],
  ["is a type parameter", "export declare function f<Hidden>(given: Hidden): Hidden;"],
  ["is a global", "export declare function f(given: Uint8Array): Promise<void>;"],
  ["is in a private member", "interface Hidden {} export declare class Shown { private member: Hidden; }"],
  ["is in an internal member", "interface Hidden {} export declare class Shown { /** @internal */ f(): Hidden; }"],
  [
    "is needed only to construct what users do not construct",
    "interface Hidden {} declare class Shown { constructor(given: Hidden); } export type { Shown };",
  ],
])("a type is not missing if it %s", (_, text) => {
  expect(missingTypes([entryOf(text)])).toEqual([]);
});

test("the report has no comments and only public parts", () => {
  const text = `/** Documented. */
export declare class Shown {
    #private;
    private hidden;
    /** Documented. */
    readonly member: string; // remark
    /** @internal */
    internal(): void;
    get first(): number;
}
export declare function f(first: string): void;
export declare function f(first: number): void;`;
  expect(report([entryOf(text)])).toContain(`\`\`\`typescript
class Shown {
    readonly member: string;
    get first(): number;
}

function f(first: string): void;
function f(first: number): void;
\`\`\``);
});

function entryOf(text: string) {
  const folder = mkdtempSync(join(tmpdir(), "aiko-mqtt-api-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "index.d.ts"), text);
  writeFileSync(join(folder, "other.d.ts"), "export interface Hidden {}");
  return { entry: "package", package: "package", exports: exportsOf(join(folder, "index.d.ts")) };
}
