/**
 * Publishes whose outcome is pending, so many at most that memory stays small, and that the client's outbox has room.
 * Remembers the first failure.
 */

const MOST = 20_000;
const MOST_BYTES = 16 * 2 ** 20;
/** The bytes of so short payloads are not counted, since `MOST` limits them. */
const LITTLE = 1_024;

export class Window {
  private pending = 0;
  private bytes = 0;
  private failure: { readonly error: unknown } | undefined;
  private wake: (() => void) | undefined;
  private isEnough: () => boolean = () => true;

  /** @param bytes the size of the payload */
  add(outcome: Promise<unknown>, bytes: number): void {
    this.pending++;
    if (bytes <= LITTLE) {
      outcome.then(this.done, this.failed);
      return;
    }
    this.bytes += bytes;
    const release = (): void => {
      this.bytes -= bytes;
    };
    outcome.then(release, release);
    outcome.then(this.done, this.failed);
  }

  /** Waits until more can be added. @throws the first failure */
  async room(): Promise<void> {
    if (this.pending > MOST || this.bytes > MOST_BYTES)
      await this.until(() => this.pending <= MOST / 2 && this.bytes <= MOST_BYTES / 2);
    if (this.failure !== undefined) throw this.failure.error;
  }

  /** Waits until every outcome is known. @throws the first failure */
  async empty(): Promise<void> {
    await this.until(() => this.pending === 0);
    if (this.failure !== undefined) throw this.failure.error;
  }

  private async until(isEnough: () => boolean): Promise<void> {
    if (isEnough() || this.failure !== undefined) return;
    this.isEnough = isEnough;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
    });
  }
  private readonly done = (): void => {
    this.pending--;
    if (!this.isEnough() && this.failure === undefined) return;
    this.wake?.();
    this.wake = undefined;
  };

  private readonly failed = (error: unknown): void => {
    this.failure ??= { error };
    this.done();
  };
}
