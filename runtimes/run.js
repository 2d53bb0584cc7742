/**
 * `npm run test:runtimes`: the smoke suite on every runtime, with the packed packages, and the matrix of its results.
 * Exit code 1 if a cell failed or a runtime is missing. `-- --write` writes the matrix to docs/runtimes.md, `-- --only
 * TEXT` runs only the rows that contain the text.
 */

import { execFile } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs, promisify } from "node:util";
import { rolldown } from "rolldown";
import { asMarkdown, cellsOf } from "./matrix.js";
import { startServer } from "./server.js";
import { traceOf } from "./smoke.js";

/**
 * @typedef {import("./smoke.js").Step} Step
 * @typedef {Awaited<ReturnType<typeof prepare>> & Pick<Awaited<ReturnType<typeof certificates>>, "ca" | "caFile"> & {
 *   directory: string,
 *   server: import("./server.js").Server,
 * }} Context
 * @typedef {{ version?: string, byRow: Record<string, Step[]> }} Outcome
 * @typedef {{ names: string[], steps: () => Promise<Outcome> }} Runtime
 */

const run = promisify(execFile);
/** @param {string} path */
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const modules = here("node_modules");
/** Milliseconds for one program. */
const PATIENCE = 180_000;

const DENO = ["--quiet", "--node-modules-dir=manual"];

const { values: options } = parseArgs({
  options: { write: { type: "boolean", default: false }, only: { type: "string", default: "" } },
});

/** @param {string} directory */
async function main(directory) {
  await install();
  const { project, entries, entryCount, bareEntryCount } = await prepare(directory);
  const { ca, caFile, identity } = await certificates(directory);
  const server = await startServer(identity, directory);
  const context = { project, directory, entries, entryCount, bareEntryCount, server, ca, caFile };
  /** @type {import("./matrix.js").Row[]} */
  const rows = [];
  try {
    for (const { names, steps } of runtimes(context)) {
      if (!names.some((name) => name.includes(options.only))) continue;
      const start = Date.now();
      const { version, byRow } = await steps().catch((error) => allFailed(names, error));
      console.error(`${names.join(", ")}: ${((Date.now() - start) / 1000).toFixed(1)} s`);
      for (const row of names) rows.push({ row, version, cells: cellsOf(row, byRow[row] ?? []) });
    }
  } finally {
    await server.close();
  }
  const failures = rows.flatMap(({ row, cells }) =>
    cells.flatMap((cell) => (cell.outcome === "failed" ? [`${row}, ${cell.feature}: ${cell.why}`] : [])),
  );
  const matrix = asMarkdown(rows);
  console.log(`\n${matrix}\n`);
  if (options.write && options.only === "") await writeDocument(matrix);
  for (const failure of failures) console.error(`FAILED ${failure}\n`);
  return failures.length === 0 ? 0 : 1;
}

/** Each with its rows. @param {Context} context @returns {Runtime[]} */
function runtimes(context) {
  const { arch } = process;
  const nodes = ["20.0", "20", "22", "24", "26"].map((line) => {
    const binary = join(modules, `node-${line}-${arch}/bin/node`);
    return onServer({ ...context, hasWebSocket: Number(line) > 20 }, `Node ${line}`, binary, []);
  });
  const deno = join(modules, `@deno/linux-${arch}-glibc/deno`);
  return [
    ...nodes,
    onServer(context, "Bun", join(modules, "bun/bin/bun.exe"), ["run"]),
    onServer(context, "Deno", deno, ["run", "--allow-all", ...DENO], ["check", ...DENO]),
    {
      names: ["Chromium", "Web Worker"],
      async steps() {
        const { bundleForBrowser, runInChromium } = await import("./browser.js");
        const { directory, project } = context;
        await bundleForBrowser(project, directory);
        const version = (await output(chromium(), ["--version"])).replace(/\D*([\d.]+).*/s, "$1");
        return { version, byRow: await runInChromium({ ...context, executable: chromium() }) };
      },
    },
    {
      names: ["QuickJS"],
      async steps() {
        const { runInQuickJs } = await import("./quickjs.js");
        return { byRow: { QuickJS: await runInQuickJs(context) } };
      },
    },
  ];
}

/**
 * Node, Bun and Deno: the same program, in one process for each phase.
 *
 * @param {Context & { hasWebSocket?: boolean }} context
 * @param {string} row
 * @param {string} binary
 * @param {string[]} args
 * @param {string[]} [typeCheck] arguments that check the types of a user's program, if the runtime can
 * @returns {Runtime}
 */
