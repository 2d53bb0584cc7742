// Defines a case of the benchmark and its result. Contains types only: no program loads this file.
import type { Place } from "./place.js";

export type Better = "more" | "less";
export type Direction = "publish" | "receive";

/** Additional information about a contender's figures. */
export type Note = Record<string, number>;
/** The result of one run of a contender: figures by name, and an optional note. */
export type Figures = { [name: string]: number | Note | undefined; note?: Note };

export type Contender = (place: Place) => Promise<Figures>;

/**
 * A goal is one of: "`factor` times as good"; "at least (at most, if less is better) this `share` of theirs"; a figure of ours that is as
 * good as `value`.
 */
export type Goal = { against: string; factor: number } | { against: string; share: number } | { value: number };

/** Shows one figure of some contenders; of all, if it names none. */
export type Row = {
  group: string;
  name: string;
  figure: string;
  unit: string;
  better: Better;
  contenders?: string[];
  goals: Goal[];
};

/** Compares the cost of a message at two points of a sweep. */
export type Flat = { from: string; to: string; better: Better };

/** A plot of the figures named by `points`, each with its position on the x-axis. */
export type Chart = { title: string; file: string; x: string; y: string; points: Record<string, number> };

export type Case = {
  name: string;
  group: string;
  /** Its figures do not change from round to round. */
  once?: boolean;
  contenders: Record<string, Contender>;
  rows: Row[];
  flat?: Flat;
  chart?: Chart;
};

export type Summary = { median: number; lowest: number; highest: number };
/** The outcome of a contender: its figures, or why there are none. */
export type Outcome = { failed: string } | { failed?: undefined; figures: Record<string, Summary>; note?: Note };
export type Result = { measured: string; rounds: number; contenders: Record<string, Outcome> };

/** As in results.json. */
export type Results = { machine: ReturnType<typeof import("./machine.js").machine>; cases: Record<string, Result> };
