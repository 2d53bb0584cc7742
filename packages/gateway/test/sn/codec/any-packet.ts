/** Arbitrary messages of MQTT-SN, one of every type, for properties that hold for all. */

import fc from "fast-check";
import type { Encapsulation, SnPacket } from "../../../src/sn/packets.ts";

const octet = fc.nat(0xff);
const two = fc.nat(0xffff);
const topicId = fc.integer({ min: 1, max: 0xfffe });
const text = fc.string({ unit: "grapheme", maxLength: 30 });
const filled = fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 });
const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);
const anyQos = fc.constantFrom(-1 as const, 0 as const, 1 as const, 2 as const);
const bytes = fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ minLength: 240, maxLength: 300 }));
const shortName = fc.oneof(
  fc.string({ unit: fc.constantFrom(..."ab/+#$ ~"), minLength: 2, maxLength: 2 }),
  fc.constant("é"),
);

const publishTopic = fc.oneof(
  fc.record({ kind: fc.constantFrom("normal" as const, "predefined" as const), id: topicId }),
  fc.record({ kind: fc.constant("short" as const), name: shortName }),
);
const filterTopic = fc.oneof(
  fc.record({ kind: fc.constant("normal" as const), name: text }),
  fc.record({ kind: fc.constant("short" as const), name: shortName }),
  fc.record({ kind: fc.constant("predefined" as const), id: topicId }),
);

const will = fc.record({ topic: filled, qos, retain: fc.boolean() });

/** The other parts of each message. */
const parts: { readonly [Type in SnPacket["type"]]: Readonly<Record<string, fc.Arbitrary<unknown>>> } = {
  advertise: { gatewayId: octet, duration: two },
  searchgw: { radius: octet },
  gwinfo: { gatewayId: octet, gatewayAddress: fc.uint8Array({ minLength: 1, maxLength: 8 }) },
  connect: { will: fc.boolean(), cleanSession: fc.boolean(), protocolId: octet, duration: two, clientId: text },
  connack: { returnCode: octet },
  willtopicreq: {},
  willtopic: { will },
  willmsgreq: {},
  willmsg: { message: bytes },
  register: { topicId: fc.nat(0xfffe), messageId: two, topicName: text },
  regack: { topicId: two, messageId: two, returnCode: octet },
  publish: { dup: fc.boolean(), qos: anyQos, retain: fc.boolean(), topic: publishTopic, messageId: two, data: bytes },
  puback: { topicId: two, messageId: two, returnCode: octet },
  pubcomp: { messageId: two },
  pubrec: { messageId: two },
  pubrel: { messageId: two },
  subscribe: { dup: fc.boolean(), qos, topic: filterTopic, messageId: two },
  suback: { qos, topicId: two, messageId: two, returnCode: octet },
  unsubscribe: { topic: filterTopic, messageId: two },
  unsuback: { messageId: two },
  pingreq: { clientId: filled },
  pingresp: {},
  disconnect: { duration: two },
  willtopicupd: { will },
  willtopicresp: { returnCode: octet },
  willmsgupd: { message: bytes },
  willmsgresp: { returnCode: octet },
};

/** The parts that may be absent. */
const optional = new Set(["will", "gatewayAddress", "duration", "clientId"]);
const mayBeAbsent = new Set(["willtopic", "willtopicupd", "gwinfo", "pingreq", "disconnect"]);

export const packetTypes = Object.keys(parts) as SnPacket["type"][];

export const anyPacket: fc.Arbitrary<SnPacket> = fc.oneof(
  ...packetTypes.map((type) => {
    const model = { type: fc.constant(type), ...parts[type] };
    const required = Object.keys(model).filter((key) => !(mayBeAbsent.has(type) && optional.has(key)));
    return fc.record(model, { requiredKeys: required as never[] }) as unknown as fc.Arbitrary<SnPacket>;
  }),
);

export const anyEncapsulation: fc.Arbitrary<Encapsulation> = fc.record({
  wirelessNodeId: fc.uint8Array({ minLength: 1, maxLength: 252 }),
  radius: fc.nat(3),
});
