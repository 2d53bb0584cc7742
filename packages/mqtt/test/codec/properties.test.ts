import { encode, type Packet } from "@aiko/mqtt/codec";
import { describe, expect, test } from "vitest";
import { decodeOne, faultOf } from "./decoding.ts";
import { type Place, type PropertySample, places, propertyTable } from "./property-table.ts";
import { fromHex, toHex } from "./vectors.ts";

/** The bytes before and after the properties in the shortest packet with properties. */
const frames: Record<Place, readonly [first: string, before: string, behind: string]> = {
  connect: ["10", "00044d515454 05 02 003c", "0001 63"],
  will: ["10", "00044d515454 05 06 003c 00 0001 63", "0001 77 0000"],
  connack: ["20", "00 00", ""],
  publish: ["30", "0001 61", ""],
  puback: ["40", "0001 00", ""],
  pubrec: ["50", "0001 00", ""],
  pubrel: ["62", "0001 00", ""],
  pubcomp: ["70", "0001 00", ""],
  subscribe: ["82", "0001", "0001 61 00"],
  suback: ["90", "0001", "00"],
  unsubscribe: ["a2", "0001", "0001 61"],
  unsuback: ["b0", "0001", "00"],
  disconnect: ["e0", "00", ""],
  auth: ["f0", "00", ""],
};

/** A packet with these properties; for lengths below 128. */
function packetWith(place: Place, ...properties: string[]): Uint8Array {
  const [first, before, behind] = frames[place];
  const list = fromHex(properties.join(""));
  const body = fromHex(`${before}${toHex(Uint8Array.of(list.length))}${toHex(list)}${behind}`);
  return Uint8Array.of(...fromHex(first), body.length, ...body);
}

function wireOf({ identifier, wire }: PropertySample, value = wire): string {
  return toHex(Uint8Array.of(identifier)) + value;
}

/** The bytes that must precede a property so that it is allowed there. */
function companion({ name }: PropertySample): string {
  return name === "authenticationData" ? `15 ${"0001 6d"}` : "";
}

function propertiesAt(place: Place, packet: Packet): Record<string, unknown> {
  const holder = place === "will" && packet.type === "connect" ? packet.will : packet;
  return (holder as { properties?: Record<string, unknown> }).properties ?? {};
}

/** The packet of `packetWith`, with other properties. */
function packetAround(place: Place, properties: object): Packet {
  const packet = decodeOne(5, packetWith(place)) as Packet & { will?: object };
  return (place === "will" ? { ...packet, will: { ...packet.will, properties } } : { ...packet, properties }) as Packet;
}

const zeros: Partial<Record<PropertySample["kind"], string>> = {
  "two-byte": "0000",
  "four-byte": "00000000",
  variable: "00",
};

