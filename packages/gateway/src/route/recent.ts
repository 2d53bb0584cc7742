/**
 * Values by key, of which those that were not set for longest are forgotten, so that devices cannot make it grow. There are two generations. When
 * the young one is full, it becomes the old one, and the old one is forgotten: one map in the order of use would be slow, since a map keeps the
 * places of what was deleted for a while. Knows nothing of records.
 */

/** The most keys of a generation. */
const MOST_KEYS = 5_000;
/** The most characters that a generation's keys and values have. */
const MOST_CHARACTERS = 1_000_000;

interface Kept<Value> {
  readonly value: Value;
  readonly characters: number;
}

export class Recent<Value> {
  private young = new Map<string, Kept<Value>>();
  private old = new Map<string, Kept<Value>>();
  /** The characters of the young generation. */
  private characters = 0;

  /** How many keys are kept, at most 10,000; one that is in both generations counts twice. */
  get size(): number {
    return this.young.size + this.old.size;
  }

  get(key: string): Value | undefined {
    return (this.young.get(key) ?? this.old.get(key))?.value;
  }

  /** @param characters that the value has */
  set(key: string, value: Value, characters: number): void {
    const size = key.length + characters;
    const known = this.young.get(key);
    const isFull = known === undefined && this.young.size === MOST_KEYS;
    if (isFull || this.characters + size > MOST_CHARACTERS) {
      this.old = this.young;
      this.young = new Map();
      this.characters = 0;
    } else if (known !== undefined) {
      this.characters -= known.characters;
    }
    this.young.set(key, { value, characters: size });
    this.characters += size;
  }

  delete(key: string): void {
    this.characters -= this.young.get(key)?.characters ?? 0;
    this.young.delete(key);
    this.old.delete(key);
  }
}
