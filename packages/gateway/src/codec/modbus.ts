/** The format "modbus": the registers or coils of an answer, or of a request that writes them. The frame is unit and PDU, without a CRC. */

import type { BinaryLayout } from "../configuration/binary-layout.js";
import { Failure } from "../failure.js";
import { type BytesFormat, oneWayOf } from "./format.js";
import { Layout } from "./layout.js";
import { type ModbusPlace, modbusData, type ReadFunction, type WriteFunction, writeRequest } from "./modbus-frame.js";

/** What the codec needs of the settings. Offsets of the layout are bytes from the first register. */
export interface ModbusFormatSettings extends ModbusPlace {
  /** Registers, or coils. */
  readonly count: number;
  readonly layout: BinaryLayout;
}

/** Encoding builds the answer of a device for the functions that read, and the request for those that write. */
export function modbusFormat(settings: ModbusFormatSettings, encoding: string): BytesFormat {
  const layout = new Layout(settings.layout, encoding === "latin1" ? "latin1" : "utf8");
  return {
    reads: "bytes",
    oneWay: oneWayOf(layout.fields),
    decode(frame) {
      const data = modbusData(frame, settings);
      if (data instanceof Failure) return data;
      if (data.length >= settings.layout.length) return layout.decode(data);
      const need = `the fields need ${settings.layout.length}`;
      return new Failure("decode", `modbus: the frame has ${data.length} bytes of values, but ${need}`);
    },
    encode(fields) {
      const data = layout.encode(fields);
      if (data instanceof Failure) return data;
      if (isWrite(settings)) return writeRequest(settings, data, settings.count);
      return Uint8Array.of(settings.unit, settings.function, data.length, ...data);
    },
  };
}

function isWrite(place: ModbusPlace<ReadFunction | WriteFunction>): place is ModbusPlace<WriteFunction> {
  return place.function > 4;
}
