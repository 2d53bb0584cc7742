// @ts-check
// Records which part of our code has been reached so far, as V8 reports it.
import { Session } from "node:inspector";

/** @typedef {{ startOffset: number, endOffset: number, count: number }} Range */
/**
 * A function's characters, and which of them have been reached.
 *
 * @typedef {{ start: number, end: number, reached: Uint8Array }} Reached
 */

export class Coverage {
  #inspector = new Session();
  #ours;
  /** By file and place. @type {Map<string, Map<string, Reached>>} */
  #files = new Map();

  /** @param {RegExp} ours of URLs: what counts */
  constructor(ours) {
    this.#ours = ours;
    this.#inspector.connect();
    this.#post("Profiler.enable");
    this.#post("Profiler.startPreciseCoverage", { callCount: false, detailed: true });
  }

  /** Returns true if the last inputs reached code of ours for the first time. */
  reachedMore() {
    let more = false;
    for (const { url, functions } of this.#post("Profiler.takePreciseCoverage").result) {
      if (!this.#ours.test(url)) continue;
      const file = this.#files.get(url) ?? new Map();
      this.#files.set(url, file);
      for (const { ranges } of functions) more = merge(file, ranges) || more;
    }
    return more;
  }

  close() {
    this.#inspector.disconnect();
  }

  /** The part of our code that was reached, from 0 to 1, in characters. */
  share() {
    let reached = 0;
    let all = 0;
    for (const file of this.#files.values()) {
      const functions = [...file.values()].sort((a, b) => a.start - b.start || b.end - a.end); // inner ones last
      const state = new Uint8Array(Math.max(...functions.map(({ end }) => end)));
      for (const each of functions) state.set(each.reached, each.start);
      for (const each of state) reached += each;
      all += state.length;
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

/**
 * V8 resets its counts with each report. Returns true if something was reached for the first time.
 *
 * @param {Map<string, Reached>} file
 * @param {readonly [Range, ...Range[]]} ranges of one function, outer ones before those within
 */
function merge(file, ranges) {
  const [{ startOffset: start, endOffset: end }] = ranges;
  const key = `${start}-${end}`;
  const known = file.get(key) ?? { start, end, reached: new Uint8Array(end - start) };
  file.set(key, known);
  const now = new Uint8Array(end - start);
  for (const { startOffset, endOffset, count } of ranges) {
    now.fill(count > 0 ? 1 : 0, startOffset - start, endOffset - start);
  }
  let more = false;
  for (let i = 0; i < now.length; i++) {
    if (now[i] === 0 || known.reached[i] === 1) continue;
    known.reached[i] = 1;
    more = true;
  }
  return more;
}
