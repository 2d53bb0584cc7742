/**
 * The tree of topic filters: finds all values whose filter matches a name. The time depends on the levels of the name
 * and the matching branches, not on the number of filters. Never recurses, so deep topics are safe.
 */

/**
 * Collections that would be empty are undefined: most nodes have only one, and each takes about a hundred bytes or
 * more.
 */
interface Node<Value> {
  children: Map<string, Node<Value>> | undefined;
  /** Values whose filter ends here. */
  values: Set<Value> | undefined;
  /** Values whose filter ends here with a further level "#". */
  below: Set<Value> | undefined;
}

function newNode<Value>(): Node<Value> {
  return { children: undefined, values: undefined, below: undefined };
}

/**
 * Maps topic filters to values, and finds the values whose filter matches a topic name. The time depends on the levels
 * of the name and the matching branches, not on the number of filters.
 *
 * @example
 * const tree = new TopicTree<string>();
 * tree.add("kitchen/+", "ann");
 * tree.match("kitchen/light", (value) => console.log(value)); // ann
 */
export class TopicTree<Value> {
  private readonly root: Node<Value> = newNode();
  private count = 0;

  /** The number of pairs of filter and value. */
  get size(): number {
    return this.count;
  }

  /** Adds `value` under a valid, unshared filter. Returns false if the pair was there. */
  add(topicFilter: string, value: Value): boolean {
    let node = this.root;
    const levels = topicFilter.split("/");
    const multi = levels[levels.length - 1] === "#";
    if (multi) levels.pop();
    for (const level of levels) {
      node.children ??= new Map();
      let child = node.children.get(level);
      if (child === undefined) {
        child = newNode();
        node.children.set(level, child);
      }
      node = child;
    }
    const end = multi ? "below" : "values";
    node[end] ??= new Set();
    const values = node[end];
    if (values.has(value)) return false;
    values.add(value);
    this.count++;
    return true;
  }

  /** Removes a pair, and the branches that this leaves empty. Returns false if the pair was not there. */
  delete(topicFilter: string, value: Value): boolean {
    const levels = topicFilter.split("/");
    const multi = levels[levels.length - 1] === "#";
    if (multi) levels.pop();
    const path: Node<Value>[] = [this.root];
    for (const level of levels) {
      const child = (path[path.length - 1] as Node<Value>).children?.get(level);
      if (child === undefined) return false;
      path.push(child);
    }
    const last = path[path.length - 1] as Node<Value>;
    const end = multi ? "below" : "values";
    const values = last[end];
    if (values === undefined || !values.delete(value)) return false;
    if (values.size === 0) last[end] = undefined;
    this.count--;
    for (let i = path.length - 1; i > 0; i--) {
      const node = path[i] as Node<Value>;
      if (node.children !== undefined || node.values !== undefined || node.below !== undefined) break;
      const parent = path[i - 1] as Node<Value>;
      parent.children?.delete(levels[i - 1] as string);
      if (parent.children?.size === 0) parent.children = undefined;
    }
    return true;
  }

  /**
   * Calls `visit` for each pair whose filter matches the name. A value under several such filters is visited several
   * times.
   */
  match(topicName: string, visit: (value: Value) => void): void {
    let nodes: Node<Value>[] = [this.root];
    const reserved = topicName.charCodeAt(0) === 0x24; // "$": wildcards do not match in the first level [MQTT-4.7.2-1]
    let start = 0;
    for (let first = true; nodes.length > 0; first = false) {
      const slash = topicName.indexOf("/", start);
      const level = slash < 0 ? topicName.slice(start) : topicName.slice(start, slash);
      const next: Node<Value>[] = [];
      const wild = !(first && reserved);
      for (const node of nodes) {
        if (wild && node.below !== undefined) for (const value of node.below) visit(value);
        if (node.children === undefined) continue;
        const exact = node.children.get(level);
        if (exact !== undefined) next.push(exact);
        const single = wild ? node.children.get("+") : undefined;
        if (single !== undefined) next.push(single);
      }
      nodes = next;
      if (slash < 0) break;
      start = slash + 1;
    }
    for (const node of nodes) {
      if (node.values !== undefined) for (const value of node.values) visit(value);
      if (node.below !== undefined) for (const value of node.below) visit(value); // "a/#" matches "a"
    }
  }
}
