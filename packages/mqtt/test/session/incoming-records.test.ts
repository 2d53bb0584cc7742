import { describe, expect, test } from "vitest";
import type { StoreChange, StoreRecord } from "../../src/platform/store.ts";
import { INCOMING, IncomingRecords } from "../../src/session/incoming/incoming-records.ts";

/** A store, and the records of one process after the other. */
class Disk {
  private readonly records = new Map<number, Uint8Array>();
  current = new IncomingRecords();

  write(): number {
    const changes: StoreChange[] = [];
    this.current.take(changes);
    for (const { key, value } of changes) {
      if (value === undefined) this.records.delete(key);
      else this.records.set(key, value);
    }
    return changes.length;
  }

  /** The process is killed, and another starts. Returns the identifiers of unfinished messages. */
  restart(): number[] {
    this.current = new IncomingRecords();
    return this.all.map(({ key, value }) => this.current.load(key, value)).filter((open) => open !== undefined);
  }

  get all(): StoreRecord[] {
    return [...this.records].map(([key, value]) => ({ key, value }));
  }
}

function opened(): Disk {
  const disk = new Disk();
  disk.current.want();
  disk.current.sessionOpened(false, 1_000);
  return disk;
}

describe("a deliveryId", () => {
  test("is the same for a message that is resent after the process was killed", () => {
    const disk = opened();
    disk.write();
    const name = disk.current.nameOf(7);
    disk.restart();
    disk.current.sessionOpened(true, 2_000);
    expect(disk.current.nameOf(7)).toBe(name);
  });

  test("differs for the next message with the same identifier, also after a kill", () => {
    const disk = opened();
    const names = new Set<string>();
    for (let i = 0; i < 5; i++) {
      names.add(disk.current.nameOf(7));
      disk.current.open(7);
      disk.write();
      if (i % 2 === 0) expect(disk.restart()).toEqual([7]);
      disk.current.close(7);
      disk.write();
      if (i % 2 === 1) expect(disk.restart()).toEqual([]);
    }
    expect(names.size).toBe(5);
  });

  test("differs in another session", () => {
    const disk = opened();
    disk.current.open(7);
    disk.write();
    const name = disk.current.nameOf(7);
    disk.current.sessionOpened(false, 2_000);
    expect(disk.current.nameOf(7)).not.toBe(name);
    disk.write();
    expect(disk.restart()).toEqual([]);
    expect(disk.all.map(({ key }) => key)).toEqual([INCOMING]);
  });

  test("is known from the first connection on in a session that the store does not know", () => {
    const disk = new Disk();
    disk.current.sessionOpened(true, 5_000);
    const name = disk.current.nameOf(7);
    disk.write();
    disk.restart();
    disk.current.sessionOpened(true, 6_000);
    expect(disk.current.nameOf(7)).toBe(name);
  });

  test("also counts a message that was refused before it was stored", () => {
    const disk = opened();
    const name = disk.current.nameOf(7);
    disk.current.close(7);
    expect(disk.current.nameOf(7)).not.toBe(name);
  });
});

test("a session that requests no QoS 2 messages needs no record", () => {
  const disk = new Disk();
  disk.current.sessionOpened(false, 1_000);
  expect([disk.current.hasChanges, disk.write()]).toEqual([false, 0]);
  disk.current.want();
  expect([disk.current.hasChanges, disk.write()]).toEqual([true, 1]);
  expect(disk.current.nameOf(1)).toBe(`${(1_000).toString(36)}.1.0`);
});

test("a stored record is not written again", () => {
  const disk = opened();
  disk.current.open(7);
  expect(disk.write()).toBe(2); // the session's first record, and the message
  disk.current.open(7);
  expect([disk.current.hasChanges, disk.write()]).toEqual([false, 0]);
});

test("a record without bytes, as earlier versions wrote it, is an unfinished message", () => {
  const records = new IncomingRecords();
  expect(records.load(INCOMING + 9, new Uint8Array(0))).toBe(9);
});

test("a refused record is written with the next write", () => {
  const disk = opened();
  disk.current.open(1);
  const lost: StoreChange[] = [];
  disk.current.take(lost);
  disk.current.close(1);
  disk.current.open(2);
  disk.current.refused();
  expect(disk.write()).toBe(3);
  expect(disk.restart()).toEqual([2]);
});
