/** A file system in memory: what is in it ends with the process. Its locks hold within the process. */

import { basename, dirname } from "node:path";
import type { FileSystem, OpenFile } from "./file-system.js";

/** A file system in memory, for a spool that need not survive the process. Pass it as the option `fileSystem`. */
export class MemoryFileSystem implements FileSystem {
  private readonly files = new Map<string, MemoryFile>();
  private readonly locks = new Set<string>();

  async makeDirectory(): Promise<void> {}

  async lock(directory: string, name: string): Promise<(() => Promise<void>) | undefined> {
    const id = `${directory}/${name}`;
    if (this.locks.has(id)) return undefined;
    this.locks.add(id);
    return async () => void this.locks.delete(id);
  }

  async open(path: string, as: "existing" | "new"): Promise<OpenFile | undefined> {
    if (as === "existing") return this.files.get(path);
    if (this.files.has(path)) throw failure("EEXIST", path);
    const file = new MemoryFile();
    this.files.set(path, file);
    return file;
  }

  async list(path: string): Promise<readonly string[]> {
    return [...this.files.keys()].filter((each) => dirname(each) === path).map((each) => basename(each));
  }

  async rename(path: string, newPath: string): Promise<void> {
    this.files.set(newPath, this.fileAt(path));
    this.files.delete(path);
  }

  async link(path: string, newPath: string): Promise<void> {
    if (this.files.has(newPath)) throw failure("EEXIST", newPath);
    this.files.set(newPath, this.fileAt(path));
  }

  async remove(path: string): Promise<void> {
    this.files.delete(path);
  }

  async syncDirectory(): Promise<void> {}

  private fileAt(path: string): MemoryFile {
    const file = this.files.get(path);
    if (file === undefined) throw failure("ENOENT", path);
    return file;
  }
}

class MemoryFile implements OpenFile {
  private bytes = Buffer.alloc(0);
  private length = 0;

  async size(): Promise<number> {
    return this.length;
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    const part = this.bytes.subarray(position, Math.min(this.length, position + buffer.length));
    buffer.set(part);
    return part.length;
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<void> {
    let at = position;
    for (const buffer of buffers) {
      this.reserve(at + buffer.length);
      this.bytes.set(buffer, at);
      at += buffer.length;
    }
    this.length = Math.max(this.length, at);
  }

  async truncate(size: number): Promise<void> {
    this.bytes.fill(0, size);
    this.length = size;
  }

  async sync(): Promise<void> {}

  async close(): Promise<void> {}

  private reserve(size: number): void {
    if (size <= this.bytes.length) return;
    const larger = Buffer.alloc(Math.max(size, this.bytes.length * 2));
    this.bytes.copy(larger);
    this.bytes = larger;
  }
}

function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
