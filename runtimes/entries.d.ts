// The driver (run.js) writes this module into the project: the entries of the package that show something.
export const entries: readonly object[];
