import { expect, test } from "vitest";
import { filesBelow, readSource } from "./source.ts";

type Locked = {
  integrity?: string;
  link?: boolean;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
};

test("no lock file contains a download address", () => {
  const locks = filesBelow().filter((path) => path.endsWith("package-lock.json"));
  expect(locks).toContain("package-lock.json");
  const addresses = locks.flatMap((path) => {
    const { packages } = JSON.parse(readSource(path).text) as { packages: Record<string, { resolved?: string }> };
    return Object.values(packages).flatMap(({ resolved }) =>
      resolved?.includes("://") ? [`${path}: ${resolved}`] : [],
    );
  });
  expect(addresses).toEqual([]);
});

test("every dependency is in the lock file, for every platform, with a checksum", () => {
  const { packages } = JSON.parse(readSource("package-lock.json").text) as { packages: Record<string, Locked> };
  const there = Object.keys(packages).map((path) => path.slice(path.lastIndexOf("node_modules/") + 13));
  const wanted = Object.values(packages).flatMap((each) =>
    Object.keys({ ...each.dependencies, ...each.devDependencies, ...each.optionalDependencies }),
  );
  expect(wanted.length).toBeGreaterThan(0);
  expect(wanted.filter((name) => !there.includes(name))).toEqual([]);
  const downloaded = Object.entries(packages).filter(([path, { link }]) => path.includes("node_modules/") && !link);
  expect(downloaded.filter(([, { integrity }]) => integrity === undefined).map(([path]) => path)).toEqual([]);
});

test("the range of the optional peer ws has only versions that count the fragments of a message, including empty ones", () => {
  const { peerDependencies } = JSON.parse(readSource("packages/mqtt/package.json").text) as {
    peerDependencies: Record<string, string>;
  };
  expect(peerDependencies).toEqual({ ws: ">=8.21.1 <9" }); // 8.18 stores 109 MB of a million fragments in 3 MB
});

test("no file contains a path of its author's machine", () => {
  const folders = ["work", "root", "farm"];
  const machinePath = new RegExp(`(^|[^A-Za-z0-9_.~-])/(${folders.join("|")})/`, "m");
  expect(`see ${["", folders[0], "main"].join("/")}`).toMatch(machinePath);
  const found = filesBelow()
    .filter((path) => !path.endsWith("package-lock.json"))
    .filter((path) => machinePath.test(readSource(path).text));
  expect(found).toEqual([]);
});
