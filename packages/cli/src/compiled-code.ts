/**
 * Keeps the code that V8 has compiled from the commands' files, since compiling takes as long as everything else that a
 * command does. Node does that itself from version 22.1 on; before, this module does it in the same manner: in the
 * folder for temporary files, for this user only.
 *
 * What cannot be read or written there is compiled again. `NODE_DISABLE_COMPILE_CACHE=1` switches both off.
 */

import {
  closeSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Script } from "node:vm";

/** A CommonJS module that is being loaded. */
interface Loaded {
  exports: unknown;
  require(id: string): unknown;
}

/** Runs a file as a module. */
type Load = (loaded: Loaded, filename: string) => void;

/** The commands are bundled as CommonJS modules. */
declare const require: { readonly extensions: Record<string, Load> };

type Added = readonly (readonly [path: string, script: Script])[];

const HEAD = Buffer.from("(function (exports, require, module, __filename, __dirname) {");
/** File systems allow 255 bytes. The beginning of a long path is the least important part. */
const LONGEST_NAME = 200;
/** Those of a few versions. If there are more, all are removed, and what is used is compiled again. */
const MOST_FILES = 500;
const TAIL = Buffer.from("\n})");
const NOTHING = Buffer.alloc(0);

/** Must be called before the files are loaded that it should concern. */
export function keepCompiledCode(environment: NodeJS.ProcessEnv): void {
  if (!isNode20()) {
    const module = process.getBuiltinModule?.("node:module") as { enableCompileCache?(): unknown } | undefined;
    module?.enableCompileCache?.();
    return;
  }
  const folder = folderOf(environment);
  if (folder !== undefined) loadThrough(folder);
}

/** Makes Node load the files of this folder with the code that is kept in the other one. */
function loadThrough(folder: string): void {
  const { extensions } = require;
  const usual = extensions[".js"] as Load;
  const added: [path: string, script: Script][] = [];
  const area = new ReadingArea();
  extensions[".cjs"] = (loaded, filename) => {
    if (dirname(filename) !== import.meta.dirname) return usual(loaded, filename); // a dependency's file
    const kept = join(folder, encodeURIComponent(filename).slice(-LONGEST_NAME)); // it ends with a hash of the content
    const text = area.read(filename, HEAD, TAIL).toString("latin1"); // bundles are ASCII
    const cachedData = area.readIfPossible(kept);
    const script = new Script(text, { filename, ...(cachedData && { cachedData }) });
    if (cachedData === undefined || script.cachedDataRejected) added.push([kept, script]);
    const run = script.runInThisContext() as (...given: readonly unknown[]) => void;
    run.call(loaded.exports, loaded.exports, (id: string) => loaded.require(id), loaded, filename, dirname(filename));
  };
  process.once("exit", () => keep(folder, added)); // by then, the functions that were used are compiled
}

/** Bun and Deno have versions of Node, too. */
function isNode20(): boolean {
  const { versions } = process;
  return versions.node.startsWith("20.") && !("bun" in versions) && !("deno" in versions);
}

/** Returns undefined if nothing must be kept: other users could otherwise choose what this process runs. */
function folderOf({ TMPDIR, NODE_DISABLE_COMPILE_CACHE }: NodeJS.ProcessEnv): string | undefined {
  const user = process.getuid?.();
  if (user === undefined || NODE_DISABLE_COMPILE_CACHE === "1") return undefined;
  const folder = join(TMPDIR ?? "/tmp", `aiko-mqtt-${process.version}-${process.arch}-${user}`);
  try {
    let found = lstatSync(folder, { throwIfNoEntry: false });
    if (found === undefined) {
      mkdirSync(folder, { mode: 0o700 });
      found = lstatSync(folder);
    }
    return found.isDirectory() && found.uid === user && (found.mode & 0o077) === 0 ? folder : undefined;
  } catch {
    return undefined;
  }
}

/** Reads file after file into the same memory: the first use of memory takes longer than reading. */
class ReadingArea {
  private bytes = Buffer.allocUnsafeSlow(512 * 1024);

  /** Returns the content between `head` and `tail`, until the next call. */
  read(path: string, head: Buffer, tail: Buffer): Buffer {
    const descriptor = openSync(path, "r");
    try {
      const size = head.length + fstatSync(descriptor).size;
      if (size + tail.length > this.bytes.length) this.bytes = Buffer.allocUnsafeSlow(size + tail.length);
      const { bytes } = this;
      head.copy(bytes);
      const end = head.length + readSync(descriptor, bytes, head.length, size - head.length, 0);
      tail.copy(bytes, end);
      return bytes.subarray(0, end + tail.length);
    } finally {
      closeSync(descriptor);
    }
  }

  /** Returns undefined if the file cannot be read. */
  readIfPossible(path: string): Buffer | undefined {
    try {
      return this.read(path, NOTHING, NOTHING);
    } catch {
      return undefined;
    }
  }
}

/** Renames finished files, so that no process reads half of one. */
function keep(folder: string, added: Added): void {
  const unfinished = join(folder, `${process.pid}.part`);
  try {
    const files = added.length > 0 ? readdirSync(folder) : [];
    if (files.length > MOST_FILES) for (const file of files) rmSync(join(folder, file), { force: true });
    for (const [path, script] of added) {
      writeFileSync(unfinished, script.createCachedData(), { mode: 0o600 });
      renameSync(unfinished, path);
    }
  } catch {
    rmSync(unfinished, { force: true }); // as on a full disk; the next run compiles again
  }
}
