// An answer of a hook that the test gives later.
export interface Decision<Answer> {
  readonly promise: Promise<Answer>;
  answer(value: Answer): void;
  fail(error: unknown): void;
}

export function decision<Answer>(): Decision<Answer> {
  let answer!: (value: Answer) => void;
  let fail!: (error: unknown) => void;
  const promise = new Promise<Answer>((resolve, reject) => {
    answer = resolve;
    fail = reject;
  });
  return { promise, answer, fail };
}
