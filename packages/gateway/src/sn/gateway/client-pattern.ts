/** Patterns of client identifiers in a configuration: an identifier, or the beginning of one. */

/** Whether an identifier matches. A `*` at the end of the pattern stands for any characters. */
export function matchesClient(pattern: string, clientId: string): boolean {
  return pattern.endsWith("*") ? clientId.startsWith(pattern.slice(0, -1)) : pattern === clientId;
}
