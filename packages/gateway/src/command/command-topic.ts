/** The topic of a command, with captures: "{gateway}/{source}/{node}/set/{field}". Knows no payload. */

import { constantValue, type Origin } from "../route/placeholder-values.js";
import { parsePlaceholders } from "../text/placeholders.js";

type Level = { readonly literal: string } | { readonly capture: string };

export class CommandTopic {
  /** The filter to subscribe to: each capture is one level. */
  readonly filter: string;
  private readonly levels: readonly Level[];

  constructor(template: string, origin: Origin) {
    this.levels = template.split("/").map((level) => levelOf(level, origin));
    this.filter = this.levels.map((level) => ("capture" in level ? "+" : level.literal)).join("/");
  }

  /** Returns the captures of a topic. Undefined if it is another topic. */
  match(topic: string): ReadonlyMap<string, string> | undefined {
    const levels = topic.split("/");
    if (levels.length !== this.levels.length) return undefined;
    const found = new Map<string, string>();
    for (const [i, level] of this.levels.entries()) {
      const given = levels[i] as string;
      if ("capture" in level) found.set(level.capture, unescaped(given));
      else if (level.literal !== given) return undefined;
    }
    return found;
  }
}

/** The names of the captures in a template. */
export function capturesOf(template: string): readonly string[] {
  const origin: Origin = { gateway: "", source: "" };
  return template.split("/").flatMap((level) => {
    const parsed = levelOf(level, origin);
    return "capture" in parsed ? [parsed.capture] : [];
  });
}

/** A capture is a whole level. Other placeholders are constant. */
function levelOf(level: string, origin: Origin): Level {
  const { first, rest } = parsePlaceholders(level);
  const [only] = rest;
  const isWhole = first === "" && rest.length === 1 && only?.literal === "";
  if (isWhole && constantValue(only.name, origin) === undefined) return { capture: only.name };
  return { literal: first + rest.map(({ name, literal }) => (constantValue(name, origin) ?? "") + literal).join("") };
}

/** Topics of records have the special characters of values escaped: "%2F". Commands for the device come back with them. */
function unescaped(level: string): string {
  if (!level.includes("%")) return level;
  try {
    return decodeURIComponent(level);
  } catch {
    return level;
  }
}
