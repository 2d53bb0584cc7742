/** The table of the format "nmea": which fields each type of sentence has. */

import { dictionary, type Kind, list, required, shortOr, syntax, table } from "@aiko/mqtt-configuration";
import { formatField } from "./text-format-fields.js";
import { fullField, MAXIMUM_FIELDS, shortField, type WrittenField } from "./value-fields.js";

/** A column that is skipped. */
const SKIPPED = "-";

export type WrittenColumn = WrittenField | typeof SKIPPED;

export interface WrittenNmea {
  readonly format: "nmea";
  readonly sentences: Readonly<Record<string, readonly WrittenColumn[]>>;
}

export function isColumn(column: WrittenColumn): column is WrittenField {
  return column !== SKIPPED;
}

const shortColumn: Kind<WrittenColumn> = {
  ...syntax<WrittenColumn>({
    label: `"NAME:TYPE" or "${SKIPPED}"`,
    rule: "must be a field",
    read: (value, place) => (value === SKIPPED ? value : shortField.read(value, place)),
  }),
  schema: { anyOf: [{ const: SKIPPED }, shortField.schema] },
};

const columns: Kind<readonly WrittenColumn[]> = list(shortOr(shortColumn, fullField), 1, MAXIMUM_FIELDS);

export const nmea: Kind<WrittenNmea> = table({
  title: 'decode, format = "nmea"',
  about:
    "Sentences of NMEA 0183, as a GPS receiver sends them. The fields `talker` (`GP`) and `sentence` (`RMC`) are added. If a sentence has a checksum, it must be right. Columns without a value are fields without one.",
  fields: {
    format: formatField("nmea"),
    sentences: required(
      dictionary(columns, 64),
      'The fields of each type of sentence, in the order of its columns: `{ RMC = ["time", "status", "lat:nmea_lat", "lon:nmea_lon"] }`. `"-"` skips a column, and a latitude or longitude has two. Further columns are ignored. Other sentences are dropped as `filtered`.',
    ),
  },
  check({ values: { sentences = {} }, place }) {
    const types = new Map<string, string | undefined>();
    for (const [type, written] of Object.entries(sentences)) {
      const here = place.at("sentences").at(type);
      if (!/^[A-Z0-9]{1,16}$/.test(type)) here.problem('the key must be a type of sentence, such as "RMC"');
      const names = new Set<string>();
      for (const [i, column] of written.entries()) {
        if (!isColumn(column)) continue;
        const { name, type: fieldType = "text" } = column;
        if (names.has(name)) here.at(i).problem(`the name "${name}" is used twice; field names must be unique`);
        if (name === "talker" || name === "sentence")
          here.at(i).problem(`the name "${name}" is that of an added field`);
        const known = types.get(name);
        if (known !== undefined && known !== fieldType) {
          here
            .at(i)
            .problem(`the type of "${name}" is ${known} in another sentence, and ${fieldType} here; choose one`);
        }
        names.add(name);
        types.set(name, fieldType);
      }
    }
    if (Object.keys(sentences).length === 0)
      place.at("sentences").problem('must have a sentence, such as RMC = ["time"]');
  },
  build: (values) => values,
});
