// Which request of a wire is sent when, and what becomes of it.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Command, Poll, RequestResult } from "../../src/command/request.ts";
import { Requests } from "../../src/command/requests.ts";

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const NO_FIELDS = new Map();

interface Wire {
  readonly requests: Requests;
  readonly results: string[];
  command(name: string, changes?: Partial<Command>): void;
  /** What is written at this time. */
  written(now: number, isWritten?: boolean): string[];
  answer(text: string, now: number): unknown;
}

/** Answers are "NAME ok" and "NAME no". */
const rule = (name: string, timeout = 100, retries = 1): Command["answer"] => ({
  timeout,
  retries,
  matches(frame) {
    const text = Buffer.from(frame).toString();
    return text === `${name} ok` ? "answer" : text === `${name} no` ? "refused" : undefined;
  },
});

function wireOf(polls: readonly Partial<Poll & { name: string }>[] = [], most = 32, rest = 0): Wire {
  const results: string[] = [];
  const settle = (name: string) => (result: RequestResult) =>
    results.push(`${name} ${result.ok ? `ok ${result.ms}` : result.reason}`);
  const made = polls.map(
    ({ name = "poll", every = 1_000, jitter = 0 }): Poll => ({
      kind: "poll",
      bytes: bytes(name),
      answer: rule(name) as Poll["answer"],
      every,
      jitter,
      settle: settle(name),
    }),
  );
  const requests = new Requests(made, most, rest, () => 0.5, 0);
  return {
    requests,
    results,
    command(name, changes = {}) {
      const common = { kind: "command", bytes: bytes(name), answer: rule(name), expiresAt: Infinity } as const;
      requests.add({ ...common, settle: settle(name), ...changes });
    },
    written(now, isWritten = true) {
      const found: string[] = [];
      const write = (sent: Uint8Array): void => {
        requests.wrote(isWritten);
        if (isWritten) found.push(Buffer.from(sent).toString());
      };
      const again = requests.advance(now);
      if (again !== undefined) write(again);
      for (let sent = requests.next(now); sent !== undefined; sent = requests.next(now)) write(sent);
      return found;
    },
    answer: (text, now) => requests.take(bytes(text), () => NO_FIELDS, now),
  };
}

