// @ts-check
// Every interleaving of a client, the network and the broker. test/explore/main.ts says what can be asked for.
//   node scripts/explore.js [--version 5] [--client whole|small] [--only TEXT] [--depth N] [--seconds N] [--states N] [--stories N]
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle } from "../test/fixtures/bundle.js";

/**
 * Members with a # cannot be read from outside: here they are given names that can, so that states are known by what a client holds.
 *
 * @type {import("rolldown").Plugin}
 */
const openPrivate = {
  name: "open-private",
  transform(code, id) {
    if (!/packages\/mqtt\/src\/.*\.ts$/.test(id) || !code.includes("this.#")) return null;
    return code.replaceAll(/(^|[\s.(!])#([a-z]\w*)/gm, "$1private_$2");
  },
};

const directory = await mkdtemp(join(tmpdir(), "aiko-mqtt-explore-"));
try {
  const { run } = await import(
    await bundle(new URL("../test/explore/main.ts", import.meta.url), directory, [openPrivate])
  );
  process.exitCode = await run(process.argv.slice(2));
} finally {
  await rm(directory, { recursive: true, force: true });
}
