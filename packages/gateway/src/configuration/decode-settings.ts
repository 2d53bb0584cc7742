/** The settings of a format: how a frame becomes fields. */

import type { BinaryLayout } from "./binary-layout.js";
import type { FieldSettings } from "./field-types.js";

export type DecodeSettings =
  | { readonly format: "raw"; readonly fields: readonly FieldSettings[] }
  | {
      readonly format: "json";
      /** JSON pointers by field name. Empty: the members of the outermost object. */
      readonly pick: Readonly<Record<string, string>>;
      readonly fields: readonly FieldSettings[];
    }
  | {
      readonly format: "csv";
      readonly separator: string;
      readonly quote: string;
      readonly fields: readonly FieldSettings[];
    }
  | {
      readonly format: "text";
      /** Literal text with `{name}` or `{name:type}` for what is a field. */
      readonly template: string;
      readonly fields: readonly FieldSettings[];
    }
  | {
      readonly format: "sexpr";
      /** What stands around the lists of a frame, with `{name}` for what is a field. Undefined: nothing. */
      readonly envelope: string | undefined;
      /** What is encoded, with placeholders. Undefined: the envelope, with a list for each field. */
      readonly template: string | undefined;
      readonly fields: readonly FieldSettings[];
    }
  | {
      readonly format: "nmea";
      /** The fields of each type of sentence, in the order of its columns. Undefined: the column is skipped. */
      readonly sentences: Readonly<Record<string, readonly (FieldSettings | undefined)[]>>;
      /** Those of all sentences. */
      readonly fields: readonly FieldSettings[];
    }
  | { readonly format: "binary"; readonly layout: BinaryLayout; readonly fields: readonly FieldSettings[] }
  | {
      readonly format: "modbus";
      readonly unit: number;
      readonly function: 1 | 2 | 3 | 4 | 5 | 6 | 15 | 16;
      /** Of the first register or coil. */
      readonly address: number;
      /** Registers or coils. */
      readonly count: number;
      readonly layout: BinaryLayout;
      readonly fields: readonly FieldSettings[];
    }
  | { readonly format: "hex" | "base64"; readonly fields: readonly FieldSettings[] };
