/**
 * The head of a file that consists of parts, which are behind it as comments. Each part is compiled when it is used for the first time: `qjs`
 * needs several times the memory of a file to compile it, so a file in parts needs less than a whole one. Knows nothing of what the parts do.
 */

import * as os from "qjs:os";
import * as std from "qjs:std";

/** Where a part is: its distance from the end of the file to its beginning, and its length, in bytes. */
type Place = readonly [back: number, length: number];

/** A part as a function of CommonJS. */
type Part = (require: (name: string) => unknown, exports: object, module: { exports: object }) => void;

declare const PARTS: Readonly<Record<string, Place>>;
declare const MAIN: string;
/** A part that is compiled each time, so that it takes no memory when it is not used. */
declare const UNKEPT: string;
declare const scriptArgs: readonly string[];

const system: Readonly<Record<string, unknown>> = { os, std };
const loaded = new Map<string, object>();

function load(specifier: string): unknown {
  const name = specifier.replace(/^\.\//, "");
  const known = system[name] ?? loaded.get(name);
  if (known !== undefined) return known;
  const module = { exports: {} };
  if (name !== UNKEPT) loaded.set(name, module.exports); // parts may need each other
  compiled(name)(load, module.exports, module);
  if (name !== UNKEPT) loaded.set(name, module.exports);
  return module.exports;
}

function compiled(name: string): Part {
  const [back, length] = PARTS[name] as Place;
  const file = std.open(scriptArgs[0] as string, "r");
  if (file === null) throw new Error(`${scriptArgs[0]}: this file cannot be read again`);
  file.seek(-back, std.SEEK_END);
  const text = file.readAsString(length).replaceAll("\n//", "\n");
  file.close();
  std.gc(); // what the part before has left
  return std.evalScript(`(function(require,exports,module){${text}\n})`) as Part;
}

load(MAIN);