describe("a command", () => {
  test("is sent at once, and is done when its answer comes", () => {
    const wire = wireOf();
    wire.command("a");
    expect(wire.written(0)).toEqual(["a"]);
    expect(wire.answer("a ok", 41)).toMatchObject({ request: { kind: "command" } });
    expect(wire.results).toEqual(["a ok 41"]);
    expect(wire.requests.deadline()).toBe(Infinity);
  });

  test("without an answer is done when it is written, and is written once", () => {
    const wire = wireOf();
    wire.command("a", { answer: undefined });
    wire.command("b", { answer: undefined });
    expect(wire.written(0)).toEqual(["a", "b"]);
    expect(wire.results).toEqual(["a ok 0", "b ok 0"]);
    expect(wire.written(10_000)).toEqual([]);
  });

  test("waits until the one before it has ended", () => {
    const wire = wireOf();
    wire.command("a");
    wire.command("b");
    expect(wire.written(0)).toEqual(["a"]);
    expect(wire.written(50)).toEqual([]);
    wire.answer("a ok", 60);
    expect(wire.written(60)).toEqual(["b"]);
  });

  test("waits until the line has rested after the answer before it", () => {
    const wire = wireOf([], 32, 5);
    wire.command("a");
    wire.command("b");
    wire.written(0);
    wire.answer("a ok", 10);
    expect(wire.written(14)).toEqual([]);
    expect(wire.requests.deadline()).toBe(15);
    expect(wire.written(15)).toEqual(["b"]);
  });

  test("that is refused is not sent again", () => {
    const wire = wireOf();
    wire.command("a");
    wire.written(0);
    wire.answer("a no", 10);
    expect(wire.results).toEqual(["a refused"]);
    expect(wire.written(1_000)).toEqual([]);
  });

  test("is sent again after its timeout, and fails after the last try", () => {
    const wire = wireOf();
    wire.command("a");
    expect(wire.written(0)).toEqual(["a"]);
    expect(wire.requests.deadline()).toBe(100);
    expect(wire.written(99)).toEqual([]);
    expect(wire.written(100)).toEqual(["a"]);
    expect(wire.written(200)).toEqual([]);
    expect(wire.results).toEqual(["a timeout"]);
  });

  test("is not sent again after its answer, however late the timer is", () => {
    const wire = wireOf();
    wire.command("a");
    wire.written(0);
    wire.answer("a ok", 99);
    expect(wire.written(500)).toEqual([]);
    expect(wire.results).toEqual(["a ok 99"]);
  });

  test("whose answer is late has failed, and the next one is not taken for answered", () => {
    const wire = wireOf();
    const same = { answer: rule("x", 100, 0) } as const;
    wire.command("x", same);
    wire.command("x", same);
    expect(wire.written(0)).toEqual(["x"]);
    expect(wire.written(100)).toEqual([]); // quiet: a late answer may come
    expect(wire.results).toEqual(["x timeout"]);
    expect(wire.answer("x ok", 150)).toBe("late");
    expect(wire.written(150)).toEqual(["x"]);
    wire.answer("x ok", 170);
    expect(wire.results).toEqual(["x timeout", "x ok 20"]);
  });

  test("that no answer ever comes for holds the wire for one more timeout", () => {
    const wire = wireOf();
    wire.command("a", { answer: rule("a", 100, 0) });
    wire.command("b");
    wire.written(0);
    expect(wire.written(100)).toEqual([]);
    expect(wire.requests.deadline()).toBe(200);
    expect(wire.written(200)).toEqual(["b"]);
  });

  test("is not answered by an answer to another question, nor by a second answer", () => {
    const wire = wireOf();
    wire.command("a");
    wire.written(0);
    expect(wire.answer("b ok", 10)).toBeUndefined();
    expect(wire.results).toEqual([]);
    wire.answer("a ok", 20);
    expect(wire.answer("a ok", 30)).toBeUndefined();
    expect(wire.results).toEqual(["a ok 20"]);
  });

  test("that was sent twice may be answered twice, and the second answer is not that of the next one", () => {
    const wire = wireOf();
    const same = { answer: rule("x", 100, 1) } as const;
    wire.command("x", same);
    wire.command("x", same);
    wire.written(0);
    expect(wire.written(100)).toEqual(["x"]);
    wire.answer("x ok", 120);
    expect(wire.written(120)).toEqual([]);
    expect(wire.answer("x ok", 130)).toBe("late");
    expect(wire.written(130)).toEqual(["x"]);
    wire.answer("x ok", 140);
    expect(wire.results).toEqual(["x ok 120", "x ok 10"]);
  });

  test("that was sent twice and answered once does not hold the wire for ever", () => {
    const wire = wireOf();
    wire.command("a");
    wire.command("b");
    wire.written(0);
    wire.written(100);
    wire.answer("a ok", 120);
    expect(wire.requests.deadline()).toBe(220);
    expect(wire.written(220)).toEqual(["b"]);
  });

  test("that failed after two tries may be answered twice, late", () => {
    const wire = wireOf();
    wire.command("a");
    wire.written(0);
    wire.written(100);
    wire.written(200);
    expect([wire.answer("a ok", 210), wire.answer("a ok", 220), wire.answer("a ok", 230)]).toEqual([
      "late",
      "late",
      undefined,
    ]);
  });

  test("whose answer waited while the wire was not read is not sent again", () => {
    const wire = wireOf();
    wire.command("a");
    wire.written(0);
    wire.requests.resumed(10_000);
    expect(wire.written(10_000)).toEqual([]);
    wire.answer("a ok", 10_001);
    expect(wire.results).toEqual(["a ok 10001"]);
  });

  test("that could not be written is offline, and not ok", () => {
    const wire = wireOf();
    wire.command("a", { answer: undefined });
    wire.command("b");
    expect(wire.written(0, false)).toEqual([]);
    expect(wire.results).toEqual(["a offline", "b offline"]);
  });

  test("expires while it waits, at the time of its expiry", () => {
    const wire = wireOf();
    wire.command("a", { answer: rule("a", 1_000, 0) });
    wire.command("b", { expiresAt: 300 });
    wire.written(0);
    expect(wire.requests.deadline()).toBe(300);
    expect(wire.written(300)).toEqual([]);
    expect(wire.results).toEqual(["b expired"]);
  });

  test("fails at once if too many wait", () => {
    const wire = wireOf([], 2);
    for (const name of ["a", "b", "c"]) wire.command(name);
    expect(wire.results).toEqual(["c full"]);
  });

  test("fails when the wire is closed, whether it was sent or not", () => {
    const wire = wireOf();
    wire.command("a");
    wire.command("b");
    wire.written(0);
    wire.requests.close();
    expect(wire.results).toEqual(["a offline", "b offline"]);
    expect(wire.written(1_000)).toEqual([]);
  });
});

