// Owns the layers of the packages: which folder may import which. Reads no file.
import { posix } from "node:path";
import { type Import, importsOf, type SourceFile } from "./source.ts";

const library = "packages/mqtt/src/";

// A folder may import itself and every folder of a lower layer; two folders of one layer may not import each other.
const floors: Record<string, number> = {
  errors: 0,
  "event-emitter": 0,
  "reason-code": 0,
  platform: 0,
  topic: 1,
  options: 2,
  codec: 2,
  session: 3,
  transport: 4,
  store: 4,
  client: 5,
  classic: 6,
  small: 6,
  testing: 7,
};

// index.ts is the library's entry: it selects the exports, and no file of the library imports it.
const shownByDoor = new Set(["errors", "event-emitter", "reason-code", "platform", "transport", "store", "client"]);
const typesShownByDoor = new Set(["topic", "codec"]);

export const pureRooms = ["errors", "event-emitter", "reason-code", "platform", "topic", "options", "codec", "session"];

/** The first part of the path below packages/mqtt/src, without an extension: "codec", "errors", "index". */
export function roomOf(path: string): string {
  return (
    path
      .slice(library.length)
      .split("/", 1)[0]
      ?.replace(/\.[jt]s$/, "") ?? ""
  );
}

/** The imports of one file of @aiko/mqtt that break the rules, one message each. */
export function libraryViolations(file: SourceFile): string[] {
  return violations(file, (each) => libraryRule(file.path, each));
}

/** The same for a package that uses the library: `entries` are the names that it may import. */
export function packageViolations(file: SourceFile, source: string, entries: ReadonlySet<string>): string[] {
  return violations(file, ({ specifier }) => {
    if (specifier.startsWith("node:") || entries.has(specifier)) return undefined;
    if (!specifier.startsWith(".")) return `is not one of ${[...entries].join(", ")}`;
    return resolve(file.path, specifier).startsWith(source) ? undefined : "leaves the package by a relative path";
  });
}

function violations(file: SourceFile, rule: (each: Import) => string | undefined): string[] {
  return importsOf(file).flatMap((each) => {
    const broken = rule(each);
    return broken === undefined ? [] : [`${file.path}:${each.line} imports "${each.specifier}": ${broken}`];
  });
}

function libraryRule(path: string, { specifier, typeOnly }: Import): string | undefined {
  const from = roomOf(path);
  if (specifier.startsWith("node:")) return from === "transport" ? undefined : "only transport may name a platform";
  if (specifier === "ws" && path === `${library}transport/websocket-node.ts`) return undefined; // an optional peer
  if (specifier !== "#platform" && !specifier.startsWith(".")) return "the library has no dependency";
  const target = specifier === "#platform" ? `${library}transport` : resolve(path, specifier);
  if (!target.startsWith(library)) return "leaves the package";
  return roomRule(from, roomOf(target), typeOnly);
}

function roomRule(from: string, to: string, typeOnly: boolean): string | undefined {
  if (from === to) return undefined;
  if (from === "index") {
    if (shownByDoor.has(to)) return undefined;
    if (!typesShownByDoor.has(to)) return `the door does not show ${to}`;
    return typeOnly ? undefined : `the door shows only types of ${to}`;
  }
  if (to === "index") return from === "testing" ? undefined : "index is the door and above every room";
  const [above, below] = [floors[from], floors[to]];
  if (above === undefined) return `${from} is a room without a floor`;
  if (below === undefined) return `${to} is a room without a floor`;
  if (above === below) return `${from} and ${to} are siblings`;
  return above > below ? undefined : `${to} is above ${from}`;
}

function resolve(path: string, specifier: string): string {
  return posix.join(posix.dirname(path), specifier);
}
