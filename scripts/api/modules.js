// The built .d.ts files as modules: their declarations, imports and exports, and the origin of a name. Knows nothing of
// the report.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseSync } from "oxc-parser";

/**
 * @typedef {{ type: string, start: number, end: number } & Record<string, unknown>} Node
 * @typedef {{ module: Module, name: string }} Declared the module that declares a name, and the name there
 * @typedef {{ package: string, name: string }} Foreign an export of another package
 * @typedef {{ file: string, text: string, comments: { start: number, end: number, value: string }[],
 *   declarations: Map<string, Node[]>, imports: Map<string, Reference>, exports: Map<string, Reference & { typeOnly: boolean }> }} Module
 *   a declaration of several nodes is overloaded
 * @typedef {{ from?: string, name: string }} Reference a name in this module, or in the module `from`
 */

const NAMESPACE = "ImportNamespaceSpecifier";
/** Instead of a name: everything that a module exports. */
const ALL = "*";

/** @type {Map<string, Module>} */
const parsed = new Map();

/** @param {string} file @returns {Module} */
export function moduleAt(file) {
  const known = parsed.get(file);
  if (known !== undefined) return known;
  const text = readFileSync(file, "utf8");
  const { program, comments, errors } = parseSync(file, text);
  if (errors[0] !== undefined) throw new Error(`${file} does not parse: ${errors[0].message}`);
  /** @type {Module} */
  const module = { file, text, comments, declarations: new Map(), imports: new Map(), exports: new Map() };
  parsed.set(file, module);
  for (const statement of /** @type {Node[]} */ (/** @type {unknown} */ (program.body))) read(module, statement);
  return module;
}

/** What a module exports under this name, wherever it is declared. @param {Module} module @param {string} name */
export function exported(module, name) {
  const reference = module.exports.get(name);
  if (reference === undefined) throw new Error(`${module.file} does not export ${name}`);
  return follow(module, reference);
}

/**
 * The module whose exports have this name as a namespace; undefined if the name is something else.
 *
 * @param {Module} module
 * @param {string} name
 */
export function namespace(module, name) {
  const reference = module.imports.get(module.exports.get(name)?.name ?? "");
  return reference?.from !== undefined && reference.name === ALL
    ? moduleAt(fileOf(module.file, reference.from) ?? reference.from)
    : undefined;
}

/** What a name in a module refers to; undefined if it is a global. @param {Module} module @param {string} name */
export function resolved(module, name) {
  const imported = module.imports.get(name);
  if (imported !== undefined) return follow(module, imported);
  return module.declarations.has(name) ? { module, name } : undefined;
}

/** @param {Module} module @param {Reference} reference @returns {Declared | Foreign} */
export function follow(module, { from, name }) {
  if (from === undefined) {
    const declared = resolved(module, name);
    if (declared === undefined) throw new Error(`${module.file} exports ${name}, which it does not declare`);
    return declared;
  }
  const file = fileOf(module.file, from);
  return file === undefined ? { package: from, name } : exported(moduleAt(file), name);
}

/** Undefined if it is another package. @param {string} importer @param {string} specifier */
function fileOf(importer, specifier) {
  if (specifier.startsWith(".")) return join(dirname(importer), specifier.replace(/\.js$/, ".d.ts"));
  if (!specifier.startsWith("#")) return undefined;
  const folder = importer.slice(0, importer.lastIndexOf("/dist/"));
  const { imports } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return join(folder, imports[specifier].node.replace(/\.js$/, ".d.ts"));
}

/** @param {Module} module @param {Node} statement */
function read(module, statement) {
  switch (statement.type) {
    case "ImportDeclaration":
      for (const each of nodesOf(statement["specifiers"])) {
        if (each.type !== "ImportSpecifier" && each.type !== NAMESPACE)
          throw new Error(`${module.file}: ${each.type} is not supported`);
        const name = each.type === NAMESPACE ? ALL : nameOf(each["imported"]);
        module.imports.set(nameOf(each["local"]), { from: sourceOf(statement), name });
      }
      return;
    case "ExportNamedDeclaration":
      readExport(module, statement);
      return;
    default:
      if (namesOf(statement).length === 0) throw new Error(`${module.file}: ${statement.type} is not supported`);
      declare(module, statement);
  }
}

/** @param {Module} module @param {Node} statement */
function readExport(module, statement) {
  if (isNode(statement["declaration"])) {
    declare(module, statement["declaration"]);
    for (const name of namesOf(statement["declaration"])) module.exports.set(name, { name, typeOnly: false });
  }
  const from = isNode(statement["source"]) ? { from: sourceOf(statement) } : {};
  for (const each of nodesOf(statement["specifiers"])) {
    const typeOnly = statement["exportKind"] === "type" || each["exportKind"] === "type";
    module.exports.set(nameOf(each["exported"]), { ...from, name: nameOf(each["local"]), typeOnly });
  }
}

/** @param {Module} module @param {Node} declaration */
function declare(module, declaration) {
  for (const name of namesOf(declaration)) {
    module.declarations.set(name, [...(module.declarations.get(name) ?? []), declaration]);
  }
}

/** @param {Node} declaration */
function namesOf(declaration) {
  if (declaration.type === "VariableDeclaration")
    return nodesOf(declaration["declarations"]).map(({ id }) => nameOf(id));
  return isNode(declaration["id"]) ? [nameOf(declaration["id"])] : [];
}

/** @param {unknown} value @returns {value is Node} */
export function isNode(value) {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

/** @param {unknown} value @returns {Node[]} */
export function nodesOf(value) {
  return Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : [];
}

/** Of an identifier. @param {unknown} node */
export function nameOf(node) {
  if (!isNode(node) || typeof node["name"] !== "string") throw new Error("bug: this is not an identifier");
  return node["name"];
}

/** The module that an import, an export or an import type names. @param {Node} node */
export function sourceOf(node) {
  const source = node["source"];
  if (!isNode(source) || typeof source["value"] !== "string") throw new Error("bug: this does not name a module");
  return source["value"];
}
