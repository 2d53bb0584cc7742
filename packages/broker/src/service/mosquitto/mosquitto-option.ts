/** What an option of mosquitto.conf is: how far it is supported, and what it changes. Knows no option. */

import type { Draft } from "./draft.js";

/** Why a value cannot be used: it is not valid, the broker has nothing like it, or there is a problem that does not show the value. */
export type Refusal = { readonly invalid: string } | { readonly unsupported: string } | { readonly problem: string };

/** An option of mosquitto.conf. */
export interface MosquittoOption {
  readonly name: string;
  /** "yes": the same effect. "partly": accepted, and `note` says what differs. "no": `note` says why. */
  readonly support: "yes" | "partly" | "no";
  /** What it becomes, what differs, or why it is not supported. */
  readonly note: string;
  /** Whether "partly" is worth a warning: the difference may surprise. */
  readonly warns?: boolean;
  /** Puts a value into the draft. Absent: the option changes nothing. */
  readonly apply?: (value: string, draft: Draft) => Refusal | undefined;
}

/** An option that changes the draft. */
export function yes(name: string, note: string, apply?: MosquittoOption["apply"]): MosquittoOption {
  return { name, support: "yes", note, ...(apply === undefined ? {} : { apply }) };
}

/** An option whose effect differs, or that has no effect here and is not missed. */
export function partly(name: string, note: string, apply?: MosquittoOption["apply"]): MosquittoOption {
  return { name, support: "partly", note, ...(apply === undefined ? {} : { apply }) };
}

/** An option whose effect differs in a way that may surprise. */
export function differs(name: string, note: string, apply?: MosquittoOption["apply"]): MosquittoOption {
  return { ...partly(name, note, apply), warns: true };
}

export function no(name: string, note: string): MosquittoOption {
  return { name, support: "no", note };
}

/** A boolean value. */
export function flag(use: (value: boolean, draft: Draft) => Refusal | undefined): MosquittoOption["apply"] {
  return (text, draft) => {
    const value = { true: true, "1": true, false: false, "0": false }[text.toLowerCase()];
    return value === undefined ? { invalid: "must be true or false" } : use(value, draft);
  };
}

/** A boolean of which only one value is supported. @param why as in "the broker has …" */
export function only(supported: boolean, why: string): MosquittoOption["apply"] {
  return flag((value) => (value === supported ? undefined : { unsupported: why }));
}

/** An integer value. */
export function integer(
  least: number,
  most: number,
  use: (value: number, draft: Draft) => Refusal | undefined,
): MosquittoOption["apply"] {
  return (text, draft) => {
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return use(value, draft);
    return { invalid: `must be an integer from ${least} to ${most}` };
  };
}

/** One of several words. */
export function word<Word extends string>(
  words: readonly Word[],
  use: (value: Word, draft: Draft) => Refusal | undefined,
): MosquittoOption["apply"] {
  return (text, draft) => {
    const value = words.find((each) => each === text.toLowerCase());
    return value === undefined ? { invalid: `must be ${words.join(" or ")}` } : use(value, draft);
  };
}
