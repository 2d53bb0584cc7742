// What users install: the packed tarballs, in an empty project of their own, without a network and with an empty npm
// cache.
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "./source.ts";

type Tarball = { path: string; files: string[] };
type Outcome = { code: number; output: string };
type Manifest = { name: string; exports: Record<string, unknown>; bin?: Record<string, string> };

/** Milliseconds after which a child is considered to hang. */
const PATIENCE = 300_000;
const run = promisify(execFile);
const attw = join(root, "node_modules/@arethetypeswrong/cli/dist/index.js");
const tsc = join(root, "node_modules/typescript/bin/tsc");
const fixtures = join(root, "test/house/fixtures");

const packages = await Promise.all(
  ["mqtt", "store", "configuration", "broker", "gateway", "cli"].map(async (folder) => {
    const manifest = JSON.parse(await readFile(join(root, "packages", folder, "package.json"), "utf8")) as Manifest;
    const entries = Object.keys(manifest.exports).filter((key) => !key.endsWith(".json"));
    return { ...manifest, folder, entries: entries.map((key) => `${manifest.name}${key.slice(1)}`) };
  }),
);
const withCode = packages.filter(({ entries }) => entries.length > 0);

let workshop: string;
let project: string;
const tarballs = new Map<string, Tarball>();

beforeAll(async () => {
  workshop = await mkdtemp(join(tmpdir(), "aiko-mqtt-packaging-"));
  project = join(workshop, "project");
  await mkdir(project);
  await writeFile(join(project, "package.json"), JSON.stringify({ name: "project", private: true, type: "module" }));
  for (const { name, folder } of packages) tarballs.set(name, await pack(folder, join(root, "packages", folder)));
  // npm would request only these packages.
  const foreign = [];
  for (const name of ["ws", "smol-toml", "strftime"]) foreign.push(await pack(name, join(root, "node_modules", name)));
  const paths = [...foreign, ...tarballs.values()].map(({ path }) => path);
  await run("npm", ["install", "--offline", "--ignore-scripts", ...paths], { cwd: project, env: await untouched() });
});

afterAll(async () => {
  await rm(workshop, { recursive: true, force: true });
});

test.each(packages)(
  "the tarball of $name contains the build, a README and the licence, and nothing else",
  ({ name }) => {
    const files = tarball(name).files;
    expect(files).toEqual(expect.arrayContaining(["LICENSE", "README.md", "package.json"]));
    const others = files.filter((path) => !/^(LICENSE|README\.md|package\.json)$/.test(path));
    const allowed =
      /^(dist\/(.+\.(js|cjs|mjs|d\.ts|schema\.json)|man\/[\w-]+\.1|cjs\/package\.json)|systemd\/.+\.service|openwrt\/(Makefile|files\/[\w.-]+))$/;
    expect(others.filter((path) => !allowed.test(path))).toEqual([]);
    expect(others.length).toBeGreaterThan(0);
  },
);

test.each(withCode.flatMap(({ entries }) => entries))("%s imports in a plain Node process", async (entry) => {
  const script = `console.log(Object.keys(await import(${JSON.stringify(entry)})).length)`;
  const { code, output } = await spawn(process.execPath, ["--input-type=module", "--eval", script]);
  expect(output).toMatch(/^[1-9]\d*\s*$/);
  expect(code).toBe(0);
});

test.each(withCode.flatMap(({ entries }) => entries))(
  "require of %s returns the same as import, once",
  async (entry) => {
    const script = `const required = require(${JSON.stringify(entry)});
    import(${JSON.stringify(entry)}).then((imported) => {
      const names = Object.keys(imported).filter((name) => name !== "default" && name !== "module.exports");
      console.log(names.length === Object.keys(required).length && names.every((name) => imported[name] === required[name]));
    });`;
    expect(await spawn(process.execPath, ["--input-type=commonjs", "--eval", script])).toEqual({
      code: 0,
      output: "true\n",
    });
  },
);

test("the classes of all entries and packages are identical, however each is loaded", async () => {
  const script = `const { MqttError } = require("@aiko/mqtt");
    const { Broker } = require("@aiko/mqtt-broker");
    (async () => {
      const classes = [require("@aiko/mqtt/small"), await import("@aiko/mqtt"), await import("@aiko/mqtt/small")];
      const error = await Broker.listen({ port: -1 }).catch((error) => error);
      console.log(classes.every((each) => each.MqttError === MqttError), error instanceof MqttError);
    })();`;
  const { output } = await spawn(process.execPath, ["--input-type=commonjs", "--eval", script]);
  expect(output).toBe("true true\n");
});

describe("a program of client and broker, bundled into one file by esbuild", () => {
  const program = `import { connect } from "@aiko/mqtt";
    import { Broker } from "@aiko/mqtt-broker";
    async function main() {
      const broker = await Broker.listen({ listeners: [{ url: process.argv[2] }] });
      const client = await connect(broker.url);
      await client.publish("a", "b", { qos: 1 });
      await client.disconnect();
      await broker.close();
      return "published";
    }
    main().then(console.log, ({ code }) => console.log(code));`;

  test.each([
    ["esm", "mqtt://127.0.0.1:0", [], "published"],
    ["cjs", "mqtt://127.0.0.1:0", [], "published"],
    ["cjs", "ws://127.0.0.1:0", [], "published"],
    ["esm", "ws://127.0.0.1:0", ["ws"], "published"],
    // The package ws loads Node's modules with require, which esbuild does not generate in ES modules.
    ["esm", "ws://127.0.0.1:0", [], "TRANSPORT_UNAVAILABLE"],
  ] as const)("as %s, listening at %s, without %j: %s", async (format, url, external, outcome) => {
    const folder = await mkdtemp(join(project, "bundle-"));
    const outfile = join(folder, format === "esm" ? "program.mjs" : "program.cjs");
    const stdin = { contents: program, resolveDir: project };
    await build({
      stdin,
      bundle: true,
      platform: "node",
      format,
      outfile,
      external: [...external],
      logLevel: "silent",
    });
    expect(await spawn(process.execPath, [outfile, url])).toEqual({ code: 0, output: `${outcome}\n` });
    const code = await readFile(outfile, "utf8");
    expect(code.match(/MqttError = class/g)).toHaveLength(1);
  });
});

