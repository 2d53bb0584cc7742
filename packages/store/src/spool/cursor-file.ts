/**
 * The file that says which records are settled, and how each source's records were counted at that time. It is preallocated and overwritten
 * in place: a full disk must not prevent records from being settled, because that is what frees space.
 *
 *     file     three slots of SLOT_SIZE bytes. Two are written in turn, each synced before the other is written again. The third is
 *              overwritten without a sync, far more often: it survives the process, but not always a power loss. The newest slot counts
 *     slot     checksum of the rest (4 bytes), length of the rest (4), generation (6), cursor (6), reasons, sources, bits
 *     reasons  count (2), each: length (1) and name
 *     sources  count (2), each: number (2), length (1) and id, accepted (6), in (6), out (6), cleared to (6), reasons (1), each: place among
 *              the reasons (1) and count (6)
 *     bits     length (2) and what is settled beyond the cursor
 *
 * Integers are big-endian, checksums CRC-32.
 */

import { crc32 } from "../crc32.js";
import type { FileSystem, OpenFile } from "../file-system.js";
import { createFile } from "../journal-copy.js";
import { type Account, Ledger, LONGEST_NAME } from "./ledger.js";
import { Settled } from "./settled.js";

/** Enough for the most sources, each with the most reasons, and all bits. */
const SLOT_SIZE = 96 * 1024;
/** The slot that is not synced. */
const NOTES = 2;
const HEADER = 8;
/** What a checksum begins with, so that zeros are not a slot. */
const SEED = 0x61696b6f;

/** What the file says. */
export interface CursorState {
  readonly settled: Settled;
  readonly ledger: Ledger;
}

export class CursorFile {
  /** @param slot the one that is written next */
  private constructor(
    private readonly file: OpenFile,
    private generation: number,
    private slot: number,
  ) {}

  /**
   * Opens or creates the file. The state is undefined if the file is new, or if neither slot is intact: then all records that are found count
   * as not settled.
   */
  static async open(
    files: FileSystem,
    directory: string,
    path: string,
  ): Promise<{ cursor: CursorFile; state: CursorState | undefined; damagedBytes: number }> {
    const existing = await files.open(path, "existing");
    if (existing === undefined) {
      const file = await create(files, directory, path);
      return { cursor: new CursorFile(file, 0, 1), state: undefined, damagedBytes: 0 };
    }
    try {
      const slots = [await readSlot(existing, 0), await readSlot(existing, 1), await readSlot(existing, NOTES)];
      let newest: Slot | undefined;
      for (const slot of slots) if (slot && slot.generation > (newest?.generation ?? -1)) newest = slot;
      const size = await existing.size();
      if (size < 3 * SLOT_SIZE) await existing.write([Buffer.alloc(3 * SLOT_SIZE - size)], size);
      const damagedBytes = newest === undefined ? size : 0;
      const [first, second] = slots;
      const slot = (first?.generation ?? -1) > (second?.generation ?? -1) ? 1 : 0;
      return { cursor: new CursorFile(existing, newest?.generation ?? 0, slot), state: newest, damagedBytes };
    } catch (error) {
      await existing.close();
      throw error;
    }
  }

  /** Writes the state and makes it survive a power loss. After a failure, the last state that was written counts. */
  async write(state: CursorState): Promise<void> {
    await this.file.write([encode(++this.generation, state)], this.slot * SLOT_SIZE);
    await this.file.sync();
    this.slot = 1 - this.slot;
  }

