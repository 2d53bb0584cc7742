/** The envelope of S-expressions, `(node {node} {time} …)`: what stands around the lists of a frame. Knows no values. */

/** What an item of a frame must be: a literal atom, or a field. */
export type EnvelopeItem = { readonly literal: string } | { readonly field: string };

export interface Envelope {
  readonly items: readonly EnvelopeItem[];
  /** Whether lists follow, one a field. */
  readonly isOpen: boolean;
}

const MOST_ITEMS = 64;
const REST: ReadonlySet<string> = new Set(["…", "..."]);

/** Returns undefined if the text is not an envelope. */
export function parseEnvelope(text: string): Envelope | undefined {
  const inner = text.trim();
  if (inner.length < 2 || !inner.startsWith("(") || !inner.endsWith(")")) return undefined;
  const words = inner
    .slice(1, -1)
    .split(" ")
    .filter((word) => word !== "");
  const isOpen = REST.has(words.at(-1) ?? "");
  if (isOpen) words.pop();
  if (words.length > MOST_ITEMS || words.length === 0) return undefined;
  const items: EnvelopeItem[] = [];
  for (const word of words) {
    const isField = word.startsWith("{") && word.endsWith("}");
    const name = isField ? word.slice(1, -1) : word;
    if (name === "" || [...name].some((character) => ' \t\r\n(){}";?…'.includes(character))) return undefined;
    items.push(isField ? { field: name } : { literal: name });
  }
  return { items, isOpen };
}

export function fieldsOfEnvelope({ items }: Envelope): readonly string[] {
  return items.flatMap((item) => ("field" in item ? [item.field] : []));
}