function onServer(context, row, binary, args, typeCheck) {
  const { project, directory, server, ca, caFile, entries, entryCount, hasWebSocket = true } = context;
  const name = row.replaceAll(" ", "").toLowerCase();
  return {
    names: [row],
    async steps() {
      if (!existsSync(binary)) throw new Error(`${row} is not installed: ${binary}`);
      const version = (await output(binary, ["--version"])).replace(/\D*([\d.]+).*/s, "$1");
      const sessions = join(directory, `sessions-${name}`);
      const { urls, controlUrl } = server;
      /** @type {Step[]} */
      const steps = [];
      if (typeCheck !== undefined) steps.push(await checkTypes(binary, typeCheck, project));
      for (const phase of /** @type {const} */ ([
        "entries",
        "require",
        "transports",
        "small",
        "beforeDeath",
        "afterDeath",
      ])) {
        const file = join(directory, `${name}-${phase}.json`);
        const given = { phase, name, urls, ca, controlUrl, directory: sessions, entryCount, entries, hasWebSocket };
        await writeFile(file, JSON.stringify(given));
        const feature = FEATURE_OF[phase];
        const program = phase === "require" ? "on-require.cjs" : "on-server.js";
        // A runtime's own WebSocket uses the runtime's trusted authorities.
        const trusted = phase === "small" ? { NODE_EXTRA_CA_CERTS: caFile, DENO_CERT: caFile } : {};
        const surroundings = { cwd: project, timeout: PATIENCE, env: { ...process.env, ...trusted } };
        try {
          const { stdout } = await run(binary, [...args, program, file], surroundings);
          steps.push(...JSON.parse(/^RESULT (.*)$/m.exec(stdout)?.[1] ?? "[]"));
        } catch (error) {
          steps.push({ feature, error: `${phase}: ${outputOf(error)}` });
        }
      }
      return { version, byRow: { [row]: steps } };
    },
  };
}

/** The cell that reports a phase that does not finish. */
const FEATURE_OF = {
  entries: "entries",
  require: "require",
  transports: "tcp",
  small: "small",
  beforeDeath: "durable session",
  afterDeath: "durable session",
};

/** The output of a failed program. @param {unknown} error */
function outputOf(error) {
  const { stdout, stderr } = /** @type {{ stdout?: string, stderr?: string }} */ (error);
  return stderr || stdout || String(error);
}

/** @param {string} binary @param {string[]} args @param {string} project */
async function checkTypes(binary, args, project) {
  try {
    await run(binary, [...args, "consumer.ts", "small-consumer.ts"], { cwd: project, timeout: PATIENCE });
    return { feature: "entries" };
  } catch (error) {
    return { feature: "entries", error: `types: ${outputOf(error)}` };
  }
}

/** @param {string[]} names @param {unknown} error @returns {Outcome} */
function allFailed(names, error) {
  return { byRow: Object.fromEntries(names.map((name) => [name, [{ feature: "entries", error: traceOf(error) }]])) };
}

/** @param {string} command @param {string[]} args */
async function output(command, args) {
  const { stdout } = await run(command, args);
  return stdout;
}

const chromium = () => ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync) ?? "chromium";

