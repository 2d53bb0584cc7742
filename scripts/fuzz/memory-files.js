// @ts-check
// Files in memory for a store, fast enough for a fuzzer.
import { basename, dirname } from "node:path";

/** @typedef {import("@aiko/mqtt-store").FileSystem} FileSystem */

/** @implements {FileSystem} */
export class MemoryFiles {
  /** @type {Map<string, { bytes: Buffer }>} */
  files = new Map();

  async makeDirectory() {}

  async lock() {
    return async () => {};
  }

  /** @param {string} path @param {"existing" | "new"} as */
  async open(path, as) {
    if (as === "new") this.files.set(path, { bytes: Buffer.alloc(0) });
    const file = this.files.get(path);
    return file && new MemoryFile(file);
  }

  /** @param {string} path */
  async list(path) {
    return [...this.files.keys()].filter((each) => dirname(each) === path).map((each) => basename(each));
  }

  /** @param {string} path @param {string} newPath */
  async rename(path, newPath) {
    const file = this.files.get(path);
    if (file) this.files.set(newPath, file);
    this.files.delete(path);
  }

  /** @param {string} path @param {string} newPath */
  async link(path, newPath) {
    const file = this.files.get(path);
    if (this.files.has(newPath)) throw Object.assign(new Error("EEXIST"), { code: "EEXIST" });
    if (file) this.files.set(newPath, file);
  }

  /** @param {string} path */
  async remove(path) {
    this.files.delete(path);
  }

  async syncDirectory() {}
}

class MemoryFile {
  /** @param {{ bytes: Buffer }} file */
  constructor(file) {
    this.file = file;
  }

  async size() {
    return this.file.bytes.length;
  }

  /** @param {Uint8Array} buffer @param {number} position */
  async read(buffer, position) {
    const part = this.file.bytes.subarray(position, position + buffer.length);
    buffer.set(part);
    return part.length;
  }

  /** @param {readonly Uint8Array[]} buffers @param {number} position */
  async write(buffers, position) {
    const { bytes } = this.file;
    const written = Buffer.concat(buffers);
    const grown = Buffer.alloc(Math.max(bytes.length, position + written.length));
    grown.set(bytes);
    grown.set(written, position);
    this.file.bytes = grown;
  }

  /** @param {number} size */
  async truncate(size) {
    this.file.bytes = Buffer.from(this.file.bytes.subarray(0, size));
  }

  async sync() {}

  async close() {}
}
