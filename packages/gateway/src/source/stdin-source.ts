/** A source that reads what is piped into the gateway. It ends with its input. */

import type { StdinSettings } from "../configuration/configuration.js";
import type { ByteInput } from "./byte-stream.js";
import { Channel } from "./channel.js";
import type { Intake } from "./intake.js";
import type { Source, SourceState, SourceStatus } from "./source.js";

export class StdinSource implements Source {
  private state: SourceState = "down";
  private lastError: string | undefined;
  private channel: Channel | undefined;

  /** @param ended is called when the input is over and all of it is accepted or dropped */
  constructor(
    private readonly settings: StdinSettings,
    private readonly intake: Intake,
    private readonly input: ByteInput,
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
    this.channel = new Channel(intake, peer, {
      duplex: "none",
      write: () => false,
      pause: () => input.pause(),
      resume: () => input.resume(),
    });
    this.state = "up";
    intake.parts.log.info("the source is up", { source: id });
    intake.parts.condition("up");
    input.on("data", this.receive).on("error", this.failed).on("end", this.over).on("close", this.over);
    if (input.readableEnded || input.destroyed) this.end(undefined);
    else input.resume(); // a source before this one may have paused it
  }

  async stop(): Promise<void> {
    this.input.pause();
    this.input.off("data", this.receive).off("error", this.failed).off("end", this.over).off("close", this.over);
    await this.intake.stop();
    await this.channel?.close();
  }

  private readonly receive = (bytes: Uint8Array): void => this.channel?.receive(bytes);
  private readonly failed = (error: Error): void => this.end(error.message);
  private readonly over = (): void => this.end(undefined);

  private end(why: string | undefined): void {
    if (this.state !== "up") return;
    this.state = "ended";
    this.lastError = why;
    this.intake.parts.log.info("the input has ended", { source: this.settings.id, error: why });
    this.intake.parts.condition("down");
    void this.channel?.close().then(this.ended);
  }
}
