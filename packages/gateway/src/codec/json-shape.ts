/** The shape of a document that JSON pointers describe, so that it can be built from fields. Knows no values. */

/** A node of the document: a field, or children by the step of the pointer. An array's children are in the order of its indexes. */
export type JsonShape =
  | { readonly kind: "field"; readonly name: string }
  | { readonly kind: "array" | "object"; readonly children: ReadonlyMap<string, JsonShape> };

/** A node while it is built. */
interface Node {
  name: string | undefined;
  readonly children: Map<string, Node>;
}

/** Returns the shape. Fails if two fields have one place, or if no field fills an element of an array. */
export function jsonShape(
  pointers: readonly { readonly name: string; readonly path: readonly string[] }[],
): JsonShape | string {
  const root: Node = { name: undefined, children: new Map() };
  for (const { name, path } of pointers) {
    let node = root;
    for (const step of path) {
      const next = node.children.get(step) ?? { name: undefined, children: new Map() };
      node.children.set(step, next);
      node = next;
    }
    if (node.name !== undefined) return `"${name}" and "${node.name}" have the same place; they cannot be encoded`;
    node.name = name;
  }
  return shapeOf(root);
}

function shapeOf({ name, children }: Node): JsonShape | string {
  if (name !== undefined) {
    return children.size === 0
      ? { kind: "field", name }
      : `"${name}" contains the place of another field; they cannot be encoded`;
  }
  const steps = [...children.keys()];
  const isArray = steps.every(isIndex);
  if (isArray) {
    steps.sort((a, b) => Number(a) - Number(b));
    const gap = steps.findIndex((step, i) => Number(step) !== i);
    if (gap >= 0) return `no field has the index ${gap} of an array, so that the index ${steps[gap]} cannot be encoded`;
  }
  const shapes = new Map<string, JsonShape>();
  for (const step of steps) {
    const shape = shapeOf(children.get(step) as Node);
    if (typeof shape === "string") return shape;
    shapes.set(step, shape);
  }
  return { kind: isArray ? "array" : "object", children: shapes };
}

/** As RFC 6901 has indexes: no zeros at the front. */
function isIndex(step: string): boolean {
  if (step === "" || step.length > 9 || (step.length > 1 && step.startsWith("0"))) return false;
  for (let i = 0; i < step.length; i++) {
    const unit = step.charCodeAt(i);
    if (unit < 0x30 || unit > 0x39) return false;
  }
  return true;
}
