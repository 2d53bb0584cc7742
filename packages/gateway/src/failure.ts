/** Why something cannot become a record: a value, never an exception, because devices send what they like. */

import type { DropReason } from "./drop-reason.js";

export class Failure {
  /** @param detail in words: which field, which value, which rule */
  constructor(
    readonly reason: DropReason,
    readonly detail: string,
  ) {}
}
