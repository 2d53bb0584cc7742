// How a new password is read: typed on a terminal without being shown, or from a pipe.
import { PassThrough, Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { type PasswordSource, readNewPassword } from "../src/password-input.ts";

const piped = (...chunks: readonly string[]): PasswordSource => Readable.from(chunks.map((each) => Buffer.from(each)));
const nowhere = (): PassThrough => new PassThrough();

describe("from a pipe", () => {
  test.each([
    [["secret\n"], "secret"],
    [["secret"], "secret"],
    [["secret\r\n"], "secret"],
    [["sec", "ret\nmore\n"], "secret"],
    [[" with spaces "], " with spaces "],
    [["ünïcödé\n"], "ünïcödé"],
    [["a\0b\n"], "a\0b"],
    [["x".repeat(65_535), "\n"], "x".repeat(65_535)],
  ])("%j is read", async (chunks, password) => {
    expect(Buffer.from(await readNewPassword(piped(...chunks), nowhere())).toString()).toBe(password);
  });

  test.each([
    [[], "must not be empty"],
    [["\n"], "must not be empty"],
    [["\r\nx"], "must not be empty"],
    [["x".repeat(65_536)], "longer than 65535 bytes"],
  ])("%j is refused", async (chunks, problem) => {
    await expect(readNewPassword(piped(...chunks), nowhere())).rejects.toThrow(problem);
  });

  test("without an end, it is not read further than necessary", async () => {
    let chunks = 0;
    const endless = Readable.from(
      (function* () {
        for (;;) {
          chunks++;
          yield Buffer.alloc(65_536, "x");
        }
      })(),
    );
    await expect(readNewPassword(endless, nowhere())).rejects.toThrow("longer than");
    expect(chunks).toBeLessThan(100);
  });
});

describe("on a terminal", () => {
  /** Types each text when it is asked. */
  async function typing(...texts: readonly string[]) {
    const source = Object.assign(new PassThrough(), { isTTY: true });
    const screen = new PassThrough();
    let shown = "";
    let asked = 0;
    screen.on("data", (data) => {
      shown += data;
      if (!String(data).endsWith(": ")) return;
      const text = texts[asked++];
      setImmediate(() => (text === undefined ? source.end() : source.write(text)));
    });
    const password = await readNewPassword(source as PasswordSource, screen).then(
      (bytes) => Buffer.from(bytes).toString(),
      (error: unknown) => error,
    );
    return { password, shown };
  }

  test("it is asked for twice, and not shown", async () => {
    expect(await typing("secret\r", "secret\r")).toEqual({
      password: "secret",
      shown: "Password: \nRepeat the password: \n",
    });
  });

  test("typing errors can be corrected", async () => {
    expect(await typing("secrat\u007f\u007fet\r", "secret\r")).toMatchObject({ password: "secret" });
  });

  test("two that differ are refused, without being shown", async () => {
    const { password, shown } = await typing("secret\r", "other\r");
    expect(password).toMatchObject({ name: "CommandError", message: "the two passwords differ; nothing was changed" });
    expect(shown).not.toContain("secret");
  });

  test.each([["\u0003"], ["se\u0003"], ["secret\r", "\u0003"], ["\u0004"], ["secret\r", "\u0004"]])(
    "^C and ^D end the command: %j",
    async (...texts) => {
      expect((await typing(...texts)).password).toMatchObject({ exitCode: 130 });
    },
  );

  test("a terminal that is closed ends the command", async () => {
    expect((await typing()).password).toMatchObject({ exitCode: 130 });
  });
});
