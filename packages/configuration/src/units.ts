/** Durations and sizes with their units, as in "5s" and "64KiB". Knows no field. */

import { type Kind, syntax } from "./kind.js";

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** A duration such as "5s", in milliseconds. @param zero what 0 stands for, if 0 is allowed */
export function duration(least: string, most: string, zero?: number): Kind<number> {
  return quantity("duration", MILLISECONDS, "ms, s, m, h or d", [least, most], zero);
}

/** A duration that is used in whole seconds, in milliseconds. */
export function seconds(least: string, most: string, zero?: number): Kind<number> {
  const kind = duration(least, most, zero);
  return {
    ...kind,
    read(value, place) {
      const read = kind.read(value, place);
      return read === undefined || read % 1000 === 0 ? read : place.wrong("must be in whole seconds", value);
    },
  };
}

/** A size such as "64KiB", in bytes. @param zero what 0 stands for, if 0 is allowed */
export function size(least: string, most: string, zero?: number): Kind<number> {
  return quantity("size", BYTES, "B, KiB, MiB or GiB", [least, most], zero);
}

function quantity(
  label: string,
  units: Readonly<Record<string, number>>,
  names: string,
  [least, most]: readonly [string, string],
  zero: number | undefined,
): Kind<number> {
  const [from, to] = [parse(least, units) ?? 0, parse(most, units) ?? 0];
  return syntax({
    label: `${label} ${least}–${most}`,
    rule: `must be ${zero === undefined ? "" : "0 or "}a ${label} from ${least} to ${most} as a string with its unit (${names})`,
    pattern: `^[0-9]{1,15}(${Object.keys(units).join("|")})$`,
    ...(zero === undefined ? {} : { zero }),
    read(text) {
      const value = parse(text, units);
      return value !== undefined && value >= from && value <= to ? value : undefined;
    },
  });
}

function parse(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const parts = /^(\d{1,15})([A-Za-z]{1,3})$/.exec(text);
  const unit = parts?.[2] ?? "";
  return parts !== null && Object.hasOwn(units, unit) ? Number(parts[1]) * (units[unit] ?? 0) : undefined;
}
