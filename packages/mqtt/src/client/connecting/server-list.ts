/**
 * The servers to connect to, and their order. Servers that another one referred to come first [MQTT5 4.11], then the
 * one that accepted last. The application's own servers always stay in the list.
 */

import { UsageError } from "../../errors.js";
import { given } from "./given-function.js";
import { serversNamedBy } from "./server-reference.js";
import { parseServerUrl, portOf, type ServerUrl, type Url } from "./server-url.js";

/** One URL, or a list of URLs for failover. */
export type Urls = Url | readonly Url[];

/** One URL, a list of URLs for failover, or a function that returns either before each round of attempts. */
export type Servers = Urls | (() => Urls | Promise<Urls>);

const NONE: readonly ServerUrl[] = [];

export class ServerList {
  /** The application's function, if it passed one. */
  private readonly source: (() => Urls | Promise<Urls>) | undefined;
  private servers = NONE;
  /**
   * The servers of a Server Reference. One that fails is removed, unless the reference is permanent. All are removed
   * when one of the application's own servers accepts.
   */
  private references = NONE;
  private moved = false;
  /** The name of the server that accepted last. */
  private healthy = "";

  /** @throws UsageError URL_INVALID */
  constructor(servers: Servers) {
    if (typeof servers === "function") this.source = servers;
    else this.servers = parse(servers);
  }

  /** Whether a URL contains a user name, or may contain one if URLs come from a function. */
  get mayNameUser(): boolean {
    return this.mustBeAsked || this.namesUser;
  }

  /** Whether a URL contains a user name. */
  get namesUser(): boolean {
    return this.servers.some((server) => server.username !== undefined);
  }

  /** Whether the URLs come from a function. */
  get mustBeAsked(): boolean {
    return this.source !== undefined;
  }

  /** Calls the function, if there is one. Rejects with OPTION_FAILED if it throws, or with UsageError URL_INVALID. */
  async refresh(): Promise<void> {
    const { source } = this;
    if (source !== undefined) this.servers = parse(await given("url", source));
  }

  /** All servers, in the order to try. */
  get candidates(): readonly ServerUrl[] {
    const at = Math.max(
      0,
      this.servers.findIndex((server) => server.name === this.healthy),
    );
    return [...this.references, ...this.servers.slice(at), ...this.servers.slice(0, at)];
  }

  /** Returns whether the server is one of the application's own, not one that another server referred to. */
  isOwn(server: ServerUrl): boolean {
    return this.servers.includes(server);
  }

  accepted(server: ServerUrl): void {
    if (this.isOwn(server)) {
      this.healthy = server.name;
      this.references = NONE;
    } else if (this.references.includes(server)) {
      this.references = [server];
    }
  }

  failed(server: ServerUrl): void {
    if (!this.moved) this.references = this.references.filter((each) => each !== server);
    if (server.name !== this.healthy) return;
    const at = this.servers.findIndex((each) => each.name === server.name);
    this.healthy = this.servers[(at + 1) % this.servers.length]?.name ?? "";
  }

  /**
   * Adds the servers that a server referred to. They are tried first from now on, with the same scheme and credentials.
   * A server of the application's own list uses its own URL.
   *
   * @param moved whether the reference is permanent
   * @param onlyOwn whether to skip servers that are not in the application's list
   * @returns false if a server was skipped for that reason
   */
  refer(from: ServerUrl, serverReference: string, moved: boolean, onlyOwn: boolean): boolean {
    const { username, password, address } = from;
    const references: ServerUrl[] = [];
    let passedOver = false;
    for (const { host, port } of serversNamedBy(serverReference)) {
      const own = this.servers.find((each) => {
        const { scheme, host: ownHost, port: ownPort } = each.address;
        return ownHost.toLowerCase() === host && ownPort === (port ?? portOf(scheme));
      });
      if (own !== undefined) {
        references.push(own);
      } else if (onlyOwn) {
        passedOver = true;
      } else if (address.scheme !== "unix") {
        const authority = `${host.includes(":") ? `[${host}]` : host}:${port ?? portOf(address.scheme)}`;
        references.push({ ...parseServerUrl(`${address.scheme}://${authority}`), username, password });
      }
    }
    if (references.length > 0) {
      this.references = references;
      this.moved = moved;
    }
    return !passedOver;
  }
}

function parse(urls: Urls): readonly ServerUrl[] {
  const servers = (Array.isArray(urls) ? (urls as readonly Url[]) : [urls as Url]).map(parseServerUrl);
  if (servers.length === 0) throw new UsageError("URL_INVALID", "url: the list of servers is empty");
  return servers;
}
