// The client processes of a run, one at a time, each killed with SIGKILL sooner or later. The next one is started beforehand and waits
// for its orders, so that starting Node does not take up the run.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** What a client process is told to do. */
export interface Orders {
  readonly url: string;
  readonly clientId: string;
  readonly version: 4 | 5;
  readonly qos: 1 | 2;
  readonly publishes: boolean;
  readonly receives: boolean;
  /** Where the session is kept; undefined keeps it in memory. */
  readonly directory: string | undefined;
  /** The first number to publish, unless the store holds later ones. */
  readonly from: number;
  /** The last number to publish; 0: until told to stop. */
  readonly until: number;
  /** Publishes all of them before it connects. */
  readonly offline: boolean;
  /** Does not tell of each message that settled. */
  readonly quiet: boolean;
  /** Unsettled publishes at a time. */
  readonly window: number;
  /** Turns of its loop, a message or a moment each, before memory is measured for the first time. */
  readonly warmUp: number;
  /** Milliseconds that promises have to settle when the run is over. */
  readonly patience: number;
}

export class ClientProcess<Work = Orders> implements AsyncDisposable {
  private standby: ChildProcessWithoutNullStreams;
  private current: ChildProcessWithoutNullStreams | undefined;
  private readonly ends = new WeakMap<ChildProcessWithoutNullStreams, Promise<unknown>>();
  kills = 0;

  constructor(
    private readonly program: string,
    private readonly heard: (words: readonly string[]) => void,
  ) {
    this.standby = this.spawn();
  }

  /** Puts the waiting process to work, and has another wait. */
  start(orders: Work): void {
    const child = this.standby;
    this.current = child;
    child.stdin.write(`${JSON.stringify(orders)}\n`);
    this.standby = this.spawn();
  }

  /** Kills it. */
  kill(): void {
    this.kills++;
    this.current?.kill("SIGKILL");
  }

  /** Resolves when it has ended and all it said was heard. */
  async ended(): Promise<void> {
    if (this.current !== undefined) await this.ends.get(this.current);
  }

  /** It publishes nothing more, and is done when nothing is pending. */
  stop(): void {
    this.current?.stdin.write("stop\n");
  }

  /** It says goodbye and ends. */
  async leave(): Promise<void> {
    this.current?.stdin.write("leave\n");
    await this.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of [this.current, this.standby]) {
      if (child === undefined) continue;
      child.kill("SIGKILL");
      await this.ends.get(child);
    }
  }

  private spawn(): ChildProcessWithoutNullStreams {
    const child = spawn(process.execPath, ["--expose-gc", this.program], { stdio: "pipe" });
    this.ends.set(child, once(child, "close"));
    child.stdin.on("error", () => undefined); // it was killed
    child.stderr.on("data", (text: Buffer) => this.heard(["error", ...text.toString().trim().split(" ")]));
    createInterface({ input: child.stdout }).on("line", (line) => this.heard(line.split(" ")));
    return child;
  }
}
