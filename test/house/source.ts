// Owns how the house tests read the repository: its files, and the imports and names of their TypeScript code. Knows
// nothing of the rules.
import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { parseSync } from "oxc-parser";

export type SourceFile = { path: string; text: string };
export type Import = { specifier: string; typeOnly: boolean; line: number };
type Name = { name: string; line: number };
type Node = { type: string; start: number; end: number } & Record<string, unknown>;
type Visit = (node: Node, parent: Node | undefined, key: string) => void;

export const root = fileURLToPath(new URL("../..", import.meta.url));

// The names in .gitignore. They are read from the disk and not from git, because a source archive has no git.
const notOurs = new Set([".git", "node_modules", "dist", "coverage"]);

/** Every file below `folder`, as paths relative to the root with forward slashes. */
export function filesBelow(folder = "."): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (notOurs.has(entry.name)) return [];
    if (entry.isDirectory()) return filesBelow(path);
    return entry.isFile() ? [path.split(sep).join("/")] : [];
  });
}

export function readSource(path: string): SourceFile {
  return { path, text: readFileSync(join(root, path), "utf8") };
}

/** Every import of a file: static, re-exported, dynamic, and in a type position. */
export function importsOf(file: SourceFile): Import[] {
  const imports: Import[] = [];
  const lineOf = lineCounter(file.text);
  for (const directive of typeDirectivesOf(file)) imports.push(directive);
  walk(parse(file), (node) => {
    const from = importedFrom(node);
    if (from === undefined) return;
    const specifier = isNode(from) && from.type === "Literal" ? String(from["value"]) : "(not a literal)";
    imports.push({ specifier, typeOnly: isTypeOnly(node), line: lineOf(node.start) });
  });
  return imports;
}

/** Lines with `export *`, in either form. */
export function wildcardExportLines(file: SourceFile): number[] {
  const lines: number[] = [];
  const lineOf = lineCounter(file.text);
  walk(parse(file), (node) => {
    if (node.type === "ExportAllDeclaration") lines.push(lineOf(node.start));
  });
  return lines;
}

/** Every identifier that stands for a value or a type, without names of properties. `Math.random` is one name. */
export function namesOf(file: SourceFile): Name[] {
  const names: Name[] = [];
  const lineOf = lineCounter(file.text);
  walk(parse(file), (node, parent, key) => {
    if (node.type !== "Identifier" || (parent !== undefined && isPropertyName(parent, key))) return;
    const property = key === "object" && parent?.type === "MemberExpression" ? propertyOf(parent) : "";
    const name = String(node["name"]);
    names.push({ name: property === "" ? name : `${name}.${property}`, line: lineOf(node.start) });
  });
  return names;
}

/**
 * Every test of a file as in the source, after its describe titles: "describe > test". Each template expression is "*".
 */
export function testsOf(file: SourceFile): string[] {
  const tests: string[] = [];
  const visit = (node: Node, above: readonly string[]): void => {
    const called = node.type === "CallExpression" ? calledName(node) : undefined;
    const title = called === undefined ? undefined : titleOf(node);
    if (called === "test" && title !== undefined) tests.push([...above, title].join(" > "));
    const below = called === "describe" && title !== undefined ? [...above, title] : above;
    for (const child of childrenOf(node)) visit(child, below);
  };
  visit(parse(file), []);
  return tests;
}

/** "test" for `test(…)`, `test.each(…)(…)` and `test.skipIf(…).each(…)(…)`. */
function calledName(call: Node): string | undefined {
  let node: unknown = call;
  while (isNode(node) && node.type !== "Identifier") node = node["callee"] ?? node["object"];
  return isNode(node) ? String(node["name"]) : undefined;
}

function titleOf(call: Node): string | undefined {
  const [first] = call["arguments"] as unknown[];
  if (!isNode(first)) return undefined;
  if (first.type === "Literal") return typeof first["value"] === "string" ? first["value"] : undefined;
  if (first.type !== "TemplateLiteral") return undefined;
  return (first["quasis"] as { value: { cooked: string } }[]).map(({ value }) => value.cooked).join("*");
}

