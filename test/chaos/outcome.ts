// The result of a scenario: one line of the table, and the problems.

export interface Outcome {
  readonly scenario: string;
  readonly messages: number;
  readonly lost: number;
  /** QoS 2 messages delivered more than once. */
  readonly doubled: number;
  readonly outOfOrder: number;
  /** Promises that did not settle. */
  readonly unsettled: number;
  /** Promises rejected without cause. */
  readonly rejected: number;
  readonly cuts: number;
  readonly kills: number;
  readonly seconds: number;
  /** Bytes of the client's heap, after the warm-up and at the end. */
  readonly heap: readonly [before: number, after: number] | undefined;
  /** Further remarks. */
  readonly notes: readonly string[];
  /** Each broken promise, in words; empty for a good run. */
  readonly violations: readonly string[];
}

/** The maximum growth of a client's heap between the warm-up and the end, in bytes. */
export const FLAT = 4 * 2 ** 20;

const columns: readonly { readonly title: string; readonly width: number; text(outcome: Outcome): string }[] = [
  { title: "scenario", width: -50, text: (it) => it.scenario },
  { title: "messages", width: 9, text: (it) => String(it.messages) },
  { title: "lost", width: 5, text: (it) => String(it.lost) },
  { title: "doubled", width: 8, text: (it) => String(it.doubled) },
  { title: "disorder", width: 9, text: (it) => String(it.outOfOrder) },
  { title: "unsettled", width: 10, text: (it) => String(it.unsettled) },
  { title: "rejected", width: 9, text: (it) => String(it.rejected) },
  { title: "cuts", width: 6, text: (it) => String(it.cuts) },
  { title: "kills", width: 6, text: (it) => String(it.kills) },
  { title: "seconds", width: 8, text: (it) => it.seconds.toFixed(1) },
  { title: "heap MiB", width: 13, text: (it) => (it.heap ? it.heap.map(mebibytes).join(" → ") : "") },
];

export function header(): string {
  return line(columns.map((column) => column.title));
}

export function row(outcome: Outcome): string {
  const cells = line(columns.map((column) => column.text(outcome)));
  return outcome.notes.length === 0 ? cells : `${cells}  ${outcome.notes.join("; ")}`;
}

/** All of them together. */
export function total(outcomes: readonly Outcome[], seconds: number): Outcome {
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((all, each) => all + of(each), 0);
  return {
    scenario: "all",
    messages: sum((it) => it.messages),
    lost: sum((it) => it.lost),
    doubled: sum((it) => it.doubled),
    outOfOrder: sum((it) => it.outOfOrder),
    unsettled: sum((it) => it.unsettled),
    rejected: sum((it) => it.rejected),
    cuts: sum((it) => it.cuts),
    kills: sum((it) => it.kills),
    seconds,
    heap: undefined,
    notes: [],
    violations: outcomes.flatMap((it) => it.violations),
  };
}

function line(cells: readonly string[]): string {
  return cells
    .map((cell, i) => {
      const width = columns[i]?.width ?? 0;
      return width < 0 ? cell.padEnd(-width) : cell.padStart(width);
    })
    .join("");
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
