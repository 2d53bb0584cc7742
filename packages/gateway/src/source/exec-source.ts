/** A source that runs a command and reads what it prints: for ever, or from time to time. */

import type { Timer } from "@aiko/mqtt";
import type { ExecSettings } from "../configuration/configuration.js";
import { greet } from "./greeting.js";
import { Health } from "./health.js";
import type { Intake } from "./intake.js";
import { type Attempt, Reopening } from "./reopening.js";
import type { RunningCommand, StartCommand } from "./running-command.js";
import type { Source, SourceStatus } from "./source.js";
import { attach } from "./stream-wire.js";

/** Milliseconds after which a command that has printed nothing counts as running. */
const SETTLED = 1_000;

export class ExecSource implements Source {
  private readonly health: Health;
  private readonly reopening: Reopening;
  private child: RunningCommand | undefined;
  private running: Promise<void> = Promise.resolve();
  private timer: Timer | undefined;
  private timeouts = 0;
  private isStopped = false;

  constructor(
    private readonly settings: ExecSettings,
    private readonly intake: Intake,
    private readonly startCommand: StartCommand,
  ) {
    const { clock, log } = intake.parts;
    this.health = new Health(settings.id, log, intake.parts.condition);
    const open = (attempt: Attempt): void => {
      this.running = this.run(() => attempt.opened(urlOf(settings))).then((why) =>
        attempt.closed(why ?? "the command ended with the exit code 0"),
      );
    };
    this.reopening = new Reopening(this.health, clock, open, settings.restart);
  }

  get status(): SourceStatus {
    const status = this.health.status(this.child === undefined ? 0 : 1);
    return this.settings.every === undefined ? status : { ...status, timeouts: this.timeouts };
  }

  async start(): Promise<void> {
    if (this.settings.every === undefined) await this.reopening.start();
    else this.runEvery(this.settings.every);
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.timer?.cancel();
    this.reopening.stop();
    await this.intake.stop();
    await this.child?.kill();
    await this.running;
  }

  /**
   * Runs the command until it ends, and has all that it printed accepted. Resolves to why it failed, or to undefined.
   *
   * @param works is called when the command prints something, or has run for a while
   */
  private async run(works: () => void): Promise<string | undefined> {
    const { settings, intake } = this;
    const { clock, log } = intake.parts;
    const timer = clock.schedule(SETTLED, works);
    try {
      const child = this.startCommand(settings, clock, log);
      this.child = child;
      const channel = attach(intake, { peer: settings.id, port: 0 }, child.output, child.input, "full");
      child.output.once("data", works);
      greet(settings, channel);
      const why = await this.endOf(child);
      await channel.close();
      return why;
    } catch (error) {
      return error instanceof Error ? error.message : String(error); // it could not be started
    } finally {
      timer.cancel();
      this.child = undefined;
    }
  }

  /** Resolves to why it failed, or to undefined. A command that takes too long is ended. */
  private async endOf(child: RunningCommand): Promise<string | undefined> {
    const { timeout } = this.settings;
    if (timeout === Infinity) return child.ended;
    let isLate = false;
    const timer = this.intake.parts.clock.schedule(timeout, () => {
      isLate = true;
      this.timeouts++;
      void child.kill();
    });
    const why = await child.ended;
    timer.cancel();
    return isLate ? `the command was ended, because it took more than ${timeout} ms` : why;
  }

  /** One run after the other: one that takes longer delays the next. */
  private runEvery(every: number): void {
    const { clock } = this.intake.parts;
    const began = clock.now();
    this.running = this.run(() => {}).then((why) => {
      if (this.isStopped) return;
      if (why === undefined) this.health.up(urlOf(this.settings));
      else this.health.down(why);
      this.timer = clock.schedule(Math.max(0, began + every - clock.now()), () => this.runEvery(every));
    });
  }
}

function urlOf({ run }: ExecSettings): string {
  return `exec:${run[0]}`;
}