test.each(packages)("$name hides everything that is not an entry", async ({ name }) => {
  const script = `await import("${name}/dist/index.js").then(() => "open", ({ code }) => code).then(console.log)`;
  const { output } = await spawn(process.execPath, ["--input-type=module", "--eval", script]);
  expect(output.trim()).toBe("ERR_PACKAGE_PATH_NOT_EXPORTED");
});

test.each(packages.flatMap(({ bin }) => Object.keys(bin ?? {})))("the command %s starts", async (command) => {
  const { code, output } = await spawn(join(project, "node_modules/.bin", command), ["--help"]);
  expect(output).toMatch(/usage/i);
  expect(code).toBe(0);
});

describe.each([
  ["node16", { module: "node16", moduleResolution: "node16" }],
  ["bundler", { module: "esnext", moduleResolution: "bundler" }],
])("with moduleResolution %s", (resolution, options) => {
  test.each([
    ["@aiko/mqtt", "consumer.ts"],
    ["@aiko/mqtt/small", "small-consumer.ts"],
  ])("%s type-checks without the types of any platform", async (entry, fixture) => {
    const folder = `${entry.replaceAll("/", "-")}-${resolution}`;
    expect(await typeCheck(folder, fixture, { ...options, types: [] })).toEqual(clean);
  });

  test.each(["broker", "store"])("@aiko/mqtt-%s type-checks with Node's types", async (name) => {
    const typeRoots = [join(root, "node_modules/@types")];
    const found = await typeCheck(`${name}-${resolution}`, `${name}-consumer.ts`, {
      ...options,
      typeRoots,
      types: ["node"],
    });
    expect(found).toEqual(clean);
  });
});

test("@aiko/mqtt type-checks in a CommonJS module", async () => {
  const options = { module: "node16", moduleResolution: "node16", types: [] };
  expect(await typeCheck("commonjs", "consumer.ts", options, "consumer.cts")).toEqual(clean);
});

test.each(packages)("publint reports nothing for $name", async ({ name }) => {
  const bytes = await readFile(tarball(name).path);
  const pack = { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) };
  const { messages, pkg } = await publint({ pack, strict: true });
  expect(messages.map((each) => formatMessage(each, pkg, { color: false }))).toEqual([]);
});

test.each(withCode)("every supported module system finds the types of $name", async ({ name }) => {
  const options = ["--profile", "node16", "--format", "ascii", "--no-color", "--no-emoji"];
  expect(await spawn(process.execPath, [attw, tarball(name).path, ...options])).toMatchObject({ code: 0 });
});

const clean: Outcome = { code: 0, output: "" };

// A folder for each: @aiko/mqtt and aiko-mqtt would both be packed into a file with the name aiko-mqtt-0.1.0.tgz.
async function pack(name: string, folder: string): Promise<Tarball> {
  const destination = join(workshop, name);
  await mkdir(destination);
  // --force: smol-toml's developers use a later Node, which npm would require to pack it, but not to install it.
  const options = ["--json", "--force", "--ignore-scripts", "--pack-destination", destination];
  const { stdout } = await run("npm", ["pack", ...options], { cwd: folder, env: await untouched() });
  const [packed] = Object.values(JSON.parse(stdout) as Record<string, { filename: string; files: { path: string }[] }>);
  if (packed === undefined) throw new Error(`npm packed nothing in ${folder}`);
  return { path: join(destination, packed.filename), files: packed.files.map(({ path }) => path) };
}

/** The environment on a machine where npm has never run. */
async function untouched(): Promise<NodeJS.ProcessEnv> {
  const home = join(workshop, "home");
  await mkdir(home, { recursive: true });
  return { ...process.env, HOME: home, USERPROFILE: home, npm_config_cache: join(home, "cache") };
}

function tarball(name: string): Tarball {
  const found = tarballs.get(name);
  if (found === undefined) throw new Error(`npm packed no ${name}`);
  return found;
}

async function typeCheck(folder: string, fixture: string, options: object, as = fixture): Promise<Outcome> {
  const at = join(project, folder);
  await mkdir(at);
  await copyFile(join(fixtures, fixture), join(at, as));
  const compilerOptions = {
    target: "es2022",
    lib: ["es2022"], // the types declare their own dependencies
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    ...options,
  };
  await writeFile(join(at, "tsconfig.json"), JSON.stringify({ compilerOptions, files: [as] }));
  return spawn(process.execPath, [tsc, "--project", at, "--pretty", "false"]);
}

async function spawn(command: string, args: string[]): Promise<Outcome> {
  try {
    const { stdout, stderr } = await run(command, args, { cwd: project, timeout: PATIENCE });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: number; stdout: string; stderr: string };
    return { code: code ?? -1, output: stdout + stderr };
  }
}
