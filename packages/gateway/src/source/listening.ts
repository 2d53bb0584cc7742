/** A server socket that is opened for ever: a port in use is tried again, with growing delays. Knows nothing of what connects to it. */

import { randomInt } from "node:crypto";
import type { AddressInfo, Server } from "node:net";
import type { Clock, Timer } from "@aiko/mqtt";
import type { Address } from "../configuration/configuration.js";
import type { Log } from "../supervise/log.js";

/** The first delay before another attempt, in milliseconds, and the longest. */
const FIRST_DELAY = 200;
const LONGEST_DELAY = 30_000;

export class Listening {
  lastError: string | undefined;
  private address: AddressInfo | undefined;
  private delay = FIRST_DELAY;
  private timer: Timer | undefined;
  private isStopped = false;

  /** @param scheme of the URL that `url` returns */
  constructor(
    private readonly server: Server,
    private readonly at: Address,
    private readonly scheme: string,
    private readonly source: string,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  get isUp(): boolean {
    return this.address !== undefined;
  }

  /** Where it listens, as a URL. Undefined while it does not. */
  get url(): string | undefined {
    if (this.address === undefined) return undefined;
    const { address, family, port } = this.address;
    return `${this.scheme}://${family === "IPv6" ? `[${address}]` : address}:${port}`;
  }

  /** Resolves at the first success or failure. */
  start(): Promise<void> {
    return new Promise((resolve) => {
      this.server.on("error", (error) => {
        if (this.address === undefined) this.failed(error.message);
        resolve();
      });
      this.server.on("listening", () => {
        if (this.isStopped) {
          this.server.close(); // the stop came while the host's name was being resolved
          return;
        }
        this.address = this.server.address() as AddressInfo;
        this.lastError = undefined;
        this.log.info("the source is up", { source: this.source, url: this.url });
        resolve();
      });
      this.listen();
    });
  }

  /** Accepts no further connection. Resolves when all are closed. */
  stop(): Promise<void> {
    this.isStopped = true;
    this.timer?.cancel();
    if (this.address === undefined) return Promise.resolve();
    this.address = undefined;
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private listen(): void {
    const { host, port } = this.at;
    this.server.listen({ port, host: host === "" ? undefined : host, exclusive: true });
  }

  /** Logged once a failure, not once an attempt. */
  private failed(why: string): void {
    if (this.lastError !== why)
      this.log.warn("the source is down; it is tried again", { source: this.source, error: why });
    this.lastError = why;
    if (this.isStopped) return;
    this.timer = this.clock.schedule(randomInt(Math.floor(this.delay / 2), this.delay + 1), () => this.listen());
    this.delay = Math.min(LONGEST_DELAY, this.delay * 2);
  }
}
