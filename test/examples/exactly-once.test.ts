// examples/exactly-once.js, killed with SIGKILL again and again at random moments: each payment is booked once.
// EXACTLY_ONCE_SEED repeats a run: the same kills are selected, but their exact moments depend on the machine.
// EXACTLY_ONCE_KILLS is their number.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { connect } from "@aiko/mqtt";
import { SeededRandom } from "@aiko/mqtt/testing";
import { Broker } from "@aiko/mqtt-broker";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Ledger } from "../../examples/exactly-once.js";
import { ClientProcess } from "../chaos/client-process.ts";
import { bundle } from "../fixtures/bundle.js";
import { root } from "../fixtures/child.ts";
import type { BookingOrders } from "./programs/booking.ts";

const seed = Number(process.env["EXACTLY_ONCE_SEED"] ?? Date.now() % 1_000_000_000);
const kills = Number(process.env["EXACTLY_ONCE_KILLS"] ?? 100);
const named = `EXACTLY_ONCE_SEED=${seed}`;
/** The maximum of payments that are published and not booked yet. */
const AHEAD = 40;

let workshop: string;
let program: string;

beforeAll(async () => {
  const cache = join(root, "node_modules/.cache"); // inside the workspace, so that the bundle finds SQLite's package
  await mkdir(cache, { recursive: true });
  workshop = await mkdtemp(join(cache, "exactly-once-"));
  const sqlite = {
    name: "sqlite",
    resolveId: (id: string) => (id === "node-sqlite3-wasm" ? { id, external: true } : null),
  };
  program = await bundle(new URL("programs/booking.ts", import.meta.url), workshop, [sqlite]);
});
afterAll(() => rm(workshop, { recursive: true, force: true }));

interface Run {
  readonly version: 4 | 5;
  readonly recognises: boolean;
  readonly identities?: number | undefined;
  /** Called before each kill. */
  goesOn(figures: Figures): boolean;
}

interface Figures {
  kills: number;
  published: number;
  /** Repeated deliveries of payments that the ledger recognised. */
  again: number;
  /** Repeated deliveries of payments that had already been reported as booked. */
  doubled: number;
  readonly errors: string[];
}

/** The payments of a run, from the first process to the last. */
async function book(name: string, { version, recognises, identities, goesOn }: Run) {
  const random = new SeededRandom(seed + version);
  const directory = join(workshop, name);
  const figures: Figures = { kills: 0, published: 0, again: 0, doubled: 0, errors: [] };
  const told = new Set<string>();
  let lines = 0;
  let wake: () => void = () => undefined;
  const heard = ([word = "", ...rest]: readonly string[]) => {
    const [account = ""] = rest;
    lines++;
    if (word === "error") figures.errors.push(rest.join(" "));
    if (word === "again") figures.again++;
    if (word === "booked" && told.has(account)) figures.doubled++;
    if (word === "booked" || word === "again") told.add(account);
    wake();
  };
  /** Resolves when `condition` holds; it is checked after each line. */
  const until = async (condition: () => boolean) => {
    while (!condition()) {
      if (figures.errors.length > 0) throw new Error(`${named}: ${figures.errors.join("; ")}`);
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };

  await using broker = await Broker.listen({ port: 0 });
  await using publisher = await connect(broker.url);
  await using booking = new ClientProcess<BookingOrders>(program, heard);
  const outcomes: Promise<unknown>[] = [];
  const publishMore = () => {
    while (figures.published - told.size < AHEAD)
      outcomes.push(publisher.publish(`payments/${++figures.published}`, "1", { qos: 2 }));
  };
  const orders = { url: broker.url, directory, version, recognises, identities };

  // A first process creates the session; payments published earlier have no subscriber.
  booking.start(orders);
  await until(() => lines > 0);
  while (goesOn(figures)) {
    publishMore();
    if (random.next() < 0.25) {
      await pause(random.integer(60));
    } else {
      const goal = lines + 1 + random.integer(20);
      await until(() => lines >= goal);
      await pause(random.integer(8));
    }
    booking.kill();
    figures.kills++;
    await booking.ended();
    booking.start(orders);
  }
  await Promise.all(outcomes);
  await until(() => told.size === figures.published);
  await booking.leave();

  const ledger = new Ledger(join(directory, "ledger.db"));
  const accounts = ledger.database.all("SELECT name, balance FROM accounts") as { name: string; balance: number }[];
  const { kept } = ledger.database.get("SELECT count(*) AS kept FROM deliveries") as { kept: number };
  ledger.close();
  return { figures, balances: new Map(accounts.map(({ name, balance }) => [name, balance])), kept };
}

function oneEach({ published }: Figures): Map<string, number> {
  return new Map(Array.from({ length: published }, (_, i) => [String(i + 1), 1]));
}

describe.concurrent("a subscriber that is killed at random moments", { timeout: 1_800_000 }, () => {
  test.each([
    [4, undefined],
    [5, 20],
  ] as const)(`version %i: books each payment once, in ${kills} kills`, async (version, identities) => {
    const goesOn = ({ kills: fallen }: Figures) => fallen < kills;
    const started = Date.now();
    const { figures, balances, kept } = await book(`version-${version}`, {
      version,
      recognises: true,
      identities,
      goesOn,
    });
    const { published, again } = figures;
    console.log(
      `version ${version}: ${kills} kills, ${published} payments, ${again} recognised, ${(Date.now() - started) / 1_000} s, ${named}`,
    );
    expect(figures.errors, named).toEqual([]);
    expect(byNumber(balances), named).toEqual(byNumber(oneEach(figures)));
    expect(kept, named).toBe(Math.min(published, identities ?? Infinity));
    expect(again, named).toBeGreaterThan(0);
  });

  test("books payments twice if their deliveryIds differ", async () => {
    const goesOn = ({ doubled }: Figures) => doubled === 0;
    const { figures, balances } = await book("doubled", { version: 5, recognises: false, goesOn });
    expect([...balances.values()].filter((balance) => balance > 1).length, named).toBeGreaterThan(0);
    expect(figures.again, named).toBe(0);
  });
});

function byNumber(balances: ReadonlyMap<string, number>): [string, number][] {
  return [...balances].sort(([a], [b]) => Number(a) - Number(b));
}
