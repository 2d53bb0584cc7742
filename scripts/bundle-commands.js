// Bundles the built commands into dist/bin/*.cjs. Loading sixty modules takes Node longer than everything that a
// command does. A single CommonJS file, which Node loads without its module loader, starts in a third more time than an
// empty program.
import { chmod, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const cli = new URL("../packages/cli/", import.meta.url);
const { bin, version } = JSON.parse(await readFile(new URL("package.json", cli), "utf8"));

/** @param {string} name */
const built = (name) => fileURLToPath(new URL(`dist/${name}`, cli));

const folder = built("bin");
for (const name of await readdir(folder)) if (name.endsWith(".cjs")) await rm(`${folder}/${name}`);

// Each is bundled separately, so that a command is one file; only parts that it rarely needs are other files.
for (const path of Object.values(bin)) {
  const name = path.replace(/^.*\/|\.cjs$/g, "");
  const bundle = await rolldown({
    input: built(`bin/${name}.js`),
    platform: "node",
    external: ["ws", "smol-toml", "strftime"],
    plugins: [
      {
        name: "version",
        load: (id) =>
          id === built("version.js") ? `export const version = () => ${JSON.stringify(version)};` : undefined,
      },
    ],
  });
  const { output } = await bundle.generate({
    format: "cjs",
    minify: true,
    dynamicImportInCjs: false, // Node 20 has no import() in code that was compiled before
    entryFileNames: "[name].cjs",
    chunkFileNames: `${name}-[hash].cjs`,
    // Scripts call these again and again. In two files instead of a dozen they start 14 ms sooner (processor time), and
    // need 4 MB less. The other commands load the first file, too.
    codeSplitting: {
      groups: [
        { name: "main", test: /\/cli\/dist\/(programs\/|shell\/pub\.js$)/, priority: 2 },
        { name: "sub", test: /\/cli\/dist\/shell\/(sub|rr)\.js$/, priority: 1 },
      ],
    },
  });
  const files = output.map((file) => {
    if (file.type !== "chunk") throw new Error(`${file.fileName}: is no code`);
    return file;
  });
  // A file with a few lines that most of the others load would cost 0.7 ms at each start.
  const shared = files.find((file) => file.name === "rolldown-runtime");
  const included = `(()=>{const exports={};${shared?.code.trim()};return exports})()`;
  for (const { fileName, code } of files.filter((file) => file !== shared))
    await writeFile(
      `${folder}/${fileName}`,
      inAscii(withPlainExports(code.replace(`require("./${shared?.fileName}")`, () => included))),
    );
  await chmod(`${folder}/${name}.cjs`, 0o755);
}

/**
 * Escapes what is not ASCII, which stands in texts and regular expressions only. V8 reads ASCII sooner, in half of the
 * memory.
 *
 * @param {string} code
 */
function inAscii(code) {
  return code.replaceAll(/(\\*)([^\0-\x7f])/g, (_, { length }, character) => {
    if (length % 2 === 1) throw new Error(`"\\${character}": write the character without a backslash`);
    return `${"\\".repeat(length)}\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/**
 * Exports all values of a file as one object. Defining a hundred properties one by one costs 1 ms at each start. Our
 * modules export nothing that changes later, and no file is loaded while it loads another one.
 *
 * @param {string} code
 */
function withPlainExports(code) {
  const definition =
    /Object\.defineProperty\(exports,("[\w$]+"),\{enumerable:!0,get:function\(\)\{return ([\w$]+)\}\}\)[,;]/g;
  const all = new RegExp(`(?:${definition.source})+\\s*$`);
  return code.replace(all, (definitions) => {
    const properties = [...definitions.matchAll(definition)].map(([, name, value]) => `${name}:${value}`);
    return `module.exports={__proto__:null,${properties.join(",")}};\n`;
  });
}
