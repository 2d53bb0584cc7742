/**
 * Text with placeholders, `{name}`, cut into its parts. A name has letters, digits, "_", "-", "." and ":", and may end with an index, as in
 * `{topic[1]}`. A brace that does not belong to such a
 * placeholder is literal, so that a JSON text can be a template.
 */

/** The literal text before the first placeholder, then each placeholder with the literal text after it. */
export interface Placeholders {
  readonly first: string;
  readonly rest: readonly { readonly name: string; readonly literal: string }[];
}

/** Returns the names of the placeholders, in their order. */
export function placeholderNames(template: string): readonly string[] {
  return parsePlaceholders(template).rest.map(({ name }) => name);
}

export function parsePlaceholders(template: string): Placeholders {
  const parts: { name: string; literal: string }[] = [];
  let first = "";
  let literalFrom = 0;
  const addLiteral = (to: number) => {
    const text = template.slice(literalFrom, to);
    const last = parts.at(-1);
    if (last === undefined) first = text;
    else last.literal = text;
  };
  for (let at = template.indexOf("{"); at >= 0; at = template.indexOf("{", at + 1)) {
    let end = at + 1;
    while (end < template.length && isNameUnit(template.charCodeAt(end))) end++;
    end = end === at + 1 ? end : indexEnd(template, end);
    if (end === at + 1 || template[end] !== "}") continue;
    addLiteral(at);
    parts.push({ name: template.slice(at + 1, end), literal: "" });
    literalFrom = end + 1;
  }
  addLiteral(template.length);
  return { first, rest: parts };
}

/** Returns the end of an index of one to three digits that begins at `at`, or `at` if there is none. */
function indexEnd(template: string, at: number): number {
  if (template[at] !== "[") return at;
  let end = at + 1;
  while (end < at + 4 && isDigit(template.charCodeAt(end))) end++;
  return end > at + 1 && template[end] === "]" ? end + 1 : at;
}

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39;
}

function isNameUnit(unit: number): boolean {
  const lower = unit | 0x20;
  const isLetter = lower >= 0x61 && lower <= 0x7a;
  return isLetter || (unit >= 0x30 && unit <= 0x3a) || unit === 0x5f || unit === 0x2d || unit === 0x2e;
}
