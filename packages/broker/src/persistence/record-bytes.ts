/** The fields of a record as bytes: writes them one after the other, and reads them strictly. Knows no kind of record. */

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Small records share blocks of memory: a buffer for each would take longer than to fill it. */
const BLOCK = 65_536;
const LARGE = 4_096;

/** Writes fields into a record of known size. */
export class RecordWriter {
  private static block = new DataView(new ArrayBuffer(BLOCK));
  private static used = 0;
  readonly bytes: Uint8Array;
  private at: number;

  private constructor(
    private readonly view: DataView,
    start: number,
    size: number,
  ) {
    this.bytes = new Uint8Array(view.buffer, start, size);
    this.at = start;
  }

  /** @param size in bytes; the fields must fill it exactly */
  static of(size: number): RecordWriter {
    if (size > LARGE) return new RecordWriter(new DataView(new ArrayBuffer(size)), 0, size);
    if (RecordWriter.used + size > BLOCK) {
      RecordWriter.block = new DataView(new ArrayBuffer(BLOCK));
      RecordWriter.used = 0;
    }
    const start = RecordWriter.used;
    RecordWriter.used += size;
    return new RecordWriter(RecordWriter.block, start, size);
  }

  byte(value: number): this {
    this.view.setUint8(this.at++, value);
    return this;
  }

  short(value: number): this {
    this.view.setUint16(this.at, value);
    this.at += 2;
    return this;
  }

  integer(value: number): this {
    this.view.setUint32(this.at, value);
    this.at += 4;
    return this;
  }

  /** A key of the store, or a time. */
  double(value: number): this {
    this.view.setFloat64(this.at, value);
    this.at += 8;
    return this;
  }

  /** Bytes without their length: the last field. */
  rest(bytes: Uint8Array): this {
    this.bytes.set(bytes, this.at - this.bytes.byteOffset);
    this.at += bytes.length;
    return this;
  }

  /** Bytes with their length. */
  text(bytes: Uint8Array): this {
    return this.integer(bytes.length).rest(bytes);
  }
}

/** Reads the fields of a record. Each method throws an Error that names the fault. */
export class RecordReader {
  private readonly view: DataView;
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  byte(): number {
    return this.view.getUint8(this.advance(1));
  }

  short(): number {
    return this.view.getUint16(this.advance(2));
  }

  integer(): number {
    return this.view.getUint32(this.advance(4));
  }

  /** A key of the store. */
  key(): number {
    const key = this.view.getFloat64(this.advance(8));
    if (!Number.isSafeInteger(key) || key <= 0) throw new Error(`${key} is not a key`);
    return key;
  }

  /** A time in milliseconds; Infinity is allowed. */
  time(): number {
    const time = this.view.getFloat64(this.advance(8));
    if (Number.isNaN(time) || time === -Infinity) throw new Error(`${time} is not a time`);
    return time;
  }

  text(): string {
    const length = this.integer();
    const start = this.advance(length);
    return decoder.decode(this.bytes.subarray(start, start + length));
  }

  rest(): Uint8Array {
    return this.bytes.subarray(this.advance(this.bytes.length - this.at));
  }

  /** The remaining bytes as text. */
  restOfText(): string {
    return decoder.decode(this.rest());
  }

  get hasMore(): boolean {
    return this.at < this.bytes.length;
  }

  /** @throws Error if there are more fields */
  end(): void {
    if (this.hasMore) throw new Error(`it has ${this.bytes.length - this.at} bytes too many`);
  }

  private advance(length: number): number {
    const { at } = this;
    if (length > this.bytes.length - at) throw new Error(`it ends ${at + length - this.bytes.length} bytes too early`);
    this.at = at + length;
    return at;
  }
}
