// @ts-check
// Explores every interleaving of a client, the network and the broker. The options are in test/explore/main.ts.
//
//   node scripts/explore.js [--version 5] [--client whole|small] [--only TEXT] [--depth N] [--seconds N] [--states N]
//     [--stories N]
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openPrivate } from "../test/explore/open-private.js";
import { bundle } from "../test/fixtures/bundle.js";

const directory = await mkdtemp(join(tmpdir(), "aiko-mqtt-explore-"));
try {
  const { run } = await import(
    await bundle(new URL("../test/explore/main.ts", import.meta.url), directory, [openPrivate])
  );
  process.exitCode = await run(process.argv.slice(2));
} finally {
  await rm(directory, { recursive: true, force: true });
}
