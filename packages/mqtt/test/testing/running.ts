// Runs what waits for promises while a fake clock goes on, as fast as it can.
import type { FakeClock } from "@aiko/mqtt/testing";

/** Lets time pass until `work` is done; fails after a minute of fake time. */
export async function whileTimePasses<Result>(clock: FakeClock, work: Promise<Result>): Promise<Result> {
  let over = false;
  const done = () => {
    over = true;
  };
  work.then(done, done);
  const limit = clock.now() + 60_000;
  while (!over) {
    if (clock.now() > limit) throw new Error("not done within a minute");
    await clock.advance(10);
  }
  return work;
}
