// @ts-check
// Which of our code was reached so far, as V8 tells it.
import { Session } from "node:inspector";

const ours = /packages\/mqtt\/dist\/(codec|topic|session|platform)\//;

/** @typedef {{ startOffset: number, endOffset: number, count: number }} Range */

export class Coverage {
  #inspector = new Session();
  /**
   * By file and function: the newest report, which V8 makes whenever more of it was reached.
   *
   * @type {Map<string, Map<string, Range[]>>}
   */
  #reports = new Map();
  /** @type {Set<string>} */
  #everReached = new Set();

  constructor() {
    this.#inspector.connect();
    this.#post("Profiler.enable");
    this.#post("Profiler.startPreciseCoverage", { callCount: false, detailed: true });
  }

  /** True if any code of ours was reached that had not been before the last call. */
  reachedMore() {
    let more = false;
    for (const { url, functions } of this.#post("Profiler.takePreciseCoverage").result) {
      if (!ours.test(url)) continue;
      const report = this.#reports.get(url) ?? new Map();
      this.#reports.set(url, report);
      for (const { ranges } of functions) {
        report.set(`${ranges[0].startOffset}-${ranges[0].endOffset}`, ranges);
        for (const { startOffset, endOffset, count } of ranges) {
          const key = `${url}:${startOffset}-${endOffset}`;
          if (count === 0 || this.#everReached.has(key)) continue;
          this.#everReached.add(key);
          more = true;
        }
      }
    }
    return more;
  }

  /** The part of our code that was reached, from 0 to 1, by characters. */
  share() {
    let reached = 0;
    let all = 0;
    for (const report of this.#reports.values()) {
      const ranges = [...report.values()]
        .flat()
        .sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
      const length = Math.max(...ranges.map(({ endOffset }) => endOffset));
      const state = new Uint8Array(length);
      for (const { startOffset, endOffset, count } of ranges) state.fill(count > 0 ? 1 : 0, startOffset, endOffset); // inner ranges last
      for (const each of state) reached += each;
      all += length;
    }
    return reached / all;
  }

  /** @param {string} method @param {object} params */
  #post(method, params = {}) {
    /** @type {any} */
    let answer;
    this.#inspector.post(method, params, (error, result) => {
      if (error) throw error;
      answer = result;
    });
    return answer;
  }
}
