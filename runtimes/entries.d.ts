// The driver (run.js) writes this module into the project: the package's entries that have exports.
export const entries: readonly object[];
