/** What the shared suites use: cases for any test runner, and a few checks. */

/** One case of a suite, for any test runner. */
export interface SuiteCase {
  /** The behaviour that the case checks. */
  readonly name: string;
  /** Runs the case. Rejects with an Error that names the expectation and the result. */
  run(): Promise<void>;
}

/** @throws Error that states the expectation and the result */
export function check(holds: boolean, rule: string): void {
  if (!holds) throw new Error(`it must be that ${rule}`);
}

export function checkBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  check(actual.length === expected.length, `${what} has ${expected.length} bytes; it has ${actual.length}`);
  for (let i = 0; i < expected.length; i++) {
    check(actual[i] === expected[i], `byte ${i} of ${what} is ${expected[i]}; it is ${actual[i]}`);
  }
}

export async function checkRejects(promise: Promise<unknown>, what: string): Promise<void> {
  const rejected = await promise.then(
    () => false,
    () => true,
  );
  check(rejected, `${what} rejects`);
}

/** Makes bytes that differ from their neighbours, so that an extra or missing byte is detected. */
export function pattern(length: number, first = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (first + i * 7 + (i >> 8)) & 0xff;
  return bytes;
}
