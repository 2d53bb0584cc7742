// @ts-check

/**
 * Members with a # cannot be read from outside: here they are given names that can, so that states are known by what a client holds.
 *
 * @type {import("rolldown").Plugin}
 */
export const openPrivate = {
  name: "open-private",
  transform(code, id) {
    if (!/packages\/mqtt\/src\/.*\.ts$/.test(id) || !code.includes("this.#")) return null;
    return code.replaceAll(/(^|[\s.(!])#([a-z]\w*)/gm, "$1private_$2");
  },
};
