/**
 * What a bridge has published at a server before MQTT 5, which sends a client its own messages. Recognizes each of them
 * once. Pure: time is an argument.
 */

/** The most messages and payload bytes that are remembered. Beyond that, the oldest are forgotten, and carried back once. */
const MOST = 10_000;
const MOST_BYTES = 16_777_216;
/** Milliseconds after which an echo is not expected any more: the server has not sent it. */
const PATIENCE = 60_000;

interface Expected {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly until: number;
}

export class Echoes {
  /** In the order in which they were published. */
  private readonly expected = new Map<number, Expected>();
  /** The numbers of the expected messages of a topic. */
  private readonly byTopic = new Map<string, Set<number>>();
  private number = 0;
  private bytes = 0;

  get size(): number {
    return this.expected.size;
  }

  /** A message is published at the server, which will send it back. */
  expect(topic: string, payload: Uint8Array, now: number): void {
    this.expected.set(++this.number, { topic, payload, until: now + PATIENCE });
    this.bytes += payload.length;
    const numbers = this.byTopic.get(topic);
    if (numbers === undefined) this.byTopic.set(topic, new Set([this.number]));
    else numbers.add(this.number);
    for (const [number, { until }] of this.expected) {
      if (until > now && this.expected.size <= MOST && this.bytes <= MOST_BYTES) break;
      this.forget(number);
    }
  }

  /** Returns whether the server's message is an echo, and does not expect it again. */
  take(topic: string, payload: Uint8Array, now: number): boolean {
    for (const number of this.byTopic.get(topic) ?? []) {
      const each = this.expected.get(number);
      if (each === undefined || each.until <= now || !isSame(each.payload, payload)) continue;
      this.forget(number);
      return true;
    }
    return false;
  }

  private forget(number: number): void {
    const { topic = "", payload } = this.expected.get(number) ?? {};
    this.expected.delete(number);
    this.bytes -= payload?.length ?? 0;
    const numbers = this.byTopic.get(topic);
    numbers?.delete(number);
    if (numbers?.size === 0) this.byTopic.delete(topic);
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}
