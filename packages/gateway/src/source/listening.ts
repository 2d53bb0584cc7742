/** A server socket that is opened for ever. Knows nothing of what connects to it. */

import type { AddressInfo, Server } from "node:net";
import type { Address, UnixPath } from "../configuration/configuration.js";
import { Health } from "./health.js";
import type { IntakeParts } from "./intake.js";
import { type Attempt, Reopening } from "./reopening.js";
import type { SourceStatus } from "./source.js";
import { listenAtPath, removeIfDead } from "./unix-path.js";

export class Listening {
  private readonly health: Health;
  private readonly reopening: Reopening;
  private attempt: Attempt | undefined;
  private isStopped = false;

  /** @param scheme of the URL where it listens */
  constructor(
    private readonly server: Server,
    private readonly at: Address | UnixPath,
    private readonly scheme: string,
    source: string,
    { clock, log, condition }: Pick<IntakeParts, "clock" | "log" | "condition">,
  ) {
    this.health = new Health(source, log, condition);
    this.reopening = new Reopening(this.health, clock, (attempt) => void this.listen(attempt));
    server.on("error", (error) => {
      if (!this.server.listening) this.attempt?.closed(error.message);
    });
    server.on("listening", () => {
      if (this.isStopped)
        server.close(); // the stop came while the host's name was being resolved
      else this.attempt?.opened(this.url);
    });
  }

  status(connections: number): SourceStatus {
    return this.health.status(connections);
  }

  /** Where it listens, as a URL. Undefined while it does not. */
  get url(): string | undefined {
    if (!this.server.listening || this.isStopped) return undefined;
    if ("path" in this.at) return `${this.scheme}:${this.at.path}`;
    const { address, family, port } = this.server.address() as AddressInfo;
    return `${this.scheme}://${family === "IPv6" ? `[${address}]` : address}:${port}`;
  }

  /** Resolves at the first success or failure. */
  start(): Promise<void> {
    return this.reopening.start();
  }

  /** Accepts no further connection. Resolves when all are closed. */
  stop(): Promise<void> {
    this.isStopped = true;
    this.reopening.stop();
    if (!this.server.listening) return Promise.resolve();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private async listen(attempt: Attempt): Promise<void> {
    this.attempt = attempt;
    const { at, server } = this;
    if ("path" in at) {
      await removeIfDead(at.path);
      if (!this.isStopped) listenAtPath(server, at.path, at.mode);
    } else {
      server.listen({ port: at.port, host: at.host === "" ? undefined : at.host, exclusive: true });
    }
  }
}
