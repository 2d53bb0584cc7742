/** The tables of `frame`: how bytes become frames. */

import {
  boolean,
  choice,
  duration,
  integer,
  type Kind,
  nameOrTable,
  optional,
  type Place,
  preset,
  required,
  syntax,
  table,
  variants,
} from "@aiko/mqtt-configuration";
import { gapAt } from "../frame/gap.js";
import { hexBytes } from "../text/hex.js";
import { completeCheck, type WrittenCheck } from "./check-fields.js";
import type { CheckSettings, FrameSettings } from "./configuration.js";

/** `frame` as it is written. The silence of `gap` may follow from the baud rate. */
export type WrittenFrame =
  | Exclude<FrameSettings, { kind: "gap" }>
  | { readonly kind: "gap"; readonly gap: number | undefined };

/** The kinds that need no options. */
const SIMPLE = ["line", "datagram", "paren", "cobs", "slip", "modbus-rtu"] as const;

const ABOUT: Readonly<Record<(typeof SIMPLE)[number], string>> = {
  line: "A frame ends at LF, CR LF or CR.",
  datagram: "All that is sent until the end is one frame.",
  paren: "A frame is an S-expression: from `(` to the `)` that balances it.",
  cobs: "Consistent Overhead Byte Stuffing: a zero byte ends a frame.",
  slip: "SLIP, RFC 1055: 0xC0 ends a frame.",
  "modbus-rtu": "Modbus RTU: the function says how long a frame is, and the CRC is verified and removed.",
};

const kindField = <const Name extends string>(name: Name) => required(choice(name), "The kind of the frames.");

const simple = (kind: (typeof SIMPLE)[number]): Kind<WrittenFrame> =>
  table({
    title: `frame, kind = "${kind}"`,
    about: ABOUT[kind],
    fields: { kind: kindField(kind) },
    build: (values) => values,
  });

/** Bytes, as digits. */
export function hexText(most: number): Kind<Uint8Array> {
  return syntax({
    label: "hexadecimal bytes",
    rule: `must be 1 to ${most} bytes as pairs of hexadecimal digits, such as "0d0a"`,
    pattern: `^([0-9A-Fa-f]{2}){1,${most}}$`,
    read: (text) => (text.length <= 2 * most ? hexBytes(text) : undefined),
  });
}

const delimiter: Kind<WrittenFrame> = table({
  title: 'frame, kind = "delimiter"',
  about: "A sequence of bytes ends a frame, and another may begin it. Empty frames are skipped.",
  fields: {
    kind: kindField("delimiter"),
    end: required(hexText(16), 'The bytes that end a frame: `"03"`.'),
    start: optional(
      hexText(16),
      'The bytes that begin a frame: `"02"`. What lies before them is skipped. Default: a frame begins where the one before it ended.',
    ),
    keep: preset(boolean(), false, "Whether both are part of the frame that is checked and decoded."),
  },
  build: (values) => values,
});

/** A header has at most this, and the length behind it. */
const LONGEST_HEADER = 128;

const length: Kind<WrittenFrame> = table({
  title: 'frame, kind = "length"',
  about: "A frame says how many bytes it has. Places count from its first byte, with magic bytes and check.",
  fields: {
    kind: kindField("length"),
    offset: preset(integer(0, LONGEST_HEADER), 0, "The place of the length."),
    width: preset(choice(1, 2, 4), 1, "How many bytes the length has."),
    endian: preset(choice("big", "little"), "big", "The order of the bytes of the length."),
    total: preset(
      boolean(),
      false,
      "Whether the length counts all bytes of the frame, or only those behind the length. The check counts as well.",
    ),
    adjust: preset(
      integer(-65_536, 65_536),
      0,
      "Is added to the length: -1 if the length counts one byte more than it should.",
    ),
    magic: optional(
      hexText(16),
      'The bytes that a frame begins with: `"a55a"`. Where they are not, no frame begins. Default: none.',
    ),
    keep: preset(
      boolean(),
      false,
      "Whether the bytes up to the end of the length are part of the frame that is decoded.",
    ),
  },
  check({ values: { magic, offset, width }, place }) {
    if (magic === undefined || offset === undefined || width === undefined || offset >= magic.length) return;
    place
      .at("offset")
      .problem(`must be at least ${magic.length}: the length is behind the ${magic.length} magic bytes`);
  },
  build: (values) => values,
});

const gap: Kind<WrittenFrame> = table({
  title: 'frame, kind = "gap"',
  about: "Silence ends a frame. The gateway learns late when a byte arrived, so prefer any other kind that fits.",
  fields: {
    kind: kindField("gap"),
    gap: optional(
      duration("1ms", "10m"),
      "The silence. Default: 3.5 characters, if the source has a baud rate; otherwise it is required.",
    ),
  },
  build: (values) => values,
});

const kinds: Kind<WrittenFrame> = {
  ...variants<WrittenFrame>("kind", {
    ...Object.fromEntries(SIMPLE.map((kind) => [kind, simple(kind)])),
    delimiter,
    length,
    gap,
  }),
  // The kinds without options need no section of their own.
  sections: [delimiter, length, gap].flatMap(({ sections = [] }) => sections),
};

const EXAMPLES: ReadonlyMap<unknown, string> = new Map([
  ["delimiter", '{ kind = "delimiter", end = "03" }'],
  ["length", '{ kind = "length", width = 2 }'],
]);

const names = nameOrTable("kind", [...SIMPLE, "gap"], kinds);

/** "line", or a table. */
export const frame: Kind<WrittenFrame> = {
  ...names,
  read(value, place) {
    const example = EXAMPLES.get(value);
    return example === undefined
      ? names.read(value, place)
      : place.problem(`the kind "${value}" needs options; write ${example}`);
  },
};

/** What belongs together in the configuration of a source. */
export interface Framing {
  readonly frame: WrittenFrame;
  readonly check: WrittenCheck;
  readonly max_frame: number;
  readonly frame_timeout: number;
}

/** The longest frame of Modbus RTU. */
const LONGEST_MODBUS = 256;

/** The settings of a framer and of its check. Reports what does not fit. @param baud of the source; undefined if it has none */
export function completeFraming(
  { frame: written, check, max_frame, frame_timeout }: Framing,
  place: Place,
  baud?: number,
): { readonly frame: FrameSettings; readonly check: CheckSettings } | undefined {
  const completed = completeGap(written, place, baud);
  const checked = completeCheck(check, written.kind, place.at("check"));
  if (completed === undefined || checked === undefined) return undefined;
  if (completed.kind === "modbus-rtu" && max_frame < LONGEST_MODBUS) {
    return place.at("max_frame").problem(`must be at least ${LONGEST_MODBUS}B if frame is "modbus-rtu"`);
  }
  if (completed.kind === "gap" && frame_timeout > 0 && completed.gap >= frame_timeout) {
    return place
      .at("frame_timeout")
      .problem(`must be 0 or longer than the gap of ${completed.gap} ms that ends a frame`);
  }
  return { frame: completed, check: checked };
}

function completeGap(written: WrittenFrame, place: Place, baud: number | undefined): FrameSettings | undefined {
  if (written.kind !== "gap") return written;
  const silence = written.gap ?? (baud === undefined ? undefined : gapAt(baud));
  if (silence !== undefined) return { ...written, gap: silence };
  return place
    .at("frame")
    .problem(
      'the kind "gap" needs the silence, because this source has no baud rate; write { kind = "gap", gap = "20ms" }',
    );
}
