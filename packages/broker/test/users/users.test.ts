// The check of passwords: who is right, how much it costs, and who waits while wrong passwords flood the broker.
import { FakeClock } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import { type PasswordHash, readPasswordHash } from "../../src/users/password-hash.ts";
import { cryptoHasher, hashPassword, type PasswordHasher } from "../../src/users/password-hasher.ts";
import { type PasswordVerdict, Users, type UsersOptions } from "../../src/users/users.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A stored password whose hash is the password itself, for `CountedHasher`. */
function plain(password: string): PasswordHash {
  const text = `$6$c2FsdA$${Buffer.from(password.padEnd(64)).toString("base64")}`;
  return readPasswordHash(text) as PasswordHash;
}

/** Counts the hashes. Each takes time of the clock. */
class CountedHasher implements PasswordHasher {
  count = 0;
  running = 0;
  most = 0;
  readonly methods = new Set<string>();

  constructor(
    private readonly clock: FakeClock,
    private readonly duration: number,
  ) {}

  verify({ hash, method }: PasswordHash, password: Uint8Array): Promise<boolean> {
    this.count++;
    this.methods.add(method);
    this.most = Math.max(this.most, ++this.running);
    return new Promise((resolve) =>
      this.clock.schedule(this.duration, () => {
        this.running--;
        resolve(Buffer.from(hash).toString().trimEnd() === Buffer.from(password).toString());
      }),
    );
  }
}

function started(names: readonly string[], options: UsersOptions = {}) {
  const clock = new FakeClock();
  const hasher = new CountedHasher(clock, 80);
  const stored = new Map(names.map((name) => [name, plain(`${name}'s`)]));
  const users = new Users(stored, { hasher, maximumRunning: 1, ...options });
  const checked = (name: string, password: string, address?: string) => {
    const result: { verdict?: PasswordVerdict; at?: number } = {};
    const began = clock.now();
    void users.check(name, bytes(password), address).then((verdict) => {
      result.verdict = verdict;
      result.at = clock.now() - began;
    });
    return result;
  };
  return { clock, hasher, users, stored, checked };
}

test("users with real hashes", async () => {
  const users = new Users(new Map([["ann", await hashPassword(bytes("secret"))]]));
  expect(await users.check("ann", bytes("secret"), undefined)).toBe("right");
  expect(await users.check("ann", bytes("Secret"), undefined)).toBe("wrong");
  expect(await users.check("bob", bytes("secret"), undefined)).toBe("wrong");
});

test("a password that was right costs no further hash, until its stored form changes", async () => {
  const { clock, hasher, users, checked } = started(["ann"]);
  const first = checked("ann", "ann's");
  await clock.advance(80);
  const second = checked("ann", "ann's");
  await clock.tick();
  expect([first.verdict, second.verdict, hasher.count]).toEqual(["right", "right", 1]);
  users.replace(new Map([["ann", plain("new")]]));
  const former = checked("ann", "ann's");
  await clock.advance(80);
  expect([former.verdict, hasher.count]).toEqual(["wrong", 2]);
});

test("a user that is replaced during the check is refused", async () => {
  const { clock, users, checked } = started(["ann"]);
  const check = checked("ann", "ann's");
  users.replace(new Map());
  await clock.advance(80);
  expect(check.verdict).toBe("wrong");
  expect(users.has("ann")).toBe(false);
});

test("an unknown user costs the hash of a known one, whichever method that has", async () => {
  const { clock, hasher, checked } = started(["ann"]);
  const check = checked("eve", "ann's");
  await clock.advance(79);
  expect(check.verdict).toBeUndefined();
  await clock.advance(1);
  expect([check.verdict, hasher.count, [...hasher.methods]]).toEqual(["wrong", 1, ["sha512"]]);
  const none = started([]);
  none.checked("eve", "x");
  await none.clock.advance(80);
  expect([...none.hasher.methods]).toEqual(["scrypt"]);
});

test("the bytes of a password that waits are its own", async () => {
  const { clock, users, checked } = started(["ann"]);
  checked("eve", "x");
  const password = bytes("ann's");
  const verdict = users.check("ann", password, undefined);
  password.fill(0);
  await clock.advance(160);
  expect(await verdict).toBe("right");
});

describe("1,000 wrong passwords a second", () => {
  /** Ten seconds of them from one address; the honest users come after two seconds. */
  async function flood({ clock, checked }: ReturnType<typeof started>, honest: () => void): Promise<void> {
    for (let i = 0; i < 10_000; i++) {
      checked(i % 2 === 0 ? `eve${i}` : "ann", `wrong ${i}`, "192.0.2.1");
      if (i === 2_000) honest();
      await clock.advance(1);
    }
  }

  test("cause no more hashes than can run, and keep honest users of other addresses, or with other names, out for less than a second", async () => {
    const all = started(["ann", "bob", "carol"]);
    let results: { verdict?: PasswordVerdict; at?: number }[] = [];
    await flood(all, () => {
      results = [
        all.checked("bob", "bob's", "192.0.2.1"),
        all.checked("carol", "carol's", "192.0.2.2"),
        all.checked("ann", "ann's", "192.0.2.3"),
      ];
    });
    expect(results.map(({ verdict }) => verdict)).toEqual(["right", "right", "right"]);
    for (const { at } of results) expect(at).toBeLessThan(1_000);
    expect(all.hasher.most).toBe(1);
    expect(all.hasher.count).toBeLessThanOrEqual(10_000 / 80 + 1);
  });

  test("do not delay clients that reconnect", async () => {
    const all = started(["ann"]);
    all.checked("ann", "ann's", "192.0.2.9");
    await all.clock.advance(80);
    let result: { verdict?: PasswordVerdict; at?: number } = {};
    await flood(all, () => {
      result = all.checked("ann", "ann's", "192.0.2.1");
    });
    expect(result).toEqual({ verdict: "right", at: 0 });
  });

  test("are answered: busy, or wrong within six seconds", async () => {
    const { clock, checked } = started(["ann"]);
    const results = Array.from({ length: 1_000 }, (_, i) => checked(`eve${i % 2}`, "x", `192.0.2.${i % 100}`));
    await clock.advance(6_000);
    const verdicts = results.map(({ verdict }) => verdict);
    expect(verdicts.filter((each) => each === "wrong")).toHaveLength(65);
    expect(verdicts.filter((each) => each === "busy")).toHaveLength(935);
  });
});

test.each([{ maximumRunning: 0 }, { maximumWaiting: 0 }, { hasher: 1 }, { running: 1 }])(
  "%j is not valid",
  (options) => {
    expect(() => new Users(new Map(), options as never)).toThrow(expect.objectContaining({ name: "UsageError" }));
  },
);

test("verification leaves the event loop free", async () => {
  const stored = await hashPassword(bytes("secret"));
  let turns = 0;
  let isDone = false;
  const verified = cryptoHasher.verify(stored, bytes("other")).finally(() => {
    isDone = true;
  });
  while (!isDone) {
    await new Promise((resolve) => setImmediate(resolve));
    turns++;
  }
  expect(await verified).toBe(false);
  expect(turns).toBeGreaterThan(10);
});
