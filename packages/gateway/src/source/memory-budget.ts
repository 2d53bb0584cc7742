/** The memory that all sources together may use for what is received and not accepted. Knows nothing of what it is used for. */

export class MemoryBudget {
  private used = 0;

  /** @param limit in bytes */
  constructor(private limit: number) {}

  /** Changes the limit. What is in use stays in use. */
  set maximum(limit: number) {
    this.limit = limit;
  }

  get maximum(): number {
    return this.limit;
  }

  /** Whether more may be used. */
  get hasRoom(): boolean {
    return this.used < this.limit;
  }

  /** The bytes that are in use. */
  get bytes(): number {
    return this.used;
  }

  take(bytes: number): void {
    this.used += bytes;
  }

  release(bytes: number): void {
    this.used -= bytes;
  }
}
