/** The reference of a configuration, as Markdown: a table of keys for each section. */

import type { Field, Fields, Kind, Section } from "./kind.js";

/**
 * Returns the sections of a configuration as Markdown, each with the table of its keys. A section comes before the sections within its fields.
 *
 * @param head the text before the sections
 */
export function reference(head: string, root: Kind<unknown>): string {
  const shown = new Set<string>();
  const parts: string[] = [];
  // Sections of one table come before what they share.
  const pending = sectionsIn(root.sections?.[0]?.fields ?? {});
  for (const { title, about, fields } of pending) {
    if (shown.has(title)) continue;
    shown.add(title);
    parts.push(`## ${title}\n\n${about}\n\n${rowsOf(fields)}\n`);
    pending.push(...sectionsIn(fields));
  }
  return [head, ...parts].join("\n");
}

function sectionsIn(fields: Fields): Section[] {
  return Object.values(fields).flatMap(({ kind }) => kind.sections ?? []);
}

function rowsOf(fields: Fields): string {
  const rows = Object.entries(fields).map(
    ([name, field]) =>
      `| \`${name}\` | ${field.kind.label} | ${defaultOf(field)} | ${field.about.replaceAll("|", "\\|")} |`,
  );
  return ["| key | type | default | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

function defaultOf({ isRequired, written }: Field<unknown>): string {
  if (isRequired) return "required";
  return written === undefined ? "–" : `\`${JSON.stringify(written)}\``;
}
