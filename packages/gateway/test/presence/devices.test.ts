import fc from "fast-check";
import { expect, test } from "vitest";
import { type Device, Devices } from "../../src/presence/devices.ts";

const deviceOf = (name: string): Device => ({ name, topic: `t/${name}`, availability: `t/${name}/availability` });

test("a device comes online once, goes offline after the silence, and comes back", () => {
  const devices = new Devices(1_000);
  const see = (now: number) => devices.seen("a", now, () => deviceOf("a"));
  expect(see(0)).toMatchObject({ name: "a" });
  expect(see(500)).toBeUndefined();
  expect(devices.deadline()).toBe(1_500);
  expect(devices.advance(1_499)).toEqual([]);
  expect(devices.advance(1_500)).toEqual([deviceOf("a")]);
  expect(devices.counts).toEqual({ online: 0, offline: 1 });
  expect(devices.deadline()).toBe(Infinity);
  expect(see(2_000)).toMatchObject({ name: "a" });
});

test("without silence, no device goes offline", () => {
  const devices = new Devices(0);
  devices.seen("a", 0, () => deviceOf("a"));
  expect(devices.deadline()).toBe(Infinity);
  expect(devices.advance(1e15)).toEqual([]);
});

test("a device that was known before is offline until it is seen", () => {
  const devices = new Devices(1_000);
  devices.add(deviceOf("a"));
  expect(devices.isOnline("a")).toBe(false);
  expect(devices.seen("a", 0, () => expect.fail("it is known"))).toEqual(deviceOf("a"));
});

test("there is room for a bounded number of devices", () => {
  const devices = new Devices(1_000, 2);
  for (const name of ["a", "b"]) devices.seen(name, 0, () => deviceOf(name));
  expect(devices.seen("c", 0, () => expect.fail("there is no room"))).toBe("full");
  devices.add(deviceOf("d"));
  expect(devices.counts).toEqual({ online: 2, offline: 0 });
  devices.advance(1_000);
  expect(devices.seen("c", 1_000, () => expect.fail("there is no room"))).toBe("full");
  expect(devices.seen("b", 1_000, () => expect.fail("it is known"))).toEqual(deviceOf("b"));
});

test("a device that was silent longer is never online, and one that was not always is", () => {
  const event = fc.record({ gap: fc.nat({ max: 700 }), name: fc.constantFrom("a", "b", "c", "") });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 100 }), (events) => {
      const devices = new Devices(1_000);
      const last = new Map<string, number>();
      let now = 0;
      for (const { gap, name } of events) {
        now += gap;
        devices.advance(now);
        if (name !== "") {
          devices.seen(name, now, () => deviceOf(name));
          last.set(name, now);
        }
        for (const [each, at] of last) expect(devices.isOnline(each)).toBe(now - at < 1_000);
        const oldest = Math.min(...[...last.values()].filter((at) => now - at < 1_000));
        expect(devices.deadline()).toBe(oldest + 1_000);
      }
    }),
  );
});
