// @ts-check
// A session's file: records of strangers' messages, damaged in any way, in this version and the previous one.
import { resolve } from "node:path";
import { crc32 } from "node:zlib";
import { MqttError } from "@aiko/mqtt";
import { DiskStore } from "@aiko/mqtt-store";
import { Food } from "./food.js";
import { MemoryFiles } from "./memory-files.js";

const directory = resolve("sessions");
const MOST_RECORDS = 6;
const MOST_DAMAGE = 4;

/**
 * The food determines what is written, which parts look like a store's own frames, and what is damaged. In every case,
 * opening returns only records that were written, and the same records again; and the store can be written to.
 *
 * @type {import("./targets.js").Target}
 */
export async function journal(bytes) {
  const food = new Food(bytes);
  const files = new MemoryFiles();
  /** Every value that a key has had. @type {Map<number, Set<string>>} */
  const written = new Map();
  const isOld = food.byte() % 3 === 0;
  const frames = [fileHeader(1)];
  const store = new DiskStore(directory, { fileSystem: files, toleratedWaste: 1 + 20 * food.byte() });
  const { session } = await store.open("s");
  for (let left = 1 + (food.byte() % MOST_RECORDS); left > 0; left--) {
    const key = food.byte() % 8;
    const value = payload(food, files);
    written.set(key, (written.get(key) ?? new Set()).add(hexOf(value)));
    await session.write([{ key, value }]);
    frames.push(frame(key, value));
  }
  await session.close();
  const [path = ""] = files.files.keys();
  const file = files.files.get(path);
  if (file === undefined) throw new Error("there is no file");
  const intact = isOld ? Buffer.concat(frames) : file.bytes;
  const damaged = damage(Buffer.from(intact), food, isOld);
  files.files.set(path, { bytes: damaged });
  const first = await open(files);
  for (const { key, value } of first.records) {
    if (!written.get(key)?.has(hexOf(value))) throw new Error(`the record ${key} was never written: ${hexOf(value)}`);
  }
  if (damaged.equals(intact) && (first.damage > 0 || first.records.length !== written.size)) {
    throw new Error("an intact file was not read");
  }
  const second = await open(files);
  if (second.damage > 0) throw new Error("the repaired file is damaged");
  if (JSON.stringify(second.records) !== JSON.stringify(first.records))
    throw new Error("the repair changed the records");
}

/** @param {MemoryFiles} files */
async function open(files) {
  let damage = 0;
  const onDamage = () => {
    damage++;
  };
  /** @type {import("@aiko/mqtt").StoredSession | undefined} */
  let session;
  try {
    const opened = await new DiskStore(directory, { fileSystem: files, onDamage }).open("s");
    session = opened.session;
    await session.write([{ key: 99, value: new Uint8Array(1) }]);
    await session.write([{ key: 99, value: undefined }]);
    return { records: opened.records, damage };
  } catch (error) {
    if (!(error instanceof MqttError) || error.code === "STORE_LOCKED") throw error;
    return { records: [], damage };
  } finally {
    await session?.close();
  }
}

/** Bytes, zeros, or something that looks like a part of a file. @param {Food} food @param {MemoryFiles} files */
function payload(food, files) {
  const length = food.byte();
  switch (food.byte() % 6) {
    case 0:
      return Buffer.alloc(length * 16);
    case 1:
      return frame(food.byte(), food.take(length));
    case 2:
      return Buffer.concat([fileHeader(1 + (food.byte() % 2)), frame(food.byte(), food.take(length))]);
    case 3:
      return Buffer.concat([
        Buffer.alloc(4096 - 16 - 28),
        fileHeader(2),
        Buffer.alloc(12),
        frame(77, food.take(length)),
      ]);
    case 4: // of another session of the same client
      return Buffer.concat(
        [...files.files.values()].map((each) => each.bytes.subarray(0, 24)).concat(Buffer.from(food.take(length))),
      );
    default:
      return Buffer.from(food.take(length));
  }
}

/** @param {Buffer} bytes @param {Food} food @param {boolean} isOld */
function damage(bytes, food, isOld) {
  let damaged = bytes;
  for (let left = food.byte() % MOST_DAMAGE; left > 0; left--) {
    // Positions at the beginning of the file and of its frames matter more than those between them.
    const at = food.byte() % 2 ? food.below(damaged.length) : food.byte() % Math.max(1, damaged.length);
    const length = 1 + (food.byte() % 64);
    switch (food.byte() % 6) {
      case 0:
        damaged = damaged.subarray(0, at);
        break;
      case 1:
        damaged.subarray(at, at + length * 8).fill(0);
        break;
      case 2:
        if (isOld) break; // a version 1 frame moved onto another one is valid
        damaged = Buffer.concat([damaged.subarray(0, at), damaged.subarray(at + length)]);
        break;
      case 3:
        damaged = Buffer.concat([damaged, food.take(length)]);
        break;
      default:
        if (at < damaged.length) damaged[at] = /** @type {number} */ (damaged[at]) ^ (1 << (length & 7));
    }
  }
  return damaged;
}

const seed = crc32(Buffer.from("s", "utf16le"));

/** Of version 1; of a later one as far as a stranger knows it. @param {number} version */
function fileHeader(version) {
  const header = Buffer.alloc(16);
  header.write("AIKOMQTT");
  header.writeUInt32BE(version, 8);
  header.writeUInt32BE(crc32(header.subarray(0, 12), seed), 12);
  return header;
}

/** Of version 1. @param {number} key @param {Uint8Array} value */
function frame(key, value) {
  const body = Buffer.alloc(12);
  body.writeUInt32BE(key, 4);
  body.writeUInt32BE(value.length, 8);
  const header = Buffer.alloc(16);
  header.writeUInt32BE(0x414b4a42, 0);
  header.writeUInt32BE(body.length + value.length, 4);
  header.writeUInt32BE(crc32(value, crc32(body)), 8);
  header.writeUInt32BE(crc32(header.subarray(0, 12), seed), 12);
  return Buffer.concat([header, body, value]);
}

/** @param {Uint8Array} bytes */
function hexOf(bytes) {
  return Buffer.from(bytes).toString("hex");
}

/** @param {import("./inputs.js").SeededRandom} random */
export function journalSeeds(random) {
  return Array.from({ length: 60 }, () =>
    Uint8Array.from({ length: 80 }, (_, at) => (at === 0 ? 0 : random.integer(256))),
  );
}
