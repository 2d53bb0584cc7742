// Features of the full client beyond the suite of both clients.
import fc from "fast-check";
import { expect, test } from "vitest";
import { ReconnectPolicy } from "../../src/client/connecting/reconnect-policy.ts";

test("the upper limit of the delay doubles up to the maximum, and the lower limit holds for any random value", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000 }),
      fc.integer({ min: 0, max: 100_000 }),
      fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1, maxLength: 50 }),
      (initialDelay, more, chances) => {
        const maximumDelay = initialDelay + more;
        const left = [...chances];
        const delays = { initialDelay, maximumDelay, maximumAttempts: Infinity };
        const policy = new ReconnectPolicy(delays, { next: () => left.shift() ?? 0 });
        chances.forEach((_, i) => {
          const bound = Math.min(maximumDelay, initialDelay * 2 ** i);
          const delay = policy.next(0) ?? 0;
          expect(Number.isInteger(delay)).toBe(true);
          expect(delay).toBeGreaterThanOrEqual(bound * 0.1);
          expect(delay).toBeLessThanOrEqual(bound);
          expect(policy.attempts).toBe(i + 1);
        });
      },
    ),
  );
});
