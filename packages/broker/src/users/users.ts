/**
 * The users of a broker and the check of their passwords, bounded so that wrong passwords do not occupy the broker. Knows
 * nothing of files and connections.
 */

import { createHmac, randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { integer, object, readOptions } from "@aiko/mqtt/options";
import { addressKey } from "../listening/addresses.js";
import type { PasswordHash } from "./password-hash.js";
import { cryptoHasher, decoy, type PasswordHasher } from "./password-hasher.js";
import { RightPasswords } from "./right-passwords.js";
import { VerificationQueue } from "./verification-queue.js";

/** The options of `Users`. */
export interface UsersOptions {
  /**
   * How many passwords are verified at one time, 1 … 64. Each takes 32 MiB, and a processor for about 80 ms. Default: half
   * of the processors, but at least 1 and at most 4.
   */
  readonly maximumRunning?: number | undefined;
  /** How many clients wait for a verification, 1 … 10,000. Further ones are refused. Default 64. */
  readonly maximumWaiting?: number | undefined;
  /** Compares passwords. Default: by Node's crypto. */
  readonly hasher?: PasswordHasher | undefined;
}

/** What a check of a password found. "busy": too many clients wait; the password was not checked. */
export type PasswordVerdict = "right" | "wrong" | "busy";

const MOST_RUNNING = 4;

const rules = {
  maximumRunning: integer(1, 64),
  maximumWaiting: integer(1, 10_000, 64),
  hasher: object<PasswordHasher, PasswordHasher>(cryptoHasher),
} satisfies Record<keyof UsersOptions, unknown>;

/** Users with their stored passwords. */
export class Users {
  private stored: ReadonlyMap<string, PasswordHash>;
  private hashes: readonly PasswordHash[] = [];
  private readonly decoy = decoy();
  private readonly key = randomBytes(32);
  private readonly right = new RightPasswords();
  private readonly queue: VerificationQueue<boolean>;
  private readonly hasher: PasswordHasher;

  /**
   * @param stored the stored password of each user, as `readPasswordFile` returns them
   * @throws UsageError OPTION_UNKNOWN or OPTION_INVALID
   */
  constructor(stored: ReadonlyMap<string, PasswordHash>, options: UsersOptions = {}) {
    const { maximumRunning = defaultRunning(), maximumWaiting, hasher } = readOptions(rules, options);
    this.stored = stored;
    this.queue = new VerificationQueue({ maximumRunning, maximumWaiting });
    this.hasher = hasher;
    this.replace(stored);
  }

  /** Whether there is a user with this name. */
  has(name: string): boolean {
    return this.stored.has(name);
  }

  /** Replaces all users. A password whose stored form did not change stays known. */
  replace(stored: ReadonlyMap<string, PasswordHash>): void {
    this.stored = stored;
    this.hashes = [...stored.values()];
  }

  /**
   * Checks the password of a user. A password that was right before is recognized without its expensive hash. An unknown
   * user takes as long as a known one.
   *
   * @param address the address of the client: clients of one address do not delay those of others
   */
  async check(name: string, password: Uint8Array, address: string | undefined): Promise<PasswordVerdict> {
    const user = this.stored.get(name);
    if (user !== undefined && this.right.has(name, user.text, password)) return "right";
    const own = new Uint8Array(password); // the client's buffer is used again while the verification waits
    const lane = `${address === undefined ? "" : addressKey(address)} ${user === undefined ? "" : name}`;
    const stored = user ?? this.decoyFor(name);
    const isEqual = await this.queue.run(lane, () => this.hasher.verify(stored, own));
    if (isEqual === undefined) return "busy";
    // The user may have been replaced meanwhile.
    if (!isEqual || user === undefined || this.stored.get(name)?.text !== user.text) return "wrong";
    this.right.add(name, user.text, own);
    return "right";
  }

  /** Always the same for a name, so that it takes as long as the check of some user. */
  private decoyFor(name: string): PasswordHash {
    const { hashes } = this;
    if (hashes.length === 0) return this.decoy;
    const at = createHmac("sha256", this.key).update(name).digest().readUInt32BE() % hashes.length;
    return hashes[at] as PasswordHash;
  }
}

function defaultRunning(): number {
  return Math.min(MOST_RUNNING, Math.max(1, Math.floor(availableParallelism() / 2)));
}
