/** Templates of payloads, acknowledgements and refusals: text with placeholders, compiled once. */

import type { Fields, Peer } from "../pipeline/outcome.js";
import { parsePlaceholders } from "../text/placeholders.js";
import { escaped } from "../text/shown.js";
import { constantValue, type Origin, placeholderValue, valueText } from "./placeholder-values.js";

export class Template {
  private readonly first: string;
  private readonly steps: { readonly name: string; literal: string }[] = [];

  constructor(template: string, origin: Origin) {
    let { first, rest } = parsePlaceholders(template);
    for (const { name, literal } of rest) {
      const constant = constantValue(name, origin);
      const last = this.steps.at(-1);
      if (constant === undefined) this.steps.push({ name, literal });
      else if (last === undefined) first += constant + literal;
      else last.literal += constant + literal;
    }
    this.first = first;
  }

  /** Returns the text, or the name of the first placeholder that has no value. */
  fill(peer: Peer, fields: Fields): { readonly text: string } | { readonly missing: string } {
    let text = this.first;
    for (const { name, literal } of this.steps) {
      const value = placeholderValue(name, peer, fields);
      if (value === undefined || value === null) return { missing: name };
      text += valueText(value) + literal;
    }
    return { text };
  }

  /**
   * Returns the text for a device. Control characters of values are escaped, so that no device makes the gateway write a line that it did not
   * mean. A missing value is empty.
   *
   * @param reason what {reason} stands for, if the frame was dropped
   */
  answer(peer: Peer, fields: Fields | undefined, reason: string | undefined): string {
    let text = this.first;
    for (const { name, literal } of this.steps) {
      const isReason = name === "reason" && reason !== undefined;
      const value = isReason ? reason : (placeholderValue(name, peer, fields) ?? "");
      text += escaped(valueText(value)) + literal;
    }
    return text;
  }
}
