// The clocks of all platforms fulfil the same contract.
import { CLOCK_KINDS, type ClockKind, clockSuite, FakeClock } from "@aiko/mqtt/testing";
import { afterEach, describe, expect, test, vi } from "vitest";
import { platform as small } from "../../src/small/small-platform.ts";
import { platform as bare } from "../../src/transport/platform-bare.ts";
import { platform as browser } from "../../src/transport/platform-browser.ts";
import { platform as node } from "../../src/transport/platform-node.ts";

const systemTime = Date.now;

describe.each([
  ["Node", { clock: node.clock, systemTime }],
  ["a browser", { clock: browser.clock, systemTime }],
  ["an unknown runtime", { clock: bare.clock, systemTime }],
  ["the small client", { clock: small.clock }],
])("the clock of %s", (_, harness) => {
  test.each(clockSuite(harness))("$name", ({ run }) => run());
});

describe.each(Object.entries<ClockKind>(CLOCK_KINDS))("a fake clock of the kind %s", (_, kind) => {
  const clock = new FakeClock(undefined, kind);
  const suite = clockSuite({ clock, systemTime: () => clock.now() });
  test.each(suite)("$name", ({ run }) => clock.until(run()));
});

describe("on an unknown runtime", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  test("time advances and never steps back, while the system's clock is set back and forth", () => {
    const { clock } = bare;
    const date = vi.spyOn(Date, "now");
    const began = clock.now();
    let system = began;
    const times = [5, -3_600_000, 5, 5, -1, 5, 7_200_000, 5].map((step) => {
      system += step;
      date.mockReturnValue(system);
      return clock.now() - began;
    });
    expect(times).toEqual([5, 5, 10, 15, 15, 20, 7_200_020, 7_200_025]);
  });

  test("without timers, starting a timer throws a clear error", () => {
    vi.stubGlobal("setTimeout", undefined);
    expect(() => bare.clock.schedule(1, () => {})).toThrow("no timers");
  });
});
