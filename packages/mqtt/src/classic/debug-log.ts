/** The output of `MQTT.Utility.set_debug(true)`: one line per step, on standard error. */

interface Console {
  error(line: string): void;
}

let enabled = false;

export function setDebug(value: boolean): void {
  enabled = value;
}

export function debug(line: string): void {
  if (enabled) (globalThis as { console?: Console }).console?.error(line);
}
