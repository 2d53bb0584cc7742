/**
 * Which servers there are to connect to, and in which order: the one that worked last comes first, and before it those that
 * a server sent this client to [MQTT5 4.11].
 */

import { UsageError } from "../errors.js";
import { given } from "./given-function.js";
import { parseServerUrl, type ServerUrl, type Url } from "./server-url.js";

type Urls = Url | readonly Url[];

/** One URL, a list to fail over through, or a function that is asked before each round of attempts. */
export type Servers = Urls | (() => Urls | Promise<Urls>);

const NONE: readonly ServerUrl[] = [];

export class ServerList {
  /** The application's function, if there is one. */
  private readonly source: (() => Urls | Promise<Urls>) | undefined;
  private servers = NONE;
  /** What a server referred to, until it fails. */
  private references = NONE;
  /** The name of the server that accepted last. */
  private healthy = "";

  /** @throws UsageError URL_INVALID */
  constructor(servers: Servers) {
    if (typeof servers === "function") this.source = servers;
    else this.servers = parse(servers);
  }

  /** Whether a URL names a user, or might once it is known. */
  get mayNameUser(): boolean {
    return this.mustBeAsked || this.servers.some((server) => server.username !== undefined);
  }

  /** Whether the application has to be asked for them. */
  get mustBeAsked(): boolean {
    return this.source !== undefined;
  }

  /** Asks the function, if there is one. Rejects with OPTION_FAILED if it throws, and with UsageError URL_INVALID. */
  async refresh(): Promise<void> {
    const { source } = this;
    if (source !== undefined) this.servers = parse(await given("url", source));
  }

  /** All of them, in the order to try. */
  get candidates(): readonly ServerUrl[] {
    const at = Math.max(
      0,
      this.servers.findIndex((server) => server.name === this.healthy),
    );
    return [...this.references, ...this.servers.slice(at), ...this.servers.slice(0, at)];
  }

  accepted(server: ServerUrl): void {
    if (this.references.includes(server)) this.references = [server];
    else this.healthy = server.name;
  }

  failed(server: ServerUrl): void {
    this.references = this.references.filter((each) => each !== server);
    if (server.name !== this.healthy) return;
    const at = this.servers.findIndex((each) => each.name === server.name);
    this.healthy = this.servers[(at + 1) % this.servers.length]?.name ?? "";
  }

  /**
   * A server referred to others: names with or without a port, separated by spaces [MQTT5 4.11]. They are spoken to in the
   * same way and with the same credentials. What is none of a server's names is passed over. False if nothing is left.
   */
  refer(from: ServerUrl, serverReference: string, permanently: boolean): boolean {
    const references: ServerUrl[] = [];
    for (const name of serverReference.split(" ")) {
      try {
        const { username, password } = from;
        references.push({ ...parseServerUrl(`${from.address.scheme}://${name}`), username, password });
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
      }
    }
    if (references.length === 0) return false;
    if (permanently) this.servers = references;
    else this.references = references;
    return true;
  }
}

function parse(urls: Urls): readonly ServerUrl[] {
  const servers = (Array.isArray(urls) ? (urls as readonly Url[]) : [urls as Url]).map(parseServerUrl);
  if (servers.length === 0) throw new UsageError("URL_INVALID", "url: the list of servers is empty");
  return servers;
}