describe.each(propertyTable)("$name", (sample) => {
  const { name, kind, repeatable, value, zeroForbidden } = sample;
  const allowed = places.filter((place) => sample.places.includes(place));
  // 0x0b is one identifier for two names.
  const elsewhere = places.filter((place) => !allowed.includes(place));
  const forbidden = elsewhere.filter(
    (place) => !propertyTable.some((other) => other.identifier === sample.identifier && other.places.includes(place)),
  );

  test.each(allowed)("is read and written in %s", (place) => {
    const bytes = packetWith(place, companion(sample), wireOf(sample));
    const packet = decodeOne(5, bytes);
    expect(propertiesAt(place, packet)[name]).toEqual(repeatable ? [value] : value);
    expect(toHex(encode(packet, 5))).toBe(toHex(bytes));
  });

  test("is refused as malformed everywhere else", () => {
    for (const place of forbidden) {
      const { reasonCode, message } = faultOf(5, [packetWith(place, wireOf(sample))]);
      expect(reasonCode, place).toBe(0x81);
      expect(message).toContain(`${place}: property 0x${toHex(Uint8Array.of(sample.identifier))}`);
    }
  });

  test("is not written to other packets", () => {
    for (const place of elsewhere) {
      const packet = packetAround(place, { [name]: repeatable ? [value] : value });
      const complaint = { name: "UsageError", code: "PROPERTY_INVALID" };
      expect(() => encode(packet, 5), place).toThrow(expect.objectContaining(complaint));
      expect(() => encode(packet, 5)).toThrow(`${place}: property "${name}" is only allowed in`);
    }
  });

  test(repeatable ? "may come twice" : "is refused where it comes twice", () => {
    for (const place of allowed) {
      const bytes = packetWith(place, companion(sample), wireOf(sample), wireOf(sample));
      if (repeatable) {
        expect(propertiesAt(place, decodeOne(5, bytes))[name]).toEqual([value, value]);
        expect(toHex(encode(decodeOne(5, bytes), 5))).toBe(toHex(bytes));
      } else {
        const { reasonCode, message } = faultOf(5, [bytes]);
        expect(reasonCode, place).toBe(0x82);
        expect(message).toContain(`${place}: ${name} must not appear twice`);
      }
    }
  });

  test("is refused if it is truncated, by the end of the packet or by the property length", () => {
    for (const place of allowed) {
      const whole = wireOf(sample);
      for (let length = 2; length < whole.length; length += 2) {
        const bytes = packetWith(place, companion(sample), whole.slice(0, length));
        expect(faultOf(5, [bytes]).reasonCode, `${place} ${length}`).toBe(0x81);
      }
    }
  });

  const zero = zeros[kind];
  if (zero !== undefined)
    test(zeroForbidden ? "is refused where it is 0" : "may be 0", () => {
      for (const place of allowed) {
        const bytes = packetWith(place, wireOf(sample, zero));
        if (zeroForbidden) expect(faultOf(5, [bytes]).reasonCode, place).toBe(name === "topicAlias" ? 0x94 : 0x82);
        else expect(propertiesAt(place, decodeOne(5, bytes))[name]).toBe(0);
      }
    });

  if (kind === "bit" || kind === "boolean")
    test("may be 0 or 1 only", () => {
      for (const place of allowed) {
        expect(propertiesAt(place, decodeOne(5, packetWith(place, wireOf(sample, "00"))))[name]).toBe(
          kind === "bit" ? 0 : false,
        );
        for (const wrong of ["02", "80", "ff"]) {
          expect(faultOf(5, [packetWith(place, wireOf(sample, wrong))]).reasonCode).toBe(0x82);
        }
      }
    });

  if (kind === "text" || kind === "topic" || kind === "pair")
    test("is refused with ill-formed text", () => {
      for (const place of allowed) {
        for (const wrong of ["0001ff", "0002c0af", "0003eda080", "000100"]) {
          const bytes = packetWith(place, wireOf(sample, kind === "pair" ? `0000${wrong}` : wrong));
          expect(faultOf(5, [bytes]).reasonCode, place).toBe(0x81);
        }
      }
    });

  if (kind === "topic")
    test("must be a topic name", () => {
      for (const place of allowed) {
        for (const wrong of ["0000", "00012b", "0003612f23"]) {
          expect(faultOf(5, [packetWith(place, wireOf(sample, wrong))]).reasonCode, place).toBe(0x82);
        }
      }
    });
});

describe.each(places)("in %s", (place) => {
  test("an unknown property identifier is refused as malformed", () => {
    const known = new Set(propertyTable.map(({ identifier }) => identifier));
    for (let identifier = 0; identifier < 0x80; identifier++) {
      if (known.has(identifier)) continue;
      expect(faultOf(5, [packetWith(place, toHex(Uint8Array.of(identifier)), "0000")]).reasonCode).toBe(0x81);
    }
    expect(faultOf(5, [packetWith(place, "8101", "0000")]).reasonCode).toBe(0x81);
    expect(faultOf(5, [packetWith(place, "a600", "00000000")]).message).toContain("fewest bytes");
  });

  test("a property length past the end of the packet is refused", () => {
    const [first, before] = frames[place];
    const body = fromHex(`${before}7f`);
    expect(faultOf(5, [Uint8Array.of(...fromHex(first), body.length, ...body)]).reasonCode).toBe(0x81);
  });

  test("many user properties keep their order, including repeated names", () => {
    const pairs = [..."zaza"].map((name, i) => [name, String(i)]);
    const packet = packetAround(place, { userProperties: pairs });
    expect(propertiesAt(place, decodeOne(5, encode(packet, 5)))["userProperties"]).toEqual(pairs);
  });
});

test.each(["connect", "connack", "auth"] as const)("in %s, authentication data needs a method", (place) => {
  expect(faultOf(5, [packetWith(place, "16 0001 64")]).reasonCode).toBe(0x82);
});

test("user properties named like members of Object.prototype are ordinary properties", () => {
  const pairs = [
    ["__proto__", "polluted"],
    ["constructor", "x"],
  ];
  const decoded = decodeOne(5, encode(packetAround("publish", { userProperties: pairs }), 5));
  expect(propertiesAt("publish", decoded)).toEqual({ userProperties: pairs });
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});

test.each(places)("on %s, an undefined property counts as not set", (place) => {
  const names = propertyTable.filter((sample) => sample.places.includes(place)).map(({ name }) => [name, undefined]);
  expect(names.length).toBeGreaterThan(0);
  const left = encode(packetAround(place, {}), 5);
  expect(encode(packetAround(place, Object.fromEntries(names)), 5)).toEqual(left);
});