  /** Writes the state so that it survives the process. */
  async note(state: CursorState): Promise<void> {
    await this.file.write([encode(++this.generation, state)], NOTES * SLOT_SIZE);
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

interface Slot extends CursorState {
  readonly generation: number;
}

async function create(files: FileSystem, directory: string, path: string): Promise<OpenFile> {
  const framing = { header: encode(0, { settled: new Settled(1), ledger: new Ledger() }) };
  const file = await createFile(files, `${path}.new`, framing);
  try {
    await file.write([Buffer.alloc(3 * SLOT_SIZE - framing.header.length)], framing.header.length);
    await file.sync();
    await files.rename(`${path}.new`, path);
    await files.syncDirectory(directory);
    return file;
  } catch (error) {
    await file.close();
    await files.remove(`${path}.new`).catch(() => {});
    throw error;
  }
}

function encode(generation: number, { settled, ledger }: CursorState): Buffer {
  const accounts = [...ledger.accounts];
  const reasons = [...new Set(accounts.flatMap(({ dropped }) => [...dropped.keys()]))];
  const bits = settled.bits();
  const bytes = Buffer.allocUnsafe(mostBytes(accounts, reasons.length) + bits.length);
  let at = bytes.writeUIntBE(generation, HEADER, 6);
  at = bytes.writeUIntBE(settled.cursor, at, 6);
  const named = (name: string): void => {
    const length = bytes.write(name, at + 1);
    at = bytes.writeUInt8(length, at) + length;
  };
  at = bytes.writeUInt16BE(reasons.length, at);
  reasons.forEach(named);
  at = bytes.writeUInt16BE(accounts.length, at);
  for (const account of accounts) {
    at = bytes.writeUInt16BE(account.number, at);
    named(account.id);
    for (const count of [account.accepted, account.in, account.out, account.clearedTo])
      at = bytes.writeUIntBE(count, at, 6);
    at = bytes.writeUInt8(account.dropped.size, at);
    for (const [reason, count] of account.dropped) {
      at = bytes.writeUInt8(reasons.indexOf(reason), at);
      at = bytes.writeUIntBE(count, at, 6);
    }
  }
  at = bytes.writeUInt16BE(bits.length, at);
  bytes.set(bits, at);
  at += bits.length;
  bytes.writeUInt32BE(at - HEADER, 4);
  bytes.writeUInt32BE(crc32(bytes.subarray(HEADER, at), SEED), 0);
  return bytes.subarray(0, at);
}

/** The bytes that a slot takes at most, besides the bits: names have a byte for their length. */
function mostBytes(accounts: readonly Account[], reasons: number): number {
  const ofAccounts = accounts.reduce((sum, { dropped }) => sum + 2 + 1 + LONGEST_NAME + 24 + 1 + dropped.size * 7, 0);
  return HEADER + 18 + reasons * (1 + LONGEST_NAME) + ofAccounts;
}

async function readSlot(file: OpenFile, slot: number): Promise<Slot | undefined> {
  const bytes = Buffer.alloc(SLOT_SIZE);
  const filled = await file.read(bytes, slot * SLOT_SIZE);
  const length = bytes.readUInt32BE(4);
  if (filled < HEADER || length > filled - HEADER) return undefined;
  const rest = bytes.subarray(HEADER, HEADER + length);
  if (crc32(rest, SEED) !== bytes.readUInt32BE(0)) return undefined;
  return decode(rest);
}

/** Of bytes whose checksum is right. */
function decode(bytes: Buffer): Slot {
  let at = 0;
  const integer = (size: number): number => {
    at += size;
    return bytes.readUIntBE(at - size, size);
  };
  const named = (): string => {
    const length = integer(1);
    at += length;
    return bytes.toString("utf8", at - length, at);
  };
  const generation = integer(6);
  const settled = new Settled(integer(6));
  const reasons = Array.from({ length: integer(2) }, named);
  const ledger = new Ledger();
  for (let left = integer(2); left > 0; left--) {
    const number = integer(2);
    const account = ledger.add(number, named());
    account.accepted = integer(6);
    account.in = integer(6);
    account.out = integer(6);
    account.clearedTo = integer(6);
    for (let more = integer(1); more > 0; more--) {
      const reason = reasons[integer(1)] ?? "other";
      ledger.drop(account, reason, integer(6));
    }
  }
  const length = integer(2);
  settled.settleBits(bytes.subarray(at, at + length));
  return { generation, settled, ledger };
}
