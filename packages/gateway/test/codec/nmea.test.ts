// NMEA 0183 against nmea-simple, an independent parser, and by example.
import fc from "fast-check";
import { parseNmeaSentence } from "nmea-simple";
import { expect, test } from "vitest";
import { Failure } from "../../src/failure.ts";
import { bytesOf, textOf } from "../settings.ts";
import { codecOf, decoded, encoded, mapOf } from "./codecs.ts";

const gps = codecOf(
  `{ format = "nmea", sentences = {
  RMC = ["utc", "status", "lat:nmea_lat", "lon:nmea_lon", "knots:f32", "course:f32", "date"],
  GLL = ["lat:nmea_lat", "lon:nmea_lon", "utc", "status"],
  GSA = ["-", "fix:u8", "-", "-", "last"],
  MTK220 = ["ms:u16"],
  VDM = ["count:u8", "-", "-", "channel", "data"] } }`.replaceAll("\n", " "),
);
const rmc = "$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A";

test.each<[string, unknown]>([
  [
    rmc,
    {
      talker: "GP",
      sentence: "RMC",
      utc: "123519",
      status: "A",
      lat: 48.1173,
      lon: 11.5166666666667,
      knots: 22.4,
      course: 84.4,
      date: "230394",
    },
  ],
  ["$GNGLL,0000.0000,S,18000.0000,W,1,A", { talker: "GN", sentence: "GLL", lat: 0, lon: -180, utc: "1", status: "A" }],
  ["$GPGLL,,,,,123,V*", 'decode: NMEA: the checksum is "", but that of the sentence is "36"'],
  ["$GPGLL,,,,,123,V", { talker: "GP", sentence: "GLL", utc: "123", status: "V" }],
  ["$PMTK220,1000*1F", { talker: "P", sentence: "MTK220", ms: 1000 }],
  ["$GPGSA,A,3,04,05,x", { talker: "GP", sentence: "GSA", fix: 3, last: "x" }],
  [rmc.replace("6A", "6b"), 'decode: NMEA: the checksum is "6b", but that of the sentence is "6A"'],
  ["$GPGSV,3,1", 'filtered: NMEA: the sentence "GSV" is not in decode.sentences'],
  ["GPRMC,1", 'decode: NMEA: "GPRMC,1" must begin with "$" or "!"'],
  ["$GPGSA,A,x,1,2,3", 'decode: field "fix" "x": must be a number'],
  ["$GPGSA,A", "decode: NMEA: GSA has 1 columns, which end before those of the configuration"],
  [
    "$GPGLL,9000.0001,N,0,E,1,A",
    'decode: field "lat" "9000.0001": must have less than 60 minutes, and at most 90 degrees',
  ],
  ["$GPGLL,4860.0,N,0,E,1,A", 'decode: field "lat" "4860.0": must have less than 60 minutes, and at most 90 degrees'],
  ["$GPGLL,48.1,N,0,E,1,A", 'decode: field "lat" "48.1": must be 2 digits of degrees, and minutes'],
  ["$GPGLL,4800.0,E,0,E,1,A", 'decode: field "lat" "4800.0": must be followed by N or S, not "E"'],
  ["$GPGLL,é", "decode: NMEA: character 8 is not printable ASCII"],
])("%s", (sentence, expected) => {
  expect(decoded(gps, sentence)).toEqual(expected);
});

test.each<[Record<string, string | number | null>, string]>([
  [
    { talker: "GP", sentence: "GLL", lat: 48.1173, lon: -11.5, utc: "123519" },
    "$GPGLL,4807.0380,N,01130.0000,W,123519,*77",
  ],
  [{ talker: "GP", sentence: "GLL", lat: 59.99999999999, lon: null }, "$GPGLL,6000.0000,N,,,,*36"],
  [{ talker: "P", sentence: "MTK220", ms: 1000 }, "$PMTK220,1000*1F"],
  [{ talker: "AI", sentence: "VDM", count: 1, channel: "A", data: "15M" }, "!AIVDM,1,,,A,15M*42"],
  [
    { talker: "GP", sentence: "GLL", lat: 48.158_333_333_333_3, lon: 0.000_000_001 },
    "$GPGLL,4809.5000,N,00000.0000001,E,,*5A",
  ],
  [{ sentence: "GLL" }, 'encode: field "talker" is missing'],
  [{ talker: "GP", sentence: "GSV" }, 'encode: field "sentence" "GSV": must be one of decode.sentences'],
  [
    { talker: "PX", sentence: "GLL" },
    'encode: field "talker" "PX": must be P, or two letters of which the first is not',
  ],
  [
    { talker: "G,", sentence: "GLL" },
    'encode: field "talker" "G,": must be P, or two letters of which the first is not',
  ],
  [
    { talker: "GP", sentence: "GLL", utc: "1,2" },
    'encode: field "utc" "1,2": must be printable ASCII without $ * , ! \\ ^ ~',
  ],
  [
    { talker: "GP", sentence: "GLL", utc: "1*00\r\n$GP" },
    'encode: field "utc" "1*00\\u000d\\u000a$GP": must be printable ASCII without $ * , ! \\ ^ ~',
  ],
  [{ talker: "GP", sentence: "GLL", utc: "" }, 'encode: field "utc" "": must not be empty, which stands for no value'],
  [{ talker: "GP", sentence: "GLL", lat: 91 }, 'encode: field "lat" 91: must be from -90 to 90 degrees'],
])("%j becomes a sentence", (fields, expected) => {
  expect(encoded(gps, fields)).toBe(expected);
});

test("an independent parser reads what was encoded, and both read the same", () => {
  const number = (least: number, most: number) => fc.double({ min: least, max: most, noNaN: true });
  fc.assert(
    fc.property(number(-90, 90), number(-180, 180), fc.nat(9999), fc.nat(3599), (lat, lon, knots, course) => {
      const fields = { talker: "GP", sentence: "RMC", utc: "123519.00", status: "A", lat, lon, date: "230394" };
      const frame = gps.encode(mapOf({ ...fields, knots: knots / 10, course: course / 10 }));
      if (frame instanceof Failure) throw new Error(frame.detail);
      const packet = parseNmeaSentence(`${textOf(frame)}`);
      const found = gps.decode(frame);
      if (packet.sentenceId !== "RMC" || found instanceof Failure) throw new Error("not the same sentence");
      expect(packet.talkerId).toBe("GP");
      expect(packet.latitude).toBeCloseTo(lat, 7);
      expect(packet.longitude).toBeCloseTo(lon, 7);
      expect(found.get("lat")).toBeCloseTo(packet.latitude, 11);
      expect(found.get("lon")).toBeCloseTo(packet.longitude, 11);
      expect(found.get("knots")).toBe(packet.speedKnots);
      expect(found.get("course")).toBe(packet.trackTrue);
      // What was decoded once is the same for ever.
      expect(gps.decode(gps.encode(found) as Uint8Array)).toEqual(found);
    }),
    { numRuns: 1000 },
  );
});

test("each changed character of a sentence is noticed by its checksum", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: rmc.length - 4 }), fc.integer({ min: 0x20, max: 0x7e }), (at, unit) => {
      const changed = rmc.slice(0, at) + String.fromCharCode(unit) + rmc.slice(at + 1);
      expect(gps.decode(bytesOf(changed)) instanceof Failure).toBe(changed !== rmc);
    }),
  );
});
