// A directory that others can write to: the store does not follow, open or wait for what they put there.
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DiskStore } from "@aiko/mqtt-store";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { recordsOf } from "../../../test/fixtures/stores.ts";
import { Journal } from "../src/journal.ts";
import { nodeFileSystem } from "../src/node-file-system.ts";

let place: string;
let directory: string;
let precious: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "aiko-mqtt-store-"));
  directory = join(place, "d");
  mkdirSync(directory);
  precious = join(place, "precious");
  writeFileSync(precious, "do not touch");
});
afterEach(() => rmSync(place, { recursive: true }));

const session = "s-28a3d6d537e5d5090d33c042ad97db20.journal";
const bounds = { maximumBytes: 1e6, toleratedWaste: 1e6 };

describe.skipIf(process.platform === "win32")("something planted in the directory", () => {
  test("a link in place of the session's file is rejected, and its target does not change", async () => {
    symlinkSync(precious, join(directory, session));
    await expect(new DiskStore(directory).open("s")).rejects.toMatchObject({
      code: "STORE_FAILED",
      message: expect.stringMatching(/symbolic link.*remove it/),
    });
    expect(readFileSync(precious, "utf8")).toBe("do not touch");
    rmSync(join(directory, session));
    expect(await recordsOf(new DiskStore(directory), "s")).toEqual([]);
  });

  test("a link without a target does not create a file", async () => {
    symlinkSync(join(place, "new"), join(directory, session));
    await expect(new DiskStore(directory).open("s")).rejects.toMatchObject({ code: "STORE_FAILED" });
    expect(readdirSync(place).sort()).toEqual(["d", "precious"]);
  });

  test("a link in place of the rewritten file is removed, not followed", async () => {
    symlinkSync(precious, join(directory, `${session}.new`));
    const store = new DiskStore(directory);
    const opened = await store.open("s");
    symlinkSync(precious, join(directory, `${session}.new`));
    await opened.session.write([{ key: 1, value: new Uint8Array(9) }]);
    await opened.session.close();
    expect(await recordsOf(store, "s")).toHaveLength(1);
    expect(readFileSync(precious, "utf8")).toBe("do not touch");
  });

  test.each(["file", "link"])("a %s that is planted after the old one was removed is an error", async (what) => {
    const racing = {
      ...nodeFileSystem,
      async remove(path: string): Promise<void> {
        await nodeFileSystem.remove(path);
        if (what === "file") writeFileSync(path, "planted");
        else symlinkSync(precious, path);
      },
    };
    const opened = Journal.open(racing, directory, join(directory, session), "s", bounds);
    await expect(opened).rejects.toMatchObject({ code: "EEXIST" });
    expect(readFileSync(precious, "utf8")).toBe("do not touch");
  });

  test("a directory in place of the session's file is an error", async () => {
    mkdirSync(join(directory, session));
    await expect(new DiskStore(directory).open("s")).rejects.toMatchObject({ code: "STORE_FAILED" });
  });

  test.runIf(process.geteuid?.() === 0)(
    "a file of another user is rejected, a file of the directory's owner is not",
    async () => {
      const path = join(directory, session);
      writeFileSync(path, "planted");
      chownSync(path, 12345, 12345);
      await expect(new DiskStore(directory).open("s")).rejects.toMatchObject({
        code: "STORE_FAILED",
        message: expect.stringMatching(/belongs to another user \(12345\)/),
      });
      expect(readFileSync(path, "utf8")).toBe("planted");
      chownSync(directory, 12345, 12345);
      const store = new DiskStore(directory, { onDamage: () => {} });
      expect(await recordsOf(store, "s")).toEqual([]);
    },
  );

  test.each(["abc", "Infinity", "1e999", "-1", "NaN", "", "9007199254740993", "4294967297", "1.5"])(
    "a lock with the number %j neither blocks opening nor allows two owners",
    async (number) => {
      writeFileSync(join(directory, `28a3d6d537e5d509.lock-${number}`), "");
      const opened = await new DiskStore(directory).open("s");
      await expect(new DiskStore(directory).open("s")).rejects.toMatchObject({ code: "STORE_LOCKED" });
      await opened.session.close();
    },
  );

  test("a lock with the highest number is an error that names it", async () => {
    const planted = `28a3d6d537e5d509.lock-${2 ** 32}`;
    writeFileSync(join(directory, planted), "");
    await expect(new DiskStore(directory).open("s")).rejects.toMatchObject({
      code: "STORE_FAILED",
      message: expect.stringContaining(planted),
    });
  });

  test.each([
    [0o777, 1],
    [0o775, 1],
    [0o1777, 1],
    [0o755, 0],
    [0o700, 0],
  ])("a directory with mode %o causes %d warnings", async (mode, times) => {
    chmodSync(directory, mode);
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    for (let i = 0; i < 3; i++) await recordsOf(new DiskStore(directory), "s");
    expect(warned).toHaveBeenCalledTimes(times);
    if (times > 0) {
      expect(warned).toHaveBeenCalledWith(
        expect.stringContaining(`${directory} (mode ${mode.toString(8)})`),
        expect.objectContaining({ code: "STORE_EXPOSED" }),
      );
    }
    warned.mockRestore();
  });
});

test.each(["sync", "rename", "syncDirectory"])("a new file is closed if %s fails", async (what) => {
  let open = 0;
  const fail = (): Promise<never> => Promise.reject(new Error("injected"));
  const failing = {
    ...nodeFileSystem,
    ...(what === "rename" && { rename: fail }),
    ...(what === "syncDirectory" && { syncDirectory: fail }),
    async open(path: string, as: "existing" | "new") {
      const file = await nodeFileSystem.open(path, as);
      if (file === undefined) return undefined;
      open++;
      const close = file.close.bind(file);
      return Object.assign(file, {
        close: () => {
          open--;
          return close();
        },
        ...(what === "sync" && { sync: fail }),
      });
    },
  };
  await expect(new DiskStore(directory, { fileSystem: failing }).open("s")).rejects.toMatchObject({
    code: "STORE_FAILED",
  });
  expect(open).toBe(0);
});
