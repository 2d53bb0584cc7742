/** What the store needs of a file system; Node's is one, and tests bring one that crashes. Errors are as Node's: with a `code`. */

export interface FileSystem {
  /** With all directories above it; they are there after a power loss. */
  makeDirectory(path: string): Promise<void>;
  /**
   * Takes the lock of this name in the directory, also from an owner that died, and resolves to what gives it back.
   * Undefined if a living owner has it, in whatever process.
   */
  lock(directory: string, name: string): Promise<(() => Promise<void>) | undefined>;
  /**
   * For reading and writing. "existing": undefined if there is none; "new": rejects with EEXIST if something has the name. Rejects if
   * the name is that of a link, or of a file that another user planted.
   */
  open(path: string, as: "existing" | "new"): Promise<OpenFile | undefined>;
  /** Replaces what has the new name. */
  rename(path: string, newPath: string): Promise<void>;
  /** Another name for the same file. Rejects with EEXIST if something has it. */
  link(path: string, newPath: string): Promise<void>;
  /** It may be that there is no such file. */
  remove(path: string): Promise<void>;
  /** After it, names made, changed and removed in the directory survive a power loss. */
  syncDirectory(path: string): Promise<void>;
}

export interface OpenFile {
  size(): Promise<number>;
  /** Fills the buffer, or as much of it as there are bytes; resolves to how many. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** All of them, one after the other. */
  write(buffers: readonly Uint8Array[], position: number): Promise<void>;
  truncate(size: number): Promise<void>;
  /** After it, what was written survives a power loss. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The code of an error of the file system: "ENOENT", "ENOSPC" … */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
