import { posix } from "node:path";
import { expect, test } from "vitest";
import { filesBelow, importsOf, readSource } from "./source.ts";

/** Files that a file of a package imports from that package, types included. */
function neighboursOf(path: string): readonly string[] {
  return importsOf(readSource(path))
    .filter(({ specifier }) => specifier.startsWith("."))
    .map(({ specifier }) => posix.join(posix.dirname(path), specifier).replace(/\.js$/, ".ts"));
}

/** The import cycles that a walk finds, each as its path. */
function circlesAmong(files: readonly string[], neighbours: (path: string) => readonly string[]): string[] {
  const circles: string[] = [];
  const done = new Set<string>();
  const walk = (path: string, way: readonly string[]): void => {
    const at = way.indexOf(path);
    if (at >= 0) circles.push([...way.slice(at), path].join(" > "));
    if (at >= 0 || done.has(path)) return;
    for (const next of neighbours(path)) walk(next, [...way, path]);
    done.add(path);
  };
  for (const path of files) walk(path, []);
  return circles;
}

test.each(["mqtt", "store", "configuration", "broker", "gateway", "cli"])(
  "no file of %s imports itself through others",
  (name) => {
    const files = filesBelow(`packages/${name}/src`).filter((path) => path.endsWith(".ts"));
    expect(files.length).toBeGreaterThan(0);
    expect(circlesAmong(files, neighboursOf)).toEqual([]);
  },
);

test("an import cycle is found, with its path", () => {
  const imports: Record<string, readonly string[]> = { a: ["b"], b: ["c", "d"], c: ["b"], d: [] };
  expect(circlesAmong(Object.keys(imports), (path) => imports[path] ?? [])).toEqual(["b > c > b"]);
});
