/** Values of a mosquitto.conf with the lines that they are from. Knows no option. */

/** A line of a file. */
export interface Origin {
  readonly file: string;
  readonly line: number;
}

/** A value, and the line that it is from. */
export interface Placed<Value> {
  readonly value: Value;
  readonly origin: Origin;
}
