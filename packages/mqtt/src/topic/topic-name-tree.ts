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
    visitBelow([this.root], false, visit);
  }

  /** Calls `visit` for the value of each name that a valid, unshared filter matches, until it returns false. */
  match(topicFilter: string, visit: (value: Value) => unknown): void {
    const levels = topicFilter.split("/");
    let nodes: Node<Value>[] = [this.root];
    for (let i = 0; i < levels.length; i++) {
      const level = levels[i] as string;
      if (level === "#") {
        visitBelow(nodes, i === 0, visit);
        return;
      }
      const next: Node<Value>[] = [];
      for (const node of nodes) {
        if (node.children === undefined) continue;
        if (level === "+") {
          for (const [name, child] of node.children) if (i > 0 || !name.startsWith("$")) next.push(child);
        } else {
          const child = node.children.get(level);
          if (child !== undefined) next.push(child);
        }
      }
      nodes = next;
    }
    for (const node of nodes) if (node.value !== undefined && visit(node.value) === false) return;
  }
}

/** Visits the nodes and all nodes below them. Names that begin with "$" are skipped if "#" is the first level. */
function visitBelow<Value>(nodes: Node<Value>[], first: boolean, visit: (value: Value) => unknown): void {
  const stack = [...nodes];
  let atRoot = first;
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node.value !== undefined && visit(node.value) === false) return;
    if (node.children !== undefined) {
      for (const [name, child] of node.children) if (!atRoot || !name.startsWith("$")) stack.push(child);
    }
    atRoot = false;
  }
}