/** Every literal of a regular expression, and every place that creates one from text. */
export function regularExpressionsOf(file: SourceFile): { expression: RegExp | "made"; line: number }[] {
  const found: { expression: RegExp | "made"; line: number }[] = [];
  const lineOf = lineCounter(file.text);
  walk(parse(file), (node) => {
    const { regex } = node as { regex?: { pattern: string; flags: string } };
    if (regex !== undefined && regex !== null)
      found.push({ expression: new RegExp(regex.pattern, regex.flags), line: lineOf(node.start) });
    const callee = node["callee"];
    if (isNode(callee) && callee.type === "Identifier" && callee["name"] === "RegExp")
      found.push({ expression: "made", line: lineOf(node.start) });
  });
  return found;
}

/** Lines with regular expressions as values in arguments of `toMatchObject`, where vitest lets them match anything. */
export function emptyComparisonsOf(file: SourceFile): number[] {
  const lines: number[] = [];
  const lineOf = lineCounter(file.text);
  const search = (node: Node): void => {
    if (node.type === "CallExpression") return; // expect.stringMatching(…)
    if ((node as { regex?: unknown }).regex) lines.push(lineOf(node.start));
    for (const child of childrenOf(node)) search(child);
  };
  walk(parse(file), (node) => {
    const { callee } = node;
    if (!isNode(callee) || callee.type !== "MemberExpression" || propertyOf(callee) !== "toMatchObject") return;
    for (const argument of (node["arguments"] as unknown[]).filter(isNode)) search(argument);
  });
  return lines;
}

function parse(file: SourceFile): Node {
  const { program, errors } = parseSync(file.path, file.text);
  const [first] = errors;
  if (first !== undefined) throw new Error(`${file.path} does not parse: ${first.message}`);
  return program as unknown as Node;
}

function walk(node: Node, visit: Visit, parent?: Node, key = ""): void {
  visit(node, parent, key);
  for (const [childKey, value] of Object.entries(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) walk(child, visit, node, childKey);
  }
}

function childrenOf(node: Node): Node[] {
  return Object.values(node).flat().filter(isNode);
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

function importedFrom(node: Node): unknown {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportAllDeclaration":
    case "ExportNamedDeclaration":
    case "ImportExpression":
    case "TSImportType":
      return node["source"] ?? undefined;
    case "TSExternalModuleReference":
      return node["expression"];
    default:
      return undefined;
  }
}

function isTypeOnly(node: Node): boolean {
  if (node.type === "TSImportType" || node["importKind"] === "type" || node["exportKind"] === "type") return true;
  const specifiers = node["specifiers"];
  if (!Array.isArray(specifiers) || specifiers.length === 0) return false;
  return specifiers.every((each) => each.importKind === "type" || each.exportKind === "type");
}

function isPropertyName(parent: Node, key: string): boolean {
  switch (parent.type) {
    case "MemberExpression":
      return key === "property" && parent["computed"] === false;
    case "TSQualifiedName":
      return key === "right";
    case "ImportSpecifier":
      return key === "imported";
    case "ExportSpecifier":
      return key === "exported";
    case "LabeledStatement":
    case "BreakStatement":
    case "ContinueStatement":
    case "TSNamedTupleMember":
      return key === "label";
    case "TSEnumMember":
      return key === "id";
    default:
      return key === "key" && parent["computed"] !== true;
  }
}

function propertyOf(member: Node): string {
  const property = member["property"];
  if (!isNode(property)) return "";
  if (member["computed"] !== true) return String(property["name"]);
  return property.type === "Literal" ? String(property["value"]) : "";
}

function typeDirectivesOf(file: SourceFile): Import[] {
  const lineOf = lineCounter(file.text);
  return parseSync(file.path, file.text).comments.flatMap(({ value, start }) => {
    const name = /^\/\s*<reference\s+(?:types|path)="([^"]+)"/.exec(value)?.[1];
    return name === undefined ? [] : [{ specifier: name, typeOnly: true, line: lineOf(start) }];
  });
}

function lineCounter(text: string): (offset: number) => number {
  return (offset) => text.slice(0, offset).split("\n").length;
}
