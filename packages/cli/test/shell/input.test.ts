// Standard input, line by line or as a whole, and what may be pending.
import fc from "fast-check";
import { expect, test } from "vitest";
import { allOf, linesOf } from "../../src/shell/input-lines.ts";
import { Window } from "../../src/shell/window.ts";

async function* chunks(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

async function lines(...parts: readonly Uint8Array[]): Promise<string[]> {
  const found: string[] = [];
  for await (const some of linesOf(chunks(...parts)))
    for (const line of some) found.push(Buffer.from(line).toString("latin1"));
  return found;
}

const bytes = (text: string) => Buffer.from(text, "latin1");

test("splits lines, whatever the chunks", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ unit: fc.constantFrom("a", "b", "\n", "\r", "\xff") })), async (parts) => {
      const whole = parts.join("");
      const expected = whole === "" ? [] : whole.replace(/\n$/, "").split("\n");
      expect(await lines(...parts.map(bytes))).toEqual(expected);
      expect((await allOf(chunks(...parts.map(bytes)))).length).toBe(whole.length);
    }),
  );
});

test("a blank line is a message, and so is a last line without a line feed", async () => {
  expect(await lines(bytes("a\n\nb"))).toEqual(["a", "", "b"]);
});

test("a window lets the first outcomes pass, and waits when too many are pending", async () => {
  const window = new Window();
  const settle: (() => void)[] = [];
  for (let i = 0; i <= 20_000; i++) window.add(new Promise<void>((resolve) => settle.push(resolve)), 1);
  let hasRoom = false;
  const room = window.room().then(() => {
    hasRoom = true;
  });
  for (const each of settle.splice(0, 10_000)) each();
  await new Promise(setImmediate);
  expect(hasRoom).toBe(false);
  settle.pop()?.();
  await room;
  for (const each of settle) each();
  await window.empty();
});

test("a window waits when the pending payloads are long", async () => {
  const window = new Window();
  const settle: (() => void)[] = [];
  const add = () => window.add(new Promise<void>((resolve) => settle.push(resolve)), 6_000_000);
  for (let i = 0; i < 2; i++) add();
  await window.room();
  add();
  let hasRoom = false;
  const room = window.room().then(() => {
    hasRoom = true;
  });
  settle.pop()?.();
  await new Promise(setImmediate);
  expect(hasRoom).toBe(false);
  settle.pop()?.();
  await room;
  settle.pop()?.();
  await window.empty();
});

test("a failure ends the wait", async () => {
  const window = new Window();
  window.add(new Promise(() => undefined), 1);
  window.add(Promise.reject(new Error("refused")), 1);
  await expect(window.empty()).rejects.toThrow("refused");
  await expect(window.room()).rejects.toThrow("refused");
});
