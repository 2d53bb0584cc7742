/** Publishes whose outcome is pending, so many at most that memory stays small. Remembers the first failure. */

const MOST = 20_000;
/** Reading continues when so many are left. */
const FEW = 10_000;

export class Window {
  private pending = 0;
  private failure: { readonly error: unknown } | undefined;
  private wake: (() => void) | undefined;
  private wanted = 0;

  add(outcome: Promise<unknown>): void {
    this.pending++;
    outcome.then(this.done, (error: unknown) => {
      this.failure ??= { error };
      this.done();
    });
  }

  /** Waits until more can be added. @throws the first failure */
  async room(): Promise<void> {
    if (this.pending > MOST) await this.until(FEW);
    if (this.failure !== undefined) throw this.failure.error;
  }

  /** Waits until every outcome is known. @throws the first failure */
  async empty(): Promise<void> {
    await this.until(0);
    if (this.failure !== undefined) throw this.failure.error;
  }

  private async until(wanted: number): Promise<void> {
    if (this.pending <= wanted || this.failure !== undefined) return;
    this.wanted = wanted;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
    });
  }

  private readonly done = (): void => {
    this.pending--;
    if (this.pending > this.wanted && this.failure === undefined) return;
    this.wake?.();
    this.wake = undefined;
  };
}
