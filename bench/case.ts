// What a case of the benchmark is, and what comes of it. Types only: no program loads this file.
import type { Place } from "./place.js";

export type Better = "more" | "less";
export type Direction = "publish" | "receive";

/** What else is to be said of a contender's figures. */
export type Note = Record<string, number>;
/** What one run of a contender gives: figures by name, and perhaps a note. */
export type Figures = { [name: string]: number | Note | undefined; note?: Note };

export type Contender = (place: Place) => Promise<Figures>;

/**
 * Met by "`factor` times as good", by "at least (at most, if less is better) that `share` of theirs", or by a figure of ours that is as
 * good as `value`.
 */
export type Goal = { against: string; factor: number } | { against: string; share: number } | { value: number };

/** Takes one figure of some contenders; of all, if it names none. */
export type Row = {
  group: string;
  name: string;
  figure: string;
  unit: string;
  better: Better;
  contenders?: string[];
  goals: Goal[];
};

/** From one point of a sweep to another: how much more a message costs there. */
export type Flat = { from: string; to: string; better: Better };

/** A plot of the figures that `points` names, each at its place on the x-axis. */
export type Chart = { title: string; file: string; x: string; y: string; points: Record<string, number> };

export type Case = {
  name: string;
  group: string;
  /** Nothing of it changes from round to round. */
  once?: boolean;
  contenders: Record<string, Contender>;
  rows: Row[];
  flat?: Flat;
  chart?: Chart;
};

export type Summary = { median: number; lowest: number; highest: number };
/** What came of a contender: its figures, or why there are none. */
export type Outcome = { failed: string } | { failed?: undefined; figures: Record<string, Summary>; note?: Note };
export type Result = { measured: string; rounds: number; contenders: Record<string, Outcome> };

/** As in results.json. */
export type Results = { machine: ReturnType<typeof import("./machine.js").machine>; cases: Record<string, Result> };
