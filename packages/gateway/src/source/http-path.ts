/** The path of an HTTP source, whose levels in braces become fields of the record: "/ingest/{node}". */

export class HttpPath {
  private readonly levels: readonly string[];

  constructor(pattern: string) {
    this.levels = pattern.split("/");
  }

  /** Returns the fields of a request's path, or undefined if it is another path. @param url with or without a query */
  match(url: string): Readonly<Record<string, string>> | undefined {
    const levels = (url.split("?", 1)[0] ?? "").split("/");
    if (levels.length !== this.levels.length) return undefined;
    const fields: [string, string][] = [];
    for (const [i, pattern] of this.levels.entries()) {
      const level = decoded(levels[i] ?? "");
      if (level === undefined) return undefined;
      const name = pattern.startsWith("{") ? pattern.slice(1, -1) : undefined;
      if (name !== undefined && level !== "") fields.push([name, level]);
      else if (level !== pattern) return undefined;
    }
    return Object.fromEntries(fields);
  }
}

function decoded(level: string): string | undefined {
  try {
    return decodeURIComponent(level);
  } catch {
    return undefined;
  }
}
