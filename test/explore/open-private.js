// @ts-check

/**
 * Members with a # cannot be read from outside: this plugin gives them ordinary names, so that a client's content
 * identifies its state.
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
