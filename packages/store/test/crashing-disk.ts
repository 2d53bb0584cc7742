// Owns a disk in memory that can fail at any operation, and lose unsynced data in every way that a power failure may:
// sectors in any combination, names in the order of their changes. Knows nothing of stores.
import { basename, dirname } from "node:path";
import type { FileSystem, OpenFile } from "../src/file-system.ts";

const SECTOR = 512;

type Change = { write: Uint8Array; position: number } | { truncate: number };

interface Inode {
  bytes: Buffer;
  durable: Buffer;
  pending: Change[];
}

type Names = Map<string, Inode>;

/** The outcome of an operation: succeed, fail with a code, or do a part of a write and then nothing ever again. */
export type Fault = { fail: string; part?: number } | "crash" | undefined;

export class CrashingDisk {
  operations = 0;
  /** Called before each operation that changes the disk. */
  fault: (operation: number, what: string) => Fault = () => undefined;
  private names: Names = new Map();
  private durableNames: Names = new Map();
  private pendingNames: ((names: Names) => void)[] = [];
  private locks = new Set<string>();
  private life = 0;
  crashed = false;

  /** The power fails: all open files are dead, and unsynced data is present or not. `random` decides, from 0 to 1. */
  powerLoss(random: () => number): void {
    this.kill();
    const kept = Math.floor(random() * (this.pendingNames.length + 1));
    for (const change of this.pendingNames.slice(0, kept)) change(this.durableNames);
    this.pendingNames = [];
    for (const inode of new Set([...this.durableNames.values(), ...this.names.values()])) settle(inode, random);
    this.names = new Map(this.durableNames);
  }

  /** The process dies; the kernel still has what was written. */
  kill(): void {
    this.life++;
    this.locks = new Set();
    this.crashed = false;
  }

  files(): string[] {
    return [...this.names.keys()].sort();
  }

  /** A wrong bit on the disk that nothing has noticed. */
  flip(path: string, offset: number, bit: number): void {
    const { bytes } = this.inode(path);
    bytes[offset] = (bytes[offset] ?? 0) ^ (1 << bit);
  }

  contents(path: string): Buffer {
    return Buffer.from(this.inode(path).bytes);
  }

  /** Adds a file as if it had always existed. */
  place(path: string, bytes: Uint8Array): void {
    const inode: Inode = { bytes: copyOf(bytes), durable: copyOf(bytes), pending: [] };
    this.names.set(path, inode);
    this.durableNames.set(path, inode);
  }

  get fileSystem(): FileSystem {
    const life = this.life;
    const step = (what: string): void => this.step(life, what);
    const alive = (): void => this.assertAlive(life);
    return {
      makeDirectory: async () => alive(),
      lock: async (directory, name) => {
        alive();
        const id = `${directory}/${name}`;
        if (this.locks.has(id)) return undefined;
        this.locks.add(id);
        return async () => {
          if (life === this.life) this.locks.delete(id);
        };
      },
      open: async (path, as) => {
        alive();
        let inode = this.names.get(path);
        if (inode === undefined && as === "existing") return undefined;
        if (as === "new") {
          step(`create ${path}`);
          if (this.names.has(path)) throw failure("EEXIST");
          inode = { bytes: Buffer.alloc(0), durable: Buffer.alloc(0), pending: [] };
          this.changeNames((names) => names.set(path, inode as Inode));
        }
        return this.openFile(inode as Inode, step, alive);
      },
      list: async (path) => {
        alive();
        return [...this.names.keys()].filter((each) => dirname(each) === path).map((each) => basename(each));
      },
      rename: async (path, newPath) => {
        step(`rename ${path}`);
        const inode = this.inode(path);
        this.changeNames((names) => {
          names.delete(path);
          names.set(newPath, inode);
        });
      },
      link: async (path, newPath) => {
        step(`link ${path}`);
        if (this.names.has(newPath)) throw failure("EEXIST");
        const inode = this.inode(path);
        this.changeNames((names) => names.set(newPath, inode));
      },
      remove: async (path) => {
        alive();
        if (!this.names.has(path)) return;
        step(`remove ${path}`);
        this.changeNames((names) => names.delete(path));
      },
      syncDirectory: async () => {
        step("syncDirectory");
        for (const change of this.pendingNames) change(this.durableNames);
        this.pendingNames = [];
      },
    };
  }