describe("a poll", () => {
  test("is sent when the wire opens, and after each interval", () => {
    const wire = wireOf([{}]);
    expect(wire.written(0)).toEqual(["poll"]);
    wire.answer("poll ok", 5);
    expect(wire.requests.deadline()).toBe(1_000);
    expect(wire.written(999)).toEqual([]);
    expect(wire.written(1_000)).toEqual(["poll"]);
  });

  test("that was missed is not made up for", () => {
    const wire = wireOf([{}]);
    wire.written(0);
    wire.answer("poll ok", 5);
    expect(wire.written(10_400)).toEqual(["poll"]);
    wire.answer("poll ok", 10_405);
    expect(wire.requests.deadline()).toBe(11_400);
  });

  test("gives way to commands, but waits at most two intervals", () => {
    const wire = wireOf([{}]);
    wire.written(0);
    wire.answer("poll ok", 0);
    const sent: string[] = [];
    for (let now = 0; now < 5_000; now += 100) {
      wire.command("a", { answer: rule("a", 200, 0) });
      for (const name of wire.written(now)) {
        sent.push(`${now} ${name}`);
        wire.answer(`${name} ok`, now);
      }
      wire.command("a", { answer: rule("a", 200, 0) });
    }
    const polls = sent.filter((each) => each.endsWith("poll")).map((each) => Number.parseInt(each, 10));
    expect(polls.length).toBeGreaterThan(1);
    let before = 0;
    for (const at of polls) {
      expect(at - before).toBeLessThanOrEqual(2_000);
      before = at;
    }
  });

  test("that no device answers does not keep commands from being sent", () => {
    const wire = wireOf([{ every: 50 }, { name: "q", every: 50 }]);
    const sent: string[] = [];
    for (let now = 0; now < 5_000; now += 10) {
      if (now % 500 === 0) wire.command("a", { expiresAt: now + 1_000 });
      for (const name of wire.written(now)) {
        sent.push(name);
        if (name === "a") wire.answer("a ok", now);
      }
    }
    expect(sent.filter((name) => name === "a").length).toBeGreaterThan(7);
    expect(wire.results.filter((each) => each === "a expired")).toEqual([]);
  });

  test("takes turns with the other polls of the wire", () => {
    const wire = wireOf([{ name: "p" }, { name: "q" }]);
    expect(wire.written(0)).toEqual(["p"]);
    wire.answer("p ok", 10);
    expect(wire.written(10)).toEqual(["q"]);
  });
});

test("every command is settled once, and is written at most once more than its retries", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("add" as const), retries: fc.nat(2), isAnswered: fc.boolean(), expiry: fc.nat(3_000) }),
    fc.record({ do: fc.constant("wait" as const), time: fc.nat(150) }),
    fc.record({ do: fc.constant("answer" as const), which: fc.nat(5), isRefused: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, hasPoll) => {
      const wire = wireOf(hasPoll ? [{ every: 300 }] : [], 8);
      const written = new Map<string, number>();
      const most = new Map<string, number>();
      let now = 0;
      let count = 0;
      const note = (): void => {
        for (const name of wire.written(now)) written.set(name, (written.get(name) ?? 0) + 1);
      };
      for (const each of steps) {
        if (each.do === "add") {
          const name = `c${count++}`;
          most.set(name, each.isAnswered ? each.retries + 1 : 1);
          const answer = each.isAnswered ? rule(name, 100, each.retries) : undefined;
          wire.command(name, { answer, expiresAt: now + each.expiry });
        } else if (each.do === "wait") now += each.time;
        else wire.answer(`c${each.which} ${each.isRefused ? "no" : "ok"}`, now);
        note();
      }
      while (wire.requests.waiting > 0 || !hasPoll) {
        const deadline = wire.requests.deadline();
        if (deadline === Infinity) break;
        now = Math.max(now, deadline);
        note();
      }
      wire.requests.close();
      for (const [name, limit] of most) {
        expect(wire.results.filter((each) => each.split(" ")[0] === name)).toHaveLength(1);
        expect(written.get(name) ?? 0).toBeLessThanOrEqual(limit);
      }
    }),
  );
});
