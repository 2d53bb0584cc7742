// Makes the built commands executable, and links them into node_modules/.bin, so that `npx mqtt_publish` works in a
// clone. npm does both when it installs, but only for files that exist: in a fresh clone it installs before the build.
import { chmod, mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const root = new URL("../", import.meta.url);
const cli = new URL("packages/cli/", root);
const links = new URL("node_modules/.bin/", root);
const { name, bin } = JSON.parse(await readFile(new URL("package.json", cli), "utf8"));

await mkdir(links, { recursive: true });
for (const [command, path] of Object.entries(bin)) {
  await chmod(new URL(path, cli), 0o755);
  const target = `../${name}/${path}`; // as npm links it, through node_modules
  if (process.platform === "win32") {
    await replace(`${command}.cmd`, (file) => writeFile(file, `@node "%~dp0\\${target.replaceAll("/", "\\")}" %*\r\n`));
  } else {
    await replace(command, (file) => symlink(target, file));
  }
}

/**
 * Replaces a file atomically, so that a concurrent build does no harm.
 *
 * @param {string} file
 * @param {(file: string) => Promise<void>} make
 */
async function replace(file, make) {
  const made = fileURLToPath(new URL(`.${file}-${process.pid}`, links));
  await rm(made, { force: true });
  await make(made);
  await rename(made, fileURLToPath(new URL(file, links)));
}