  private openFile(inode: Inode, stepOf: (what: string) => void, alive: () => void): OpenFile {
    const step = (what: string): void => {
      const [path] = [...this.names].find(([, each]) => each === inode) ?? ["a file without a name"];
      stepOf(`${what} ${path}`);
    };
    const change = (each: Change): void => {
      inode.pending.push(each);
      inode.bytes = apply(inode.bytes, each);
    };
    return {
      size: async () => {
        alive();
        return inode.bytes.length;
      },
      read: async (buffer, position) => {
        alive();
        const part = inode.bytes.subarray(position, position + buffer.length);
        buffer.set(part);
        return part.length;
      },
      write: async (buffers, position) => {
        const write = Buffer.concat(buffers);
        try {
          step("write");
        } catch (error) {
          const part = (error as { part?: number }).part;
          if (part !== undefined) change({ write: write.subarray(0, Math.ceil(write.length * part)), position });
          throw error;
        }
        change({ write, position });
      },
      truncate: async (size) => {
        step("truncate");
        change({ truncate: size });
      },
      sync: async () => {
        step("sync");
        await undefined; // others run meanwhile
        alive();
        for (const each of inode.pending) inode.durable = apply(inode.durable, each);
        inode.pending = [];
      },
      close: async () => {},
    };
  }

  private inode(path: string): Inode {
    const inode = this.names.get(path);
    if (inode === undefined) throw failure("ENOENT");
    return inode;
  }

  private changeNames(change: (names: Names) => void): void {
    change(this.names);
    this.pendingNames.push(change);
  }

  private assertAlive(life: number): void {
    if (this.crashed || life !== this.life) throw failure("EIO");
  }

  private step(life: number, what: string): void {
    this.assertAlive(life);
    const fault = this.fault(this.operations++, what);
    if (fault === undefined) return;
    if (fault === "crash") {
      this.crashed = true;
      throw Object.assign(failure("EIO"), { part: 0.5 });
    }
    throw Object.assign(failure(fault.fail), { part: fault.part });
  }
}

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/** Applies the change, in place if the bytes have room. */
function apply(bytes: Buffer, change: Change): Buffer {
  if ("truncate" in change) {
    if (change.truncate > bytes.length)
      return apply(bytes, { write: new Uint8Array(change.truncate - bytes.length), position: bytes.length });
    return bytes.subarray(0, change.truncate);
  }
  const { write, position } = change;
  const size = Math.max(bytes.length, position + write.length);
  const result = resized(bytes, size);
  result.set(write, position);
  return result;
}

/** A copy in memory of its own, which Buffer.from does not promise. */
function copyOf(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

/** The bytes with zeros behind them, in the same memory if that has room. */
function resized(bytes: Buffer, size: number): Buffer {
  const { buffer, byteOffset, length } = bytes;
  if (size <= length) return bytes;
  if (byteOffset === 0 && size <= buffer.byteLength) {
    const longer = Buffer.from(buffer, 0, size);
    longer.fill(0, length);
    return longer;
  }
  const larger = Buffer.allocUnsafeSlow(Math.max(size, 2 * length));
  bytes.copy(larger);
  larger.fill(0, length, size);
  return larger.subarray(0, size);
}

/**
 * The part of the unsynced data that the disk holds afterwards: the first of the changes, and any sectors of each
 * write.
 */
function settle(inode: Inode, random: () => number): void {
  let bytes = copyOf(inode.durable);
  for (const change of inode.pending.slice(0, Math.floor(random() * (inode.pending.length + 1)))) {
    if ("truncate" in change) {
      bytes = apply(bytes, change);
      continue;
    }
    const { write, position } = change;
    bytes = apply(bytes, { write: new Uint8Array(0), position });
    for (let at = 0; at < write.length; ) {
      const stop = Math.min(write.length, at + SECTOR - ((position + at) % SECTOR));
      const lost = random() < 0.3;
      const before = bytes.subarray(position + at, position + stop);
      const sector = lost ? Buffer.concat([before, Buffer.alloc(stop - at - before.length)]) : write.subarray(at, stop);
      bytes = apply(bytes, { write: sector, position: position + at });
      at = stop;
    }
  }
  inode.bytes = bytes;
  inode.durable = copyOf(bytes);
  inode.pending = [];
}
