// Makes the built commands executable: tsc does not, and npm does only when it makes the links, which is before the build.
import { chmod, readFile } from "node:fs/promises";

const cli = new URL("../packages/cli/", import.meta.url);
const { bin } = JSON.parse(await readFile(new URL("package.json", cli), "utf8"));
for (const path of Object.values(bin)) await chmod(new URL(path, cli), 0o755);
