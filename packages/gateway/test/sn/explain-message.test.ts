// What `gateway explain` prints of a datagram of MQTT-SN.
import { expect, test } from "vitest";
import { explainMessage } from "../../src/sn/explain-message.ts";

const explained = (hex: string): string => explainMessage(new Uint8Array(Buffer.from(hex, "hex")));

test.each([
  ["0a040401003c6e6f6465", 'CONNECT  will=false  cleanSession=true  protocolId=1  duration=60  clientId="node"\n'],
  ["0217", "PINGRESP\n"],
  ["05fe016e310216", "PINGREQ  behind a forwarder, node 0x6e31\n"],
  ["090c626162000032 31".replaceAll(" ", ""), /^PUBLISH .* topic=\{"kind":"short","name":"ab"\} .* data=0x3231\n$/],
  ["0303", /^dropped malformed: the length is 3, but there are 2 octets/],
])("%s is shown with its fields, or with the rule that it breaks", (hex, expected) => {
  expect(explained(hex)).toMatch(expected);
});
