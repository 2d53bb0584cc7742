// One public declaration: its text without comments and without private parts, and the types that it names.
import { follow, isNode, nameOf, nodesOf, resolved, sourceOf } from "./modules.js";

/**
 * @typedef {import("./modules.js").Node} Node
 * @typedef {import("./modules.js").Module} Module
 * @typedef {import("./modules.js").Declared} Declared
 * @typedef {import("./modules.js").Foreign} Foreign
 * @typedef {{ declared: Declared, typeOnly: boolean }} Export a class whose type only is exported cannot be constructed
 */

/** As in the .d.ts file. @param {Export} exported */
export function textOf({ declared: { module, name }, typeOnly }) {
  const nodes = module.declarations.get(name) ?? [];
  return nodes.map((node) => printed(module, node, typeOnly)).join("\n");
}

/**
 * The types of this package that it names, by these names; without its own type parameters.
 *
 * @param {Export} exported
 */
export function typesIn({ declared: { module, name }, typeOnly }) {
  /** @type {Map<string, Declared>} */
  const found = new Map();
  /** @param {string} used @param {Declared | Foreign | undefined} type */
  const add = (used, type) => {
    if (type !== undefined && "module" in type) found.set(used, type);
  };
  for (const declaration of module.declarations.get(name) ?? []) {
    const own = new Set(typeParametersOf(declaration));
    const visit = (/** @type {Node} */ node) => {
      if (node.type === "TSImportType") {
        const imported = nameOf(node["qualifier"]);
        add(imported, follow(module, { from: sourceOf(node), name: imported }));
      }
      const used = usedBy(node);
      if (used !== undefined && !own.has(used)) add(used, resolved(module, used));
    };
    walk(declaration, (member) => isHidden(module, member, typeOnly), visit);
  }
  return found;
}

/** @param {Module} module @param {Node} node @param {boolean} typeOnly */
function printed(module, node, typeOnly) {
  /** @type {{ start: number, end: number }[]} */
  const cuts = module.comments.filter(({ start, end }) => start >= node.start && end <= node.end);
  const hide = (/** @type {Node} */ member) => {
    const hidden = isHidden(module, member, typeOnly);
    if (hidden) cuts.push(member);
    return hidden;
  };
  walk(node, hide, () => undefined);
  let text = "";
  let at = node.start;
  for (const { start, end } of cuts.sort((a, b) => a.start - b.start)) {
    if (start < at) continue; // within a hidden member
    text += module.text.slice(at, start);
    at = end;
  }
  text += module.text.slice(at, node.end);
  const lines = text
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "");
  return lines
    .join("\n")
    .replace(/^declare /, "")
    .replace(/\{\n\}$/, "{}");
}

/**
 * Visits a declaration and all nodes below it, except those that `hide` returns true for.
 *
 * @param {Node} node
 * @param {(node: Node) => boolean} hide
 * @param {(node: Node) => void} visit
 */
function walk(node, hide, visit) {
  visit(node);
  for (const [key, value] of Object.entries(node)) {
    for (const child of nodesOf(value)) {
      if (key === "key" && node["computed"] === true) continue; // a symbol, which is a value
      if (!hide(child)) walk(child, hide, visit);
    }
  }
}

/**
 * Whether a node is a member that is not public: private, of a class whose type only is exported, or marked as internal
 * in the comment before it.
 *
 * @param {Module} module
 * @param {Node} node
 * @param {boolean} typeOnly
 */
function isHidden(module, node, typeOnly) {
  if (!MEMBERS.has(node.type)) return false;
  if (typeOnly && (node["kind"] === "constructor" || node["static"] === true)) return true;
  if (node["accessibility"] === "private") return true;
  if (isNode(node["key"]) && node["key"].type === "PrivateIdentifier") return true;
  const before = module.comments.findLast(({ end }) => end <= node.start);
  if (before === undefined || module.text.slice(before.end, node.start).trim() !== "") return false;
  return /@internal\b/.test(before.value);
}

const MEMBERS = new Set([
  "MethodDefinition",
  "PropertyDefinition",
  "TSAbstractMethodDefinition",
  "TSAbstractPropertyDefinition",
  "TSPropertySignature",
  "TSMethodSignature",
]);

/** The name of the type or class that a node uses. @param {Node} node */
function usedBy(node) {
  switch (node.type) {
    case "TSTypeReference":
      return leftmost(node["typeName"]);
    case "TSTypeQuery":
      return leftmost(node["exprName"]);
    case "TSInterfaceHeritage":
      return leftmost(node["expression"]);
    case "ClassDeclaration":
      return leftmost(node["superClass"]);
    default:
      return undefined;
  }
}

/** @param {unknown} name */
function leftmost(name) {
  let node = name;
  while (isNode(node) && node.type === "TSQualifiedName") node = node["left"];
  return isNode(node) && node.type === "Identifier" ? nameOf(node) : undefined;
}

/** @param {Node} node @returns {string[]} */
function typeParametersOf(node) {
  const own = node.type === "TSTypeParameter" ? [nameOf(node["name"])] : [];
  return [...own, ...Object.values(node).flatMap((value) => nodesOf(value).flatMap(typeParametersOf))];
}
