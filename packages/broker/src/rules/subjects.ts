/** Values for clients: for all, for users, or for client identifiers. Finds those of one client. */

import type { RuledClient } from "./placeholders.js";

/** Whom a value is for, as in `RuleSettings`. */
export interface Subject {
  readonly users: readonly string[] | undefined;
  readonly clients: readonly string[] | undefined;
}

/** A value for users that is restricted to some of their clients. */
interface OfUser<Value> {
  readonly value: Value;
  readonly clients: ReadonlySet<string> | undefined;
}

export class Subjects<Value> {
  private readonly everyone: Value[] = [];
  /** By user; the name "" stands for clients without an identity. */
  private readonly byUser = new Map<string, OfUser<Value>[]>();
  private readonly byClient = new Map<string, Value[]>();

  add({ users, clients }: Subject, value: Value): void {
    if (users !== undefined) {
      const restricted = { value, clients: clients && new Set(clients) };
      for (const user of new Set(users)) listIn(this.byUser, user).push(restricted);
    } else if (clients !== undefined) {
      for (const clientId of new Set(clients)) listIn(this.byClient, clientId).push(value);
    } else {
      this.everyone.push(value);
    }
  }

  /** Calls `visit` for each value that is for this client. */
  visit(client: RuledClient, visit: (value: Value) => void): void {
    for (const value of this.everyone) visit(value);
    if (this.byUser.size > 0)
      for (const { value, clients } of this.byUser.get(client.identity ?? "") ?? [])
        if (clients === undefined || clients.has(client.clientId)) visit(value);
    if (this.byClient.size > 0) for (const value of this.byClient.get(client.clientId) ?? []) visit(value);
  }
}

function listIn<Value>(map: Map<string, Value[]>, key: string): Value[] {
  let list = map.get(key);
  if (list === undefined) {
    list = [];
    map.set(key, list);
  }
  return list;
}
