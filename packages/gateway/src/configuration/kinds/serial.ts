/** The table of sources of the kind "serial". */

import {
  boolean,
  choice,
  duration,
  integer,
  type Kind,
  optional,
  preset,
  required,
  syntax,
  table,
} from "@aiko/mqtt-configuration";
import type { SerialSettings } from "../configuration.js";
import { buildSource, checkSource, everySource, firstOfWire, wireFields } from "../source-fields.js";

/** A path whose last level may be a pattern. */
export const device = syntax({
  label: "device",
  rule: 'must be a path, such as "/dev/ttyUSB0" or "/dev/serial/by-id/*FTDI*"; only its last level may have * and ?',
  read(path) {
    const above = path.slice(0, path.lastIndexOf("/") + 1);
    return path.length <= 4096 && !path.endsWith("/") && !above.includes("*") && !above.includes("?")
      ? path
      : undefined;
  },
});

/** Settings of the modem's lines. */
const MODEM = ["dtr", "rts"] as const;

export const serial: Kind<SerialSettings> = table({
  title: '[[source]], kind = "serial"',
  about: "A serial line. It is opened again whenever the device returns.",
  fields: {
    kind: required(choice("serial"), "The kind of the source: a serial line."),
    device: required(
      device,
      "The path of the device. Its last level may have `*` for any characters and `?` for one; then exactly one device must match. Paths in `/dev/serial/by-id` do not change when a device is plugged in elsewhere.",
    ),
    baud: preset(integer(50, 12_000_000), 9600, "The rate, in baud."),
    data: preset(choice(5, 6, 7, 8), 8, "The data bits."),
    parity: preset(choice("none", "even", "odd"), "none", "The parity bit."),
    stop: preset(choice(1, 2), 1, "The stop bits."),
    flow: preset(choice("none", "rtscts", "xonxoff"), "none", "The flow control."),
    dtr: optional(
      boolean(),
      'The state of the line DTR. Requires `driver = "serialport"`. Default: as the driver sets it.',
    ),
    rts: optional(
      boolean(),
      'The state of the line RTS. Requires `driver = "serialport"`. Default: as the driver sets it.',
    ),
    rs485: preset(
      boolean(),
      false,
      "Whether the line is RS-485 with one pair of wires. The gateway then sends only when the line has been silent for 5 ms. The adapter must switch its direction by itself.",
    ),
    exclusive: preset(
      boolean(),
      true,
      "Whether other gateways of the same user are refused the device. Programs that are not gateways cannot be refused by the driver `tty`.",
    ),
    open_delay: preset(
      duration("1ms", "1m", 0),
      0,
      "After the opening, the line is not used for this time: some devices restart when they are opened.",
    ),
    at_open: optional(
      choice("flush", "keep"),
      "Whether bytes that came before the opening are discarded. Default: `flush` if there is an `acknowledge`, because what a killed gateway has read is missing before them; otherwise `keep`.",
    ),
    driver: preset(
      choice("auto", "tty", "serialport"),
      "auto",
      "`tty`: the command `stty`, on Linux. `serialport`: the package of this name, which you install. `auto`: `tty` on Linux at usual rates, otherwise `serialport`.",
    ),
    ...wireFields,
    first: firstOfWire,
  },
  inherits: everySource,
  check({ values, wrong, place }) {
    checkSource({ values, wrong, place }, values);
    for (const name of MODEM) {
      if (values[name] !== undefined && values.driver !== undefined && values.driver !== "serialport")
        place.at(name).problem('requires driver = "serialport"');
    }
    if (values.rs485 === true && values.flow === "rtscts")
      place.at("flow").problem('must not be "rtscts" with rs485 = true; RS-485 has no lines RTS and CTS');
    if (values.device === undefined || values.enabled !== true || values.exclusive !== true) return;
    const line = place.reading.claim(`device ${values.device}`, place.path);
    if (line !== undefined) place.at("device").problem(`the source in line ${line} uses this device already`);
  },
  build({ kind, open_delay, at_open, acknowledge, refuse, line_control, ...values }, place) {
    const { device: path, baud, data, parity, stop, flow, dtr, rts, rs485, exclusive, driver, ...same } = values;
    const built = buildSource({ ...same, baud }, { acknowledge, refuse }, place);
    const atOpen = at_open ?? (acknowledge === undefined ? "keep" : "flush");
    const line = { device: path, baud, data, parity, stop, flow, dtr, rts, rs485, exclusive, driver };
    return built && { ...built, ...line, kind, openDelay: open_delay, atOpen, greeting: line_control?.greeting };
  },
});
