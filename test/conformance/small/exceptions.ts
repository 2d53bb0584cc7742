// Tests of features that the full client has and the small one does not: each must fail with the small client, so that
// no entry is obsolete.
import { beforeEach } from "vitest";

const exceptions: readonly (readonly [why: string, tests: RegExp])[] = [
  ["there is no MQTT 3.1", /bad-3\.1-|version 3$/],
  ["there is no store", /names the stored session|identifier identifies the session|\[MQTT-4\.8\.0-2\]/],
  [
    "there is no authentication",
    /\[MQTT-3\.1\.2-30\]|no packet of any type is longer than|flags of every packet that a client sends|\[MQTT-3\.15\.2-[12]\]/,
  ],
  ["there are no topic aliases", /topic alias(es (end|up|stay)| of 0| above| that)|an empty topic without alias/],
  ["there are no statistics", /a session with an expiry interval|\[MQTT-3\.2\.2-5\] \[MQTT-4\.4\.0-1\]/],
  ["there is no option inbox", /more messages than the receive/],
  ["there is no TCP without the option platform", /\[MQTT-7\.1\.2-1\]/],
  ["disconnect takes no properties", /DISCONNECT is sent (with|not)/],
  [
    "a packet that only clients send is refused for its type, before any other error is found",
    /(connect|connected client) > 'bad-5\.0-auth-method|at this point > ('((UN)?SUBSCRIBE|PINGREQ)'|'AUTH |CONNECT(, on| of))/,
  ],
  ["messages for an ended subscription wait for a second after UNSUBACK", /all packets except PUBLISH continue/],
  ["on 3.1.1 no more than twenty messages are in flight", /\[MQTT-2\.3\.1-[23]\]|3\.1\.1.*\[MQTT-4\.6\.0-1\]/],
  [
    "a packet without an answer for five minutes ends the connection, also without keep-alive",
    /lasts as long as its|state is kept|with their identifiers, and nothing else|and at no other time/,
  ],
  ["an invalid string is STRING_INVALID, also in a topic", /3\.1\.1.*\[MQTT-4\.7\.3-[23]\]/],
  ["the error message is different", /a topic name with wildcards is refused and not sent/],
  ["generated client identifiers have the necessary length", /\[MQTT-7\.0\.0-2\]/],
  [
    "CONNECT has receiveMaximum 1,000",
    /5\.0.*(the first packet is CONNECT|a will with only a topic|without will and credentials|a will of QoS [012] |flags and fields agree)/,
  ],
  [
    "CONNECT has receiveMaximum 1,000",
    /5\.0.*(identifier is present too|(identifier|will topic|user name) is sent in UTF-8|interval has the value that these tests expect|is 0, or the packet ends)/,
  ],
  ["the protocol's own maximum packet size is sent if the option sets it", /5\.0.*the payload has its fields in order/],
];

beforeEach(({ task }) => {
  let name = task.name;
  for (let suite = task.suite; suite; suite = suite.suite) name = `${suite.name} > ${name}`;
  name = `${task.file.name} > ${name}`;
  if (exceptions.some(([, tests]) => tests.test(name))) Object.assign(task, { fails: true });
});
