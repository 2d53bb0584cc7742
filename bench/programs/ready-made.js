// Hand-made packets of MQTT 3.1.1, for measurements without a client. Uses no code of a client.
export const connectBytes = Buffer.from([0x10, 12, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 0, 0, 0]);

/** @param {string} topic @param {Uint8Array} payload @param {0 | 1} qos 1 with the packet identifier 1 */
export function publishBytes(topic, payload, qos = 0) {
  const name = Buffer.from(topic);
  const length = 2 + name.length + (qos === 0 ? 0 : 2) + payload.length;
  const identifier = qos === 0 ? [] : [0, 1];
  const header = [0x30 | (qos << 1), ...remainingLength(length), name.length >> 8, name.length & 255];
  return Buffer.concat([Buffer.from(header), name, Buffer.from(identifier), payload]);
}

/** SUBSCRIBE with the packet identifier 1, at QoS 0. @param {string} filter */
export function subscribeBytes(filter) {
  const name = Buffer.from(filter);
  const header = [0x82, ...remainingLength(5 + name.length), 0, 1, name.length >> 8, name.length & 255];
  return Buffer.concat([Buffer.from(header), name, Buffer.from([0])]);
}

/** @param {number} value */
function remainingLength(value) {
  const bytes = [];
  let rest = value;
  do {
    bytes.push((rest & 127) | (rest > 127 ? 128 : 0));
    rest >>= 7;
  } while (rest > 0);
  return bytes;
}
