// Numbered messages of several devices: which are missing, out of order or repeated.
import { numberOf } from "./device.ts";

/** What the server received of each device. */
export class Received {
  messages = 0;
  duplicates = 0;
  disordered = 0;
  ill = 0;
  private readonly highest = new Map<string, number>();
  private readonly missing = new Map<string, Set<number>>();

  take(payload: string): void {
    this.messages++;
    const found = numberOf(payload);
    if (found === undefined) {
      this.ill++;
      return;
    }
    const { name, number } = found;
    const highest = this.highest.get(name) ?? 0;
    const missing = this.missing.get(name) ?? new Set();
    this.missing.set(name, missing);
    if (number === highest + 1) this.highest.set(name, number);
    else if (number <= highest && !missing.has(number)) this.duplicates++;
    else if (missing.delete(number)) this.disordered++;
    else {
      for (let each = highest + 1; each < number; each++) missing.add(each);
      this.highest.set(name, number);
    }
  }

  /** How many of a device's first lines have not arrived. */
  lost({ name, acknowledged }: { readonly name: string; readonly acknowledged: number }): number {
    const highest = this.highest.get(name) ?? 0;
    const holes = [...(this.missing.get(name) ?? [])].filter((number) => number <= acknowledged).length;
    return holes + Math.max(0, acknowledged - highest);
  }
}
