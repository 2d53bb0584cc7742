// The gateway's pipeline names nothing of a platform. Its types come from built packages, so this is a test and not a part of `npm run check`.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { root } from "./source.ts";

test("the gateway's pipeline type-checks with bare ECMAScript", async () => {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const project = join(root, "packages/gateway/tsconfig.pure.json");
  const checked = promisify(execFile)(process.execPath, [tsc, "-p", project], { cwd: root });
  await expect(checked).resolves.toMatchObject({ stdout: "" });
});
