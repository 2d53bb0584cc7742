/**
 * The interface to the file system. Node's file system implements it, and tests pass one that crashes. Errors have a
 * `code`, as those of Node.
 */

/** The file operations that the store needs. Tests can pass one that fails. Errors have a `code`, as those of Node. */
export interface FileSystem {
  /** Creates a directory and its parents. They survive a power loss. */
  makeDirectory(path: string): Promise<void>;
  /**
   * Acquires the lock of this name in the directory, also from an owner that died. Resolves to a function that releases
   * it, or to undefined if a living owner holds it, in any process.
   */
  lock(directory: string, name: string): Promise<(() => Promise<void>) | undefined>;
  /**
   * Opens a file for reading and writing. "existing": resolves to undefined if there is none. "new": rejects with
   * EEXIST if the name is in use. Rejects if the name is that of a link, or of a file of another user.
   */
  open(path: string, as: "existing" | "new"): Promise<OpenFile | undefined>;
  /** Resolves to the names of the files in a directory, in any order. */
  list(path: string): Promise<readonly string[]>;
  /** Renames a file, replacing one that has the new name. */
  rename(path: string, newPath: string): Promise<void>;
  /** Gives a file another name. Rejects with EEXIST if the name is in use. */
  link(path: string, newPath: string): Promise<void>;
  /** Removes a file. Does nothing if it does not exist. */
  remove(path: string): Promise<void>;
  /**
   * Resolves to the bytes that may be written to the directory's file system; undefined if it cannot tell. Optional:
   * without it, a disk store fills the file system.
   */
  freeSpace?(path: string): Promise<number | undefined>;
  /** Makes names that were created, changed or removed in the directory survive a power loss. */
  syncDirectory(path: string): Promise<void>;
}

/** An open file. */
export interface OpenFile {
  /** Resolves to the size in bytes. */
  size(): Promise<number>;
  /** Reads into the buffer until it is full or the file ends. Resolves to the number of bytes. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Writes all buffers, one after the other. */
  write(buffers: readonly Uint8Array[], position: number): Promise<void>;
  /** Cuts the file to this size in bytes. */
  truncate(size: number): Promise<void>;
  /** Makes what was written survive a power loss. */
  sync(): Promise<void>;
  /** Closes the file. */
  close(): Promise<void>;
}

/** Returns the code of a file system error: "ENOENT", "ENOSPC" … */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
