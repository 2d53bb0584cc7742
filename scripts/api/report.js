// The public API: every name that an entry of a package exports, with its declaration; and types in public signatures
// that users cannot import.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { textOf, typesIn } from "./declarations.js";
import { exported, moduleAt, namespace } from "./modules.js";

/**
 * @typedef {import("./modules.js").Declared} Declared
 * @typedef {{ name: string, typeOnly: boolean, declared: Declared }} Export
 * @typedef {{ entry: string, package: string, exports: Export[] }} Entry
 */

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The entries of all packages, as built. @returns {Entry[]} */
export function publicEntries() {
  return ["mqtt", "broker", "store", "configuration"].flatMap((folder) => {
    const directory = join(root, "packages", folder);
    /** @type {{ name: string, exports: Record<string, string | { import: { types: string } }> }} */
    const { name, exports } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
    return Object.entries(exports).flatMap(([path, target]) =>
      typeof target === "string"
        ? []
        : [
            {
              entry: `${name}${path.slice(1)}`,
              package: name,
              exports: exportsOf(join(directory, target.import.types)),
            },
          ],
    );
  });
}

/** What an entry exports, sorted by name. @param {string} file its .d.ts @returns {Export[]} */
export function exportsOf(file) {
  return exportsOfModule(moduleAt(file), "").sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** @param {import("./modules.js").Module} module @param {string} prefix of a namespace, with its dot @returns {Export[]} */
function exportsOfModule(module, prefix) {
  return [...module.exports].flatMap(([name, { typeOnly }]) => {
    const all = namespace(module, name);
    if (all !== undefined) return exportsOfModule(all, `${prefix}${name}.`);
    const declared = exported(module, name);
    if ("package" in declared)
      throw new Error(`${module.file}: ${name} comes from ${declared.package}, which exports it`);
    return { name: prefix + name, typeOnly, declared };
  });
}

/**
 * Types in public signatures that users cannot import, each once: "@aiko/mqtt: Bounds, in ConnectOptions". A package's
 * main entry exports all types of its signatures. The types of another entry may be in any entry of its package.
 *
 * @param {Entry[]} all
 */
export function missingTypes(all) {
  return all.flatMap(({ entry, package: owner, exports }) => {
    const where =
      entry === owner ? exports : all.filter((each) => each.package === owner).flatMap((each) => each.exports);
    const known = new Set(where.map(({ declared }) => identity(declared)));
    /** @type {Map<string, string>} */
    const missing = new Map();
    for (const each of exports) {
      for (const [type, declared] of typesIn(each)) {
        if (!known.has(identity(declared)) && !missing.has(type)) missing.set(type, each.name);
      }
    }
    return [...missing].map(([type, name]) => `${entry}: ${type}, in ${name}`);
  });
}

/** As Markdown. @param {Entry[]} entries */
export function report(entries) {
  /** @type {Map<string, string>} */
  const shown = new Map();
  const parts = entries.map(({ entry, exports }) => {
    /** @type {Map<string, string[]>} */
    const elsewhere = new Map();
    const texts = [];
    for (const each of exports) {
      const text = printed(each);
      const shape = `${identity(each.declared)}\n${text}`; // a class differs from its type
      const first = shown.get(shape);
      if (first === undefined) texts.push(text);
      else elsewhere.set(first, [...(elsewhere.get(first) ?? []), `\`${each.name}\``]);
      if (first === undefined) shown.set(shape, entry);
    }
    const same = [...elsewhere].map(([first, names]) => `As in \`${first}\`: ${names.join(", ")}.`);
    // Not `ts`: a test runs such blocks of the documents as programs.
    const code = texts.length === 0 ? [] : [`\`\`\`typescript\n${texts.join("\n\n")}\n\`\`\``];
    return [`## ${entry}`, ...same, ...code].join("\n\n");
  });
  return `${[HEAD, ...parts].join("\n\n")}\n`;
}

const HEAD = `# Public API

Written by \`npm run api\` from the built declarations. A test fails if this file is not current: a change of it is a change of the API. Each
name is shown at the first entry that exports it. "type only": users get such objects, and do not construct them.`;

/** @param {Export} exported */
function printed(exported) {
  const text = textOf(exported);
  const renamed = exported.name === exported.declared.name ? [] : [`// as ${exported.name}`];
  const typeOnly = exported.typeOnly && /^(abstract )?class /.test(text) ? ["// type only"] : [];
  return [...renamed, ...typeOnly, text].join("\n");
}

/** @param {Declared} declared */
function identity({ module, name }) {
  return `${module.file}#${name}`;
}
