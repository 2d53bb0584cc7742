/**
 * The tree of topic names: stores one value per name, and finds all values whose name matches a filter. Brokers keep
 * retained messages in it. Never recurses.
 */

interface Node<Value> {
  /** Undefined in a leaf: most nodes are leaves, and an empty map takes about a hundred bytes or more. */
  children: Map<string, Node<Value>> | undefined;
  value: Value | undefined;
}

function newNode<Value>(): Node<Value> {
  return { children: undefined, value: undefined };
}

/**
 * Maps topic names to values, and finds the values whose name matches a topic filter. A broker keeps retained messages
 * in one.
 *
 * @example
 * const retained = new TopicNameTree<string>();
 * retained.set("kitchen/light", "on");
 * retained.match("kitchen/+", (value) => console.log(value)); // on
 */
export class TopicNameTree<Value> {
  private readonly root: Node<Value> = newNode();
  private count = 0;

  /** The number of names that have a value. */
  get size(): number {
    return this.count;
  }

  /** Returns the value stored for a topic name, or undefined. */
  get(topicName: string): Value | undefined {
    let node: Node<Value> | undefined = this.root;
    for (const level of topicName.split("/")) {
      node = node.children?.get(level);
      if (node === undefined) return undefined;
    }
    return node.value;
  }

  /** Sets the value of a topic name, replacing an earlier one. */
  set(topicName: string, value: Value): void {
    let node = this.root;
    for (const level of topicName.split("/")) {
      node.children ??= new Map();
      let child = node.children.get(level);
      if (child === undefined) {
        child = newNode();
        node.children.set(level, child);
      }
      node = child;
    }
    if (node.value === undefined) this.count++;
    node.value = value;
  }

  /** Removes a topic name. Returns false if it was not there. */
  delete(topicName: string): boolean {
    const levels = topicName.split("/");
    const path: Node<Value>[] = [this.root];
    for (const level of levels) {
      const child = (path[path.length - 1] as Node<Value>).children?.get(level);
      if (child === undefined) return false;
      path.push(child);
    }
    const last = path[path.length - 1] as Node<Value>;
    if (last.value === undefined) return false;
    last.value = undefined;
    this.count--;
    for (let i = path.length - 1; i > 0; i--) {
      const node = path[i] as Node<Value>;
      if (node.children !== undefined || node.value !== undefined) break;
      const parent = path[i - 1] as Node<Value>;
      parent.children?.delete(levels[i - 1] as string);
      if (parent.children?.size === 0) parent.children = undefined;
    }
    return true;
  }

  /** Calls `visit` for each value, until it returns false. */
  forEach(visit: (value: Value) => unknown): void {
    for (const value of walk(this.root, ALL, true, Infinity)) if (visit(value as Value) === false) return;
  }

  /** Calls `visit` for the value of each name that a valid, unshared filter matches, until it returns false. */
  match(topicFilter: string, visit: (value: Value) => unknown): void {
    for (const value of this.find(topicFilter)) if (visit(value) === false) return;
  }

  /**
   * Iterates over the values of the names that a valid, unshared filter matches. The tree may change between two steps:
   * a name that has its value before and after the iteration is found once; one that is added or deleted meanwhile may be
   * found or not. The memory depends on the levels of the names, not on their number.
   *
   * @example
   * for (const value of retained.find("kitchen/+")) console.log(value);
   */
  find(topicFilter: string): IterableIterator<Value> {
    return walk(this.root, topicFilter.split("/"), false, Infinity) as IterableIterator<Value>;
  }

  /**
   * Iterates like `find`, and also yields undefined after every 16 branches without a value. A filter such as `+/+/x` may
   * have many branches and few values; you can do other work between two steps.
   */
  search(topicFilter: string): IterableIterator<Value | undefined> {
    return walk(this.root, topicFilter.split("/"), false, BRANCHES);
  }
}

/** The children of a node that are still to be visited, and the level of the filter that applies to them. */
interface Branch<Value> {
  readonly rest: Iterator<[string, Node<Value>]>;
  readonly level: number;
  /** Whether names that begin with "$" are skipped. */
  readonly isGuarded: boolean;
}

const ALL = ["#"];

/** Between two steps of `search`. */
const BRANCHES = 16;

/**
 * Visits the tree in depth.
 *
 * @param everything whether wildcards in the first level match names that begin with "$" [MQTT-4.7.2-1]
 * @param patience the number of branches without a value after which undefined is yielded
 */
function* walk<Value>(
  root: Node<Value>,
  levels: readonly string[],
  everything: boolean,
  patience: number,
): IterableIterator<Value | undefined> {
  let barren = 0;
  const branches: Branch<Value>[] = [];
  const last = levels.length - 1;
  const below = levels[last] === "#" ? last : Infinity;
  let level = 0;
  for (let node: Node<Value> | undefined = root; ; ) {
    if (node !== undefined) {
      if (level >= Math.min(below, levels.length) && node.value !== undefined) {
        barren = 0;
        yield node.value;
      }
      const name = level >= below ? "#" : levels[level];
      if (name !== undefined && name !== "#" && name !== "+") {
        node = node.children?.get(name);
        level++;
        continue;
      }
      if (name !== undefined && node.children !== undefined) {
        branches.push({ rest: node.children.entries(), level: level + 1, isGuarded: level === 0 && !everything });
      }
    }
    const branch = branches[branches.length - 1];
    if (branch === undefined) return;
    if (++barren > patience) {
      barren = 0;
      yield undefined;
    }
    const next = branch.rest.next();
    if (next.done) branches.pop();
    node = next.done || (branch.isGuarded && next.value[0].startsWith("$")) ? undefined : next.value[1];
    level = branch.level;
  }
}