/** The runtimes from npm, with the versions of package.json, and Debian's Chromium. */
async function install() {
  const installed = join(modules, ".package-lock.json"); // npm's own file, written last
  const isCurrent = existsSync(installed) && statSync(installed).mtimeMs >= statSync(here("package-lock.json")).mtimeMs;
  if (!isCurrent) await run("npm", ["ci"], { cwd: here("."), maxBuffer: Infinity });
  if (existsSync(chromium())) return;
  const elevate = process.getuid?.() === 0 ? [] : ["sudo"];
  for (const args of [
    ["update", "-q"],
    ["install", "-y", "-q", "--no-install-recommends", "chromium"],
  ]) {
    const [command = "", ...rest] = [...elevate, "apt-get", ...args];
    await run(command, rest, { env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" }, maxBuffer: Infinity });
  }
}

/** A user's project with the packed packages and the suite. @param {string} directory */
async function prepare(directory) {
  const project = join(directory, "project");
  await mkdir(project);
  await writeFile(join(project, "package.json"), JSON.stringify({ name: "project", private: true, type: "module" }));
  const tarballs = [];
  for (const folder of ["mqtt", "store"]) {
    const destination = join(directory, folder);
    await mkdir(destination);
    const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", destination];
    const { stdout } = await run("npm", args, { cwd: here(`../packages/${folder}`) });
    /** @type {{ filename: string }[]} */
    const packed = Object.values(JSON.parse(stdout));
    tarballs.push(...packed.map(({ filename }) => join(destination, filename)));
  }
  const { devDependencies } = JSON.parse(await readFile(here("../package.json"), "utf8"));
  const args = ["install", "--prefer-offline", "--ignore-scripts", ...tarballs, `ws@${devDependencies.ws}`];
  await run("npm", args, { cwd: project });
  const { exports } = JSON.parse(await readFile(join(project, "node_modules/@aiko/mqtt/package.json"), "utf8"));
  const entries = Object.keys(exports)
    .filter((key) => key !== "./package.json")
    .map((key) => `@aiko/mqtt${key.slice(1)}`);
  const bareEntries = entries.filter((entry) => entry !== "@aiko/mqtt/small"); // a small engine cannot load it
  await writeFile(join(project, "entries.js"), listOf(entries));
  await writeFile(join(project, "bare-entries.js"), listOf(bareEntries));
  for (const file of ["smoke.js", "on-server.js", "on-require.cjs", "in-browser.js", "in-quickjs.js"]) {
    await cp(here(file), join(project, file));
  }
  for (const file of ["consumer.ts", "small-consumer.ts"]) {
    await cp(here(`../test/house/fixtures/${file}`), join(project, file));
  }
  return { project, entries, entryCount: entries.length, bareEntryCount: bareEntries.length };
}

/** A module that imports these entries, and re-exports those that have exports. @param {string[]} entries */
function listOf(entries) {
  const lines = entries.map((entry, i) => `import * as entry${i} from "${entry}";`);
  const list = entries.map((_, i) => `entry${i}`).join(", ");
  const check = "export const entries = all.filter((entry) => Object.keys(entry).length > 0);";
  return [...lines, `const all = [${list}];`, check, ""].join("\n");
}

/** Created for localhost by the tests' own authority. @param {string} directory */
async function certificates(directory) {
  const file = join(directory, "certificates.mjs");
  const bundle = await rolldown({ input: here("../test/fixtures/certificates.ts"), platform: "node" });
  await bundle.write({ file, format: "esm", codeSplitting: false });
  /** @type {typeof import("../test/fixtures/certificates.ts")} */
  const { Authority } = await import(pathToFileURL(file).href);
  const authority = await Authority.named("runtimes");
  const caFile = join(directory, "authority.pem");
  await writeFile(caFile, authority.certificate);
  return { ca: authority.certificate, caFile, identity: await authority.issue(["localhost", "127.0.0.1"]) };
}

/** @param {string} matrix */
async function writeDocument(matrix) {
  const text = `# Runtimes

\`npm run test:runtimes -- --write\` writes this page. On each runtime, it runs the [smoke suite](../runtimes/smoke.js) with the packed packages and
the embedded broker. Over each transport of the runtime, the client connects, exchanges messages at every QoS, reconnects after its
connection was cut, and transfers a megabyte.

- *Durable session*: a process (in browsers: a page) dies with unacknowledged messages. The next one finds them in the store and sends each once.
- *Require*: \`require\` returns the same objects as \`import\`; a process has one copy.
- *Woken*: a client that waits for its next attempt tries at once when the browser reports that the network is back or that the page is shown. A
  hidden page keeps its connection. The browser switches the network off and on. Headless Chromium cannot hide a page, so the page reports that
  it is hidden, and its timers are throttled as in a hidden page.
- *Small*: the client of \`@aiko/mqtt/small\` does the same with MQTT 5 and 3.1.1. It uses \`ws:\` and \`wss:\` with the runtime's own WebSocket.
  Node 20 has none, so it uses the package \`ws\` there. Outside browsers, it also uses TCP with the platform of \`@aiko/mqtt\`.

${matrix}
`;
  await writeFile(here("../docs/runtimes.md"), text);
}

const directory = await mkdtemp(join(tmpdir(), "aiko-mqtt-runtimes-"));
try {
  process.exitCode = await main(directory);
} finally {
  await rm(directory, { recursive: true, force: true });
}
