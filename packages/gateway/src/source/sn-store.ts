/**
 * Keeps the sessions of MQTT-SN clients, and messages for them, in the directory of the spool. A session is written a moment
 * after it has changed. Knows no protocol.
 */

import { join } from "node:path";
import type { Clock, StoreChange, StoredSession, Timer } from "@aiko/mqtt";
import type { Log } from "@aiko/mqtt-configuration";
import { DiskStore, type FileSystem } from "@aiko/mqtt-store";
import { type KeptSession, keptBytes, keptSession } from "../sn/gateway/kept-session.js";
import { type KeptMessage, keptMessage, MessageKeeper } from "../sn/uplink/message-keeper.js";

/** Milliseconds after which a change is written: what comes meanwhile is written with it. */
const DELAY = 200;

export interface SnStoreParts {
  readonly directory: string;
  readonly files: FileSystem;
  /** The id of the source. */
  readonly source: string;
  readonly clock: Clock;
  readonly log: Log;
}

export class SnStore {
  private readonly keys = new Map<string, number>();
  private last = 0;
  private readonly changes = new Set<string>();
  private timer: Timer | undefined;
  private writing: Promise<void> = Promise.resolve();
  private hasFailed = false;

  private constructor(
    private readonly parts: SnStoreParts,
    private readonly stored: StoredSession,
    /** What an earlier process has kept. */
    readonly sessions: readonly KeptSession[],
    readonly messages: readonly KeptMessage[],
    private readonly keeper: MessageKeeper,
    keys: Iterable<readonly [string, number]>,
  ) {
    for (const [clientId, key] of keys) {
      this.keys.set(clientId, key);
      this.last = Math.max(this.last, key);
    }
  }

  /** @throws StoreError if the store cannot be opened */
  static async open(parts: SnStoreParts): Promise<SnStore> {
    const { directory, files, source, log } = parts;
    const failed = (error: unknown): void =>
      log.error("messages of MQTT-SN clients cannot be kept", { source, error: String(error) });
    const store = new DiskStore(join(directory, "sn"), {
      fileSystem: files,
      onDamage: ({ file, bytes }) => log.error("sessions of MQTT-SN clients were damaged", { source, file, bytes }),
    });
    const { session, records } = await store.open(source);
    try {
      const kept = await store.open(`${source} messages`);
      const keeper = new MessageKeeper(kept.session, kept.records, failed);
      const sessions: KeptSession[] = [];
      const keys: [string, number][] = [];
      for (const { key, value } of records) {
        const read = keptSession(value);
        if (read === undefined) continue;
        sessions.push(read);
        keys.push([read.clientId, key]);
      }
      const messages = kept.records.map(keptMessage).filter((each) => each !== undefined);
      return new SnStore(parts, session, sessions, messages, keeper, keys);
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** Keeps messages for clients. */
  get messageKeeper(): MessageKeeper {
    return this.keeper;
  }

  /** A session has changed. @param read returns what is kept of it; undefined: nothing any more */
  changed(clientId: string, read: (clientId: string) => KeptSession | undefined): void {
    this.changes.add(clientId);
    this.timer ??= this.parts.clock.schedule(DELAY, () => this.save(read));
  }

  /** Writes a session, and what else has changed, now. Resolves when it is written. */
  async keep(clientId: string, read: (clientId: string) => KeptSession | undefined): Promise<void> {
    this.changes.add(clientId);
    this.timer?.cancel();
    this.save(read);
    await this.writing;
  }

  /** Writes what has changed. Resolves when all is written and closed. */
  async close(read: (clientId: string) => KeptSession | undefined): Promise<void> {
    this.timer?.cancel();
    this.save(read);
    await this.writing;
    await this.stored.close();
    await this.keeper.close();
  }

  private save(read: (clientId: string) => KeptSession | undefined): void {
    this.timer = undefined;
    const changes = [...this.changes].map((clientId) => this.changeOf(clientId, read(clientId)));
    this.changes.clear();
    const written = changes.filter((each) => each !== undefined);
    if (written.length > 0) this.writing = this.writing.then(() => this.write(written));
  }

  private changeOf(clientId: string, kept: KeptSession | undefined): StoreChange | undefined {
    const known = this.keys.get(clientId);
    if (kept === undefined) {
      this.keys.delete(clientId);
      return known === undefined ? undefined : { key: known, value: undefined };
    }
    const key = known ?? ++this.last;
    this.keys.set(clientId, key);
    return { key, value: keptBytes(kept) };
  }

  private async write(changes: readonly StoreChange[]): Promise<void> {
    const { log, source } = this.parts;
    try {
      await this.stored.write(changes);
      this.hasFailed = false;
    } catch (error) {
      if (!this.hasFailed) log.error("sessions of MQTT-SN clients cannot be kept", { source, error: String(error) });
      this.hasFailed = true;
    }
  }
}
