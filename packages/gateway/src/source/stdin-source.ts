/** A source that reads what is piped into the gateway. It ends with its input. */

import type { Readable } from "node:stream";
import type { StdinSettings } from "../configuration/configuration.js";
import type { Channel, Intake } from "./intake.js";
import type { Source, SourceState, SourceStatus } from "./source.js";

export class StdinSource implements Source {
  private state: SourceState = "down";
  private lastError: string | undefined;
  private channel: Channel | undefined;

  /** @param ended is called when the input is over and all of it is accepted or dropped */
  constructor(
    private readonly settings: StdinSettings,
    private readonly intake: Intake,
    private readonly input: Readable,
    private readonly ended: () => void,
  ) {}

  get status(): SourceStatus {
    return {
      state: this.state,
      connections: this.state === "up" ? 1 : 0,
      reopens: 0,
      lastError: this.lastError,
      url: undefined,
    };
  }

  async start(): Promise<void> {
    const { intake, input } = this;
    const { id } = this.settings;
    const peer = { peer: id, port: 0 };
    this.channel = intake.open(peer, { write: () => {}, pause: () => input.pause(), resume: () => input.resume() });
    this.state = "up";
    input.on("data", (bytes: Uint8Array) => this.channel?.receive(bytes));
    input.on("error", (error) => this.end(error.message));
    input.on("end", () => this.end(undefined));
    intake.parts.log.info("the source is up", { source: id });
  }

  async stop(): Promise<void> {
    this.input.pause();
    this.input.removeAllListeners("data");
    await this.intake.stop();
    await this.channel?.close();
  }

  private end(why: string | undefined): void {
    if (this.state !== "up") return;
    this.state = "ended";
    this.lastError = why;
    this.intake.parts.log.info("the input has ended", { source: this.settings.id, error: why });
    void this.channel?.close().then(this.ended);
  }
}
