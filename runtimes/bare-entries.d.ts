// The driver (run.js) writes this module into the project: the entries that a small engine can load.
export const entries: readonly object[];
