// The bounds of verifications, and the turns of their lanes.
import { expect, test } from "vitest";
import { VerificationQueue } from "../../src/users/verification-queue.ts";

/** Work that the test ends. */
function opened(maximumRunning: number, maximumWaiting: number) {
  const queue = new VerificationQueue<string>({ maximumRunning, maximumWaiting });
  const running: { readonly name: string; end(): Promise<void> }[] = [];
  const outcomes: string[] = [];
  const add = (lane: string, name: string): void => {
    const work = (): Promise<string> =>
      new Promise((resolve) => {
        const end = async (): Promise<void> => {
          running.splice(running.indexOf(started), 1);
          resolve(name);
          await settled();
        };
        const started = { name, end };
        running.push(started);
      });
    void queue.run(lane, work).then((result) => outcomes.push(result ?? `${name} refused`));
  };
  return { queue, running, outcomes, add };
}

/** After the promises that are settled now, and those that follow them. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("no more run than maximumRunning, and the others follow in order", async () => {
  const { running, outcomes, add } = opened(2, 10);
  for (const name of ["1", "2", "3", "4"]) add("lane", name);
  expect(running.map(({ name }) => name)).toEqual(["1", "2"]);
  await running[1]?.end();
  expect(running.map(({ name }) => name)).toEqual(["1", "3"]);
  while (running.length > 0) await running[0]?.end();
  expect(outcomes).toEqual(["2", "1", "3", "4"]);
});

test("lanes take turns", async () => {
  const { running, outcomes, add } = opened(1, 100);
  add("a", "a0");
  for (let i = 1; i <= 3; i++) add("a", `a${i}`);
  add("b", "b1");
  add("c", "c1");
  while (running.length > 0) await running[0]?.end();
  expect(outcomes).toEqual(["a0", "a1", "b1", "c1", "a2", "a3"]);
});

test("a lane holds at most a quarter of the waiting ones", async () => {
  const { outcomes, add } = opened(1, 8);
  for (let i = 0; i <= 4; i++) add("a", `a${i}`);
  await settled();
  expect(outcomes).toEqual(["a3 refused", "a4 refused"]);
});

test("if all places are taken, the longest lane loses its last one to a new lane", async () => {
  const { running, outcomes, add } = opened(1, 8);
  for (const lane of ["a", "b", "c", "d"]) for (let i = 0; i < 3; i++) add(lane, `${lane}${i}`);
  await settled();
  outcomes.splice(0);
  add("e", "e0");
  await settled();
  expect(outcomes).toEqual(["a2 refused"]);
  await running[0]?.end();
  while (running.length > 0) await running[0]?.end();
  expect(outcomes.slice(2, 7)).toEqual(["a1", "b0", "c0", "d0", "e0"]);
});

test("if every lane has one place, a new lane is refused", async () => {
  const { outcomes, add } = opened(1, 4);
  for (const lane of ["x", "a", "b", "c", "d", "e"]) add(lane, lane);
  await settled();
  expect(outcomes).toEqual(["e refused"]);
});

test("work that fails or throws leaves its place to the next", async () => {
  const queue = new VerificationQueue<string>({ maximumRunning: 1, maximumWaiting: 16 });
  const first = queue.run("a", () => Promise.reject(new Error("failed")));
  const second = queue.run("a", () => {
    throw new Error("threw");
  });
  const third = queue.run("a", async () => "done");
  await expect(first).rejects.toThrow("failed");
  await expect(second).rejects.toThrow("threw");
  expect(await third).toBe("done");
});
