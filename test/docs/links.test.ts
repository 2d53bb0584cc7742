// Every relative link of a document leads to a file of the repository, and every anchor to a heading.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { root } from "../house/source.ts";

const tracked = execFileSync("git", ["ls-files", "*.md"], { cwd: root, encoding: "utf8" }).trim().split("\n");

/** The anchors of a document, as GitHub makes them from its headings. */
function anchorsOf(path: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of withoutCode(path).matchAll(/^#{1,6} (.*)$/gm)) {
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1");
    const anchor = text
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-");
    let unique = anchor;
    for (let n = 1; anchors.has(unique); n++) unique = `${anchor}-${n}`;
    anchors.add(unique);
  }
  return anchors;
}

function withoutCode(path: string): string {
  return readFileSync(join(root, path), "utf8").replace(/^```[\s\S]*?^```/gm, "");
}

test("no link of a document is broken", () => {
  let links = 0;
  const broken = tracked.flatMap((path) =>
    [
      ...withoutCode(path)
        .replace(/`[^`\n]*`/g, "")
        .matchAll(/\]\(([^)\s]+)\)/g),
    ].flatMap(([, link = ""]) => {
      if (/^[a-z]+:/.test(link)) return [];
      links++;
      const [file = "", anchor] = link.split("#");
      const target = file === "" ? path : normalize(join(dirname(path), decodeURI(file)));
      if (!existsSync(join(root, target))) return [`${path}: ${link}`];
      const isDocument = target.endsWith(".md") && statSync(join(root, target)).isFile();
      return anchor === undefined || !isDocument || anchorsOf(target).has(anchor) ? [] : [`${path}: ${link}`];
    }),
  );
  expect(broken).toEqual([]);
  expect(links).toBeGreaterThan(150);
});
