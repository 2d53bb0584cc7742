// The limit that reconnection keeps, with fewer clients than `npm run simulate` has.
import { expect, test } from "vitest";
import { attemptsBound, simulateOutage } from "../scripts/outage.js";

test("if many clients lose their server at once, no second has more attempts than the back-off promises", async () => {
  const reconnect = { initialDelay: 1_000, maximumDelay: 60_000 };
  const { attempts, online } = await simulateOutage({
    clients: 1_000,
    outage: 180,
    after: 240,
    capacity: 20,
    reconnect,
  });
  const beyond = attempts.filter((count, second) => count > attemptsBound(1_000, reconnect, second));
  expect(beyond).toEqual([]);
  expect(online.at(-1)).toBe(1_000);
});
