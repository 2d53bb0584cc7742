/**
 * The passwords that were right, so that clients that reconnect need no expensive hash. Keeps only a keyed hash of each,
 * with a key that never leaves the process.
 */

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** The most users whose password is known. The one that was added first is removed. */
const MOST = 10_000;

export class RightPasswords {
  private readonly key = randomBytes(32);
  private readonly byUser = new Map<string, Buffer>();

  /** @param stored the text of the stored password: another one is another password */
  has(user: string, stored: string, password: Uint8Array): boolean {
    const known = this.byUser.get(user);
    return known !== undefined && timingSafeEqual(known, this.digest(user, stored, password));
  }

  add(user: string, stored: string, password: Uint8Array): void {
    this.byUser.delete(user);
    this.byUser.set(user, this.digest(user, stored, password));
    if (this.byUser.size <= MOST) return;
    const [first] = this.byUser.keys();
    this.byUser.delete(first as string);
  }

  private digest(user: string, stored: string, password: Uint8Array): Buffer {
    return createHmac("sha256", this.key)
      .update(JSON.stringify([user, stored]))
      .update(password)
      .digest();
  }
}
