// @ts-check
// Ways in which MQTT software has failed, and the sentences of SECURITY.md, each with its tests. `npm run security` writes docs/security.md from
// this file. A test is named by its file, the titles of its groups, and its own title, as they are in the source. "*" stands for what a template
// inserts.

/**
 * @typedef {object} SecurityClass
 * @property {string} name
 * @property {string} seen known cases of the class
 * @property {string} held what our tests do
 * @property {readonly string[]} tests
 * @property {string} [notApplicable] why there is nothing to test
 */

/**
 * True when every row has its tests. A row without tests then fails. While it is false, such rows are shown as open.
 *
 * @type {boolean}
 */
export const isComplete = true;

const mqtt = "packages/mqtt/test";
const broker = "packages/broker/test";
const store = "packages/store/test";

/** @type {readonly SecurityClass[]} */
export const classes = [
  {
    name: "memory allocated from an unchecked length field",
    seen: "mosquitto CVE-2017-7651, CVE-2023-0809; MQTT.js buffers without a limit",
    held: "A header announces 256 MB, and only a few bytes follow: memory does not grow. Before CONNECT, the limit is small.",
    tests: [
      `${mqtt}/codec/packet-stream.test.ts > memory > is not allocated because of a length alone`,
      `${mqtt}/both/bad-input.test.ts > the $name client > a header that announces 256 MB allocates no memory; a length above the limit is refused at once`,
      `${mqtt}/small/reading-costs.test.ts > memory > is not allocated because of a length alone`,
      `${mqtt}/small/reading-costs.test.ts > memory > is not allocated because of a string's or a list's length alone`,
      `${broker}/connecting.test.ts > CONNECT > %s: the connection is closed within 100 ms`,
      `${broker}/listeners.test.ts > a long WebSocket message is buffered for an accepted client, but not for one that is not accepted yet`,
    ],
  },
  {
    name: "frames shorter than the packet (WebSocket)",
    seen: "CVE-2026-25627",
    held: "However the bytes are split and merged, the decoder returns the same packets.",
    tests: [
      `${mqtt}/codec/vectors.test.ts > $id > decodes from two parts, split at any place`,
      `${mqtt}/small/packet-reader.test.ts > $id > is read as the packet that it stands for, whole and byte by byte`,
      `${broker}/bad-clients.test.ts > splitting the bytes at any place gives the same result`,
      "test/transports/suite.test.ts > the transport over %s > $name",
    ],
  },
  {
    name: "variable byte integer with five bytes, or not minimally encoded",
    seen: "CVE-2026-21888",
    held: "The decoder refuses these in the fixed header and in property lengths.",
    tests: [
      `${mqtt}/codec/packet-stream.test.ts > a remaining length > of %s is refused`,
      `${mqtt}/codec/packet-stream.test.ts > a remaining length > of five bytes is refused at the fourth, without waiting for the fifth`,
      `${mqtt}/codec/vectors.test.ts > $id: $why > is refused by a stream of version %s`,
      `${mqtt}/small/packet-reader.test.ts > a remaining length of %s is refused`,
    ],
  },
  {
    name: "lengths that underflow or overflow",
    seen: "Mongoose CVE-2019-19307, Paho embedded CVE-2021-41036",
    held: "The tests try every truncation of every packet, and every byte of it plus and minus one.",
    tests: [
      `${mqtt}/both/hostile-bytes.test.ts > $name > waits for the rest of every truncated valid packet, and refuses it if its lengths claim that it is complete`,
      `${mqtt}/both/hostile-bytes.test.ts > $name > turns a valid packet with any byte changed by one into packets or a ProtocolError`,
      `${mqtt}/codec/properties.test.ts > in %s > a property length past the end of the packet is refused`,
    ],
  },
  {
    name: "packets that this side must never receive",
    seen: "CVE-2021-28166",
    held: "The tests send each packet type in each state, to both sides.",
    tests: [
      "test/conformance/bad-input-client.test.ts > a valid packet that is not allowed at this point > $what, on version $version",
      "test/conformance/bad-input-broker.test.ts > a valid packet that is not allowed at this point > $what, on version $version",
      `${broker}/bad-clients.test.ts > %s > is answered with *`,
    ],
  },
  {
    name: "bad properties leaked or forwarded",
    seen: "CVE-2023-3592",
    held: "Each property is refused on every packet that forbids it, without a memory leak.",
    tests: [
      `${mqtt}/codec/properties.test.ts > $name > is refused as malformed everywhere else`,
      `${mqtt}/codec/properties.test.ts > $name > is not written to other packets`,
      `${mqtt}/codec/leaks.test.ts > packets that are refused for their properties do not leak memory`,
    ],
  },
  {
    name: "QoS 2 state never released",
    seen: "CVE-2023-28366",
    held: "The receive maximum limits the state.",
    tests: [
      `${broker}/bad-clients.test.ts > more unacknowledged messages than the receive maximum are answered with 0x93`,
      `${mqtt}/client/back-pressure.test.ts > more unacknowledged messages than the receive maximum and the inbox allow`,
      `${mqtt}/session/incoming-messages.test.ts > %s as a receiver > the announced receive maximum > limits QoS 1 and 2 together, and not QoS 0`,
    ],
  },
  {
    name: "empty topic, NUL, ill-formed UTF-8",
    seen: "CVE-2021-34432 and several others; aedes accepts them",
    held: "The tests send a corpus of these, to both sides.",
    tests: [
      "test/conformance/bad-input-client.test.ts > a malformed packet to a connected client > $id: $why",
      "test/conformance/bad-input-broker.test.ts > a malformed packet from a connected client > $id: $why",
      `${mqtt}/topic/topic-name.test.ts > the name %j > is rejected: *`,
      "test/conformance/mqtt-5.0-data.test.ts > [MQTT-1.5.4-1] ill-formed UTF-8 from the server is refused: %s",
    ],
  },
  {
    name: "misplaced wildcards; wrong number or codes in SUBACK",
    seen: "wolfMQTT",
    held: "The tests send a wrong number of codes, an unknown code, and misplaced wildcards.",
    tests: [
      `${mqtt}/topic/topic-filter.test.ts > the filter %j > is rejected: *`,
      `${mqtt}/topic/topic-filter.test.ts > the shared filter %j > is rejected: *`,
      `${mqtt}/session/requests.test.ts > subscribing and unsubscribing > a wrong count, or a SUBACK, for an UNSUBSCRIBE is a protocol error`,
      `${mqtt}/both/subscribing.test.ts > the $name client > SUBACK > %s breaks the protocol`,
    ],
  },
  {
    name: "recursion on deep topics",
    seen: "CVE-2019-11779",
    held: "The tests use a topic of 65,535 slashes, and filters of the same depth.",
    tests: [
      `${mqtt}/topic/deep-topics.test.ts > a name and a filter of 65,535 slashes are valid, and match`,
      `${mqtt}/topic/topic-tree.test.ts > matching > handles 65,535 levels without recursion`,
      `${mqtt}/topic/topic-name-tree.test.ts > it handles 65,535 levels without recursion`,
      `${broker}/bounds.test.ts > maximumTopicLevels > a topic with more levels at QoS %i ends the connection, and the broker keeps nothing of the message`,
    ],
  },
  {
    name: "the connection stays open after a refused CONNECT",
    seen: "CVE-2025-56352",
    held: "The broker closes the socket after a CONNACK that refuses the client.",
    tests: [
      `${broker}/connecting.test.ts > authenticate > that returns false on version %i is answered with %i`,
      `${broker}/connecting.test.ts > CONNECT > of protocol level %i is refused with an answer that all versions understand`,
    ],
  },
  {
    name: "the socket stays open after a protocol error, and nothing is read",
    seen: "MQTT.js closes the connection after 8 of 420 violations within 1.5 s",
    held: "The connection is closed within 100 ms, on MQTT 5 after a DISCONNECT with the reason code.",
    tests: [
      "test/conformance/bad-input-client.test.ts > a malformed packet to a connected client > $id: $why",
      "test/conformance/bad-input-broker.test.ts > a malformed packet from a connected client > $id: $why",
      `${broker}/connecting.test.ts > CONNECT > %s: the connection is closed within 100 ms`,
    ],
  },
  {
    name: "keep-alive as a slow attack",
    seen: "CVE-2020-13849",
    held: "The broker has a maximum keep-alive, and time limits for CONNECT and handshakes.",
    tests: [
      `${broker}/keep-alive.test.ts > keep-alive 0 means no limit, unless the broker has one`,
      `${broker}/connecting.test.ts > CONNECT > that arrives too late ends the connection`,
      `${broker}/listeners.test.ts > %s that does not finish > is closed after connectTimeout`,
      `${broker}/listeners.test.ts > %s that does not finish > counts towards maximumConnections`,
    ],
  },
  {
    name: "floods, queues without a limit",
    seen: "NanoMQ CVE-2024-48077; MQTT.js offline at QoS 0 runs out of memory after hours",
    held: "Each queue has a limit with an explicit error. One hour offline at 1,000 messages a second does not increase memory.",
    tests: [
      `${mqtt}/client/outbox-policies.test.ts > one hour offline: dropped messages are counted, and memory does not grow > %d messages a second, %o`,
      `${mqtt}/both/bounds.test.ts > the $name client > the outbox > the number of messages is limited; further ones fail with OUTBOX_FULL, and the others are sent`,
      `${mqtt}/client/back-pressure.test.ts > above the limit of the inbox > reading stops, and resumes when half of it is handled`,
      `${broker}/delivering.test.ts > a slow client's queue is limited, and the other clients get their messages`,
      `${broker}/retained.test.ts > beyond its limits the broker does not retain a message > %o: a client that learns it gets 0x97, and nothing is delivered`,
      `${broker}/broker.test.ts > beyond maximumConnections no client is accepted`,
      `${store}/disk-store.test.ts > the limit > rejects a write as a whole, and removed records make room again`,
    ],
  },
  {
    name: "few bytes of one client that cost the server much time",
    seen: "found here: 64 KB of messages for 1,000 subscribers, or 5,000 filters over retained messages, stopped the broker for seconds",
    held: "Packets are handled in slices of about 10 ms by their cost, and retained messages are searched for in slices. Other clients are served between them.",
    tests: [
      `${broker}/workload.test.ts > messages with many matching subscriptions are handled in slices, and another client is served between them`,
      `${broker}/workload.test.ts > a flood of short packets is handled in slices, too`,
      `${broker}/workload.test.ts > cheap messages are not slowed by the expensive ones of another client`,
      `${broker}/retained-replay.test.ts > a turn sends at most 100 messages of one subscription, and subscriptions take turns`,
      `${broker}/retained-replay.test.ts > filters that match nothing are searched for in slices, whatever their number`,
      `${broker}/shared-subscriptions.test.ts > a client is a member of at most 16 groups with the same topic filter, and may join others again after it left one`,
      `${broker}/will-loops.test.ts > a chain of wills in which each ends the next connection does not overflow the stack`,
    ],
  },
  {
    name: "memory that no limit counts",
    seen: "found here: client identifiers, wills, user properties, levels of filters, topic aliases, and bookkeeping of unfinished subscriptions",
    held: "All that a client can make the broker keep counts for maximumMemory, and nothing is left when its session has ended.",
    tests: [
      `${broker}/counted-memory.test.ts > the texts of a session count: its client identifier and its user name`,
      `${broker}/counted-memory.test.ts > a will counts with its properties until it $how`,
      `${broker}/counted-memory.test.ts > the levels of a topic filter count`,
      `${broker}/counted-memory.test.ts > the properties of a waiting message count`,
      `${broker}/counted-memory.test.ts > the topics of topic aliases count while the connection lasts, and a client that exceeds the limit learns it`,
      `${broker}/counted-memory.test.ts > messages that wait for authorizeDeliver count`,
      `${broker}/counted-memory.test.ts > while the memory is full, a client that is known cannot come back with a large will`,
      `${broker}/retained-replay.test.ts > thousands of subscriptions of a client that does not read take no memory of retained messages`,
      `${broker}/bad-clients.test.ts > a client that sends PINGREQ without reading is disconnected, and the event says why`,
    ],
  },
  {
    name: "access rules through + and # in a client identifier or user name",
    seen: "CVE-2017-7650, CVE-2018-12550",
    held: "A placeholder in a rule matches nothing if the name contains +, # or /, or if the topic would begin with $. A file without rules denies everything.",
    tests: [
      `${broker}/rules/rule-cases.test.ts > $title ($from)`,
      `${broker}/rules/rules.test.ts > placeholders > %s for %j: %s`,
      `${broker}/rules/mosquitto-acl.test.ts > a file without rules denies everything: %j`,
    ],
  },
  {
    name: "one user continues the session of another, or speaks as the broker",
    seen: "known classes: a client identifier is not a credential; any client may retain below $SYS",
    held: "A session belongs to the identity that began it. Clients cannot publish below $SYS, with a message or a will.",
    tests: [
      "packages/broker/test/decisions.test.ts > an identity > keeps a session from clients with another identity, which start a new one",
      "packages/broker/test/permitted-publications.test.ts > a message of a client to %s > is neither delivered nor retained on version %i",
      "packages/broker/test/permitted-publications.test.ts > a message of a client to %s > as a will is dropped and reported on version %i",
    ],
  },
  {
    name: "authentication that never ends, or that says too much",
    seen: "164,714 AUTH packets of a server caused as many concurrent calls of an application (found here)",
    held: "An exchange has limits for its time and its challenges. Errors of the application are not sent to the client.",
    tests: [
      "packages/broker/test/enhanced-authentication.test.ts > the first exchange > takes at most connectTimeout, whoever is slow",
      "packages/broker/test/enhanced-authentication.test.ts > the first exchange > takes at most maximumChallenges",
      "packages/broker/test/enhanced-authentication.test.ts > the first exchange > that throws refuses the client with Server unavailable, and the reason is reported",
      "packages/broker/test/enhanced-authentication.test.ts > re-authentication > that takes too long disconnects the client",
    ],
  },
  {
    name: "passwords that are guessed, or that occupy the server",
    seen: "mosquitto CVE-2018-12551: a malformed line of the password file was a user without a password",
    held: "Malformed lines are not users. Checks are limited in number and in turn, outside of the event loop, and an unknown user takes as long as a known one.",
    tests: [
      `${broker}/users/password-file.test.ts > each wrong line is reported by its number, without its content, and is not a user`,
      `${broker}/users/users.test.ts > an unknown user costs the hash of a known one, whichever method that has`,
      `${broker}/users/users.test.ts > 1,000 wrong passwords a second > cause no more hashes than can run, and keep honest users of other addresses, or with other names, out for less than a second`,
      `${broker}/users/users.test.ts > verification leaves the event loop free`,
    ],
  },
  {
    name: "access revoked, data still delivered",
    seen: "CVE-2021-34434, CVE-2018-12546",
    held:
      "`authenticate` is called for every connection. `authorizeDeliver` is asked when a message is put to a client, and again " +
      "when it was queued or is sent again. It is also asked about retained messages and wills. Rules that are replaced hold at once.",
    tests: [
      `${broker}/connecting.test.ts > authenticate > is called with the credentials`,
      `${broker}/hooks/deliver-hooks.test.ts > a client > does not receive retained messages and wills that it may not receive`,
      `${broker}/hooks/deliver-hooks.test.ts > a client > does not receive queued QoS %i messages after its right was revoked`,
      `${broker}/hooks/deliver-hooks.test.ts > a client > is not sent again what it may no longer receive`,
      `${broker}/rules/rules-hooks.test.ts > a live subscription brings no message that may no longer be read, and others again`,
      `${broker}/rules/rules-hooks.test.ts > a queued QoS %i message is discarded if it may no longer be read`,
      `${broker}/rules/rules-hooks.test.ts > a retained message is not sent if it may no longer be read`,
      `${broker}/rules/rules-hooks.test.ts > a retained message is not sent if its publisher may no longer write it, also when the publisher is gone`,
      `${broker}/rules/rules-hooks.test.ts > a shared subscription gives the messages to the members that may still read them`,
      `${broker}/rules/rules-hooks.test.ts > a will is not published if its client may no longer write to its topic`,
    ],
  },
  {
    name: "TLS: look-alike CA, wrong host, expired",
    seen: "CVE-2019-11777",
    held: "Such certificates are refused, and the error says why. Verification is on unless the program disables it explicitly.",
    tests: [
      "test/transports/refusals.test.ts > a server certificate that is not trusted is refused, and the error says what to do > signed by another authority of the same name",
      "test/transports/refusals.test.ts > a server certificate that is not trusted is refused, and the error says what to do > for another host",
      "test/transports/refusals.test.ts > a server certificate that is not trusted is refused, and the error says what to do > expired",
      "test/transports/refusals.test.ts > a server certificate that is not trusted is refused, and the error says what to do > any certificate is accepted if verification is disabled explicitly",
    ],
  },
  {
    name: "a parser error ends the process",
    seen: "aedes CVE-2020-13410, mqtt-packet CVE-2016-10523, MQTT.js 5.15",
    held: "No exception leaves a socket's handler, and no rejection is unhandled.",
    tests: [
      `${mqtt}/both/hostile-bytes.test.ts > $name > of version %s turns any bytes into packets or a ProtocolError`,
      `${mqtt}/session/network-connection.test.ts > on a clock of the kind %s: > received bytes > end in failed if the owner throws at %s`,
      `${mqtt}/session/network-connection.test.ts > on a clock of the kind %s: > an error that the owner throws elsewhere ends in failed, and never in the platform: > %s`,
      `${broker}/broker.test.ts > a failure of the server socket does not end the process`,
      `${broker}/connecting.test.ts > a listener that throws ends neither the connection nor the process; the error is reported as an event`,
    ],
  },
  {
    name: "packet identifiers restart at 1 after a crash, although the server has kept the session",
    seen: "MQTT.js: the server dropped 2,882 of 7,535 QoS 2 messages as duplicates",
    held: "The stored session includes identifiers and unfinished exchanges. Without a store, the session is clean.",
    tests: [
      `${mqtt}/session/session-journal.test.ts > a process that was killed continues > with the same identifiers, order and states`,
      `${mqtt}/client/restarting-with-store.test.ts > a client that is started again on its store > continues the identifiers, the order and the QoS 2 exchanges of the previous client`,
      `${store}/processes.test.ts > a client that is killed repeatedly publishes at QoS %i: nothing is lost, and at QoS 2 nothing arrives twice`,
    ],
  },
  {
    name: "DUP missing on resent messages; limits in CONNACK ignored",
    seen: "MQTT.js",
    held: "The tests compare every byte.",
    tests: [
      "test/conformance/mqtt-5.0-operation.test.ts > [MQTT-4.4.0-1] unacknowledged packets are resent at the next connection with their identifiers, and at no other time",
      `${mqtt}/both/server-limits.test.ts > the $name client > a limit in CONNACK is checked before sending, and named > publishing with %o: %o`,
      `${mqtt}/both/server-limits.test.ts > the $name client > receive maximum: never more unacknowledged messages than the server allows; the rest are sent in order`,
    ],
  },
  {
    name: "regular expressions on topics, hash flooding, prototype pollution by user properties",
    seen: "known classes",
    held: "The code uses maps instead of objects. Adversarial topics take linear time.",
    tests: [
      `${mqtt}/codec/properties.test.ts > user properties named like members of Object.prototype are ordinary properties`,
      `${mqtt}/topic/topic-tree.test.ts > matching > is safe with names of an object's inherited members`,
      `${mqtt}/topic/adversarial-topics.test.ts > %s that are made to look alike take linear time`,
    ],
  },
  {
    name: "the decoded form is much larger than its bytes: lists, properties",
    seen: "found here: a SUBACK of 120 MB, or 250 MB of subscription identifiers, ended the process; 250 MB of empty user properties blocked it for 52 s",
    held: "Both sides limit the number of entries and the length of the properties, before CONNACK too.",
    tests: [
      `${mqtt}/codec/decoded-form.test.ts > only PUBLISH may be long > %s of more than 4 MiB is refused at its header`,
      `${mqtt}/codec/decoded-form.test.ts > the properties of a packet > of %s take at most 1 MiB`,
      `${mqtt}/codec/decoded-form.test.ts > the properties of a packet > hold at most 65,535 %s`,
      `${mqtt}/codec/decoded-form.test.ts > a list holds at most 65,535 entries > %s`,
      `${mqtt}/both/early-refusal.test.ts > the $name client > a server of version %i that sends > 256 MiB of type byte %i is disconnected at its header`,
      `${mqtt}/both/early-refusal.test.ts > the $name client > a server of version %i that sends > %s instead of CONNACK is disconnected at once`,
      `${broker}/bad-clients.test.ts > %s is refused by its header`,
      `${mqtt}/client/authentication.test.ts > connecting with an authentication method > makes one callback at a time: a server that does not wait for the answer breaks the protocol`,
    ],
  },
  {
    name: "forbidden packets are buffered and decoded before they are refused",
    seen: "found here",
    held: "Such a packet is refused by its first byte.",
    tests: [
      `${mqtt}/codec/decoded-form.test.ts > a packet that is not allowed is refused at its first byte > %s, when others are expected`,
      `${mqtt}/both/early-refusal.test.ts > the $name client > a server of version %i that sends > %s is disconnected at its first byte`,
      `${broker}/bad-clients.test.ts > %s from a connected client is refused at its first byte`,
    ],
  },
  {
    name: "the end of a connection is not detected",
    seen: "found here: after invalid or closing WebSocket frames on a socket that stayed open, the client remained `connected` for 30 s",
    held: "The connection is closed within 100 ms.",
    tests: [
      `test/transports/ended-websockets.test.ts > a client's WebSocket closes at once when the server ends it without closing the socket > %s`,
      `test/transports/ended-websockets.test.ts > a broker's WebSocket closes at once when the client ends it without closing the socket > %s`,
      `${mqtt}/transport/websocket.test.ts > a WebSocket that its other side ended closes within 100 ms, although the socket stays open > after a close frame, for which there is no event`,
      `${mqtt}/small/small-platform.test.ts > a WebSocket whose peer has sent its last data but may not close > is closed within 100 ms`,
    ],
  },
  {
    name: "a web page connects to a broker on loopback (cross-site WebSocket hijacking, DNS rebinding)",
    seen: "found here; a known class for local servers",
    held: "A foreign Origin or Host is refused unless it is allowed.",
    tests: [
      `${broker}/origins.test.ts > a broker on loopback accepts a WebSocket > %s`,
      `${broker}/origins.test.ts > a foreign page is refused also if the broker listens on all addresses`,
      `${broker}/origins.test.ts > authenticate gets the client's address and the page's origin`,
    ],
  },
  {
    name: "an exception between acquiring a resource and passing it on",
    seen: "found here: 3,184 sockets leaked through an HTTP proxy",
    held: "The tests inject an exception at every such place.",
    tests: [
      `test/transports/leaks.test.ts > an exception while a socket is open closes the socket > %s`,
      `test/transports/leaks.test.ts > an error that Node throws synchronously becomes a typed error: %s`,
      `test/transports/leaks.test.ts > a broker whose program throws when a connection is accepted > closes it and continues: listener %i`,
    ],
  },
  {
    name: "a peer chooses where the client connects (Server Reference)",
    seen: "found here: the client connected to 500 hosts with the password",
    held: "The number of references followed is limited. The configured servers are tried in every round. Credentials are sent only if the program allows it.",
    tests: [
      `${mqtt}/client/server-references.test.ts > a DISCONNECT that lists 3,200 hosts > (%i) makes the client dial eight of them once, and then its own server`,
      `${mqtt}/client/server-references.test.ts > a DISCONNECT that lists 3,200 hosts > is not followed with a user name and a password set; the error explains how to allow that`,
      `${mqtt}/client/server-references.test.ts > a server that moved (0x9D) > is not forgotten: each round tries it after its replacement`,
      `${mqtt}/client/server-references.test.ts > a client on a Unix socket follows references only to its configured servers`,
      `${mqtt}/client/server-references.test.ts > Server References: > an invalid host is skipped: %j …`,
    ],
  },
  {
    name: "stored bytes that imitate the store's own framing",
    seen: "found here: a payload became a record after one damaged bit; searching 1 MB took 14.3 s",
    held: "Each file has a random mark and seed. The search reads each byte once. Invalid records are set aside.",
    tests: [
      `${store}/forgery.test.ts > a message with content that looks like frames > yields no record, whichever bit of its frame's header is damaged`,
      `${store}/forgery.test.ts > a message with content that looks like frames > yields none if any bit of a version 1 header is damaged, and the rest is set aside`,
      `${store}/forgery.test.ts > the search after a damaged header > takes linear time in the file's length, with a message of %s`,
      `${mqtt}/client/corrupt-store.test.ts > a stored record that is not valid > rejects connect once with STORE_CORRUPT, is set aside, and the rest is used`,
    ],
  },
  {
    name: "links, files and locks planted in a shared directory",
    seen: "CWE-59; found here: a lock whose name was not a number made `open` loop forever",
    held: "The store follows no link and opens no file of another user. It warns of a directory that others can write to.",
    tests: [
      `${store}/planted.test.ts > something planted in the directory > a link in place of the session's file is rejected, and its target does not change`,
      `${store}/planted.test.ts > something planted in the directory > a %s that is planted after the old one was removed is an error`,
      `${store}/planted.test.ts > something planted in the directory > a lock with the number %j neither blocks opening nor allows two owners`,
      `${store}/planted.test.ts > something planted in the directory > a directory with mode %o causes %d warnings`,
    ],
  },
  {
    name: "responses that anyone can forge",
    seen: "found here: correlation data 1, 2, 3",
    held: "Correlation data is random.",
    tests: [
      `${mqtt}/client/request-response.test.ts > correlation data > is 129 random bits, so that a message cannot guess it`,
    ],
  },
  {
    name: "secrets",
    seen: "–",
    held: "No password or token is in logs, errors or the flight recorder. A password in argv causes a warning.",
    tests: [
      `${mqtt}/client/secrets.test.ts > the %s > is not shown when a client, its subscriptions, messages, events and errors are printed`,
      `${mqtt}/client/secrets.test.ts > an invalid URL is not quoted with its secrets > %s`,
      "test/security/output.test.ts > a program that prints clients, brokers, events, messages and errors prints none of their secrets",
      "test/security/output.test.ts > the commands do not print %s",
      "test/security/output.test.ts > the broker's command prints no client's password, whatever clients do",
      `packages/cli/test/commands.test.ts > a password given by %s causes the warning %j %d times, and is never shown`,
      `packages/cli/test/commands.test.ts > standard output is data only, also with -d, and no password is shown`,
    ],
  },
  {
    name: "escape sequences for a terminal, in topics, payloads and client identifiers",
    seen: "found here: payloads reached the terminal unchanged; a known class for tools that print",
    held: "On a terminal, control characters are shown as text. Each message about a client is one line of limited length.",
    tests: [
      "packages/cli/test/message-line.test.ts > on a terminal, a message cannot control it, and a topic fills one line",
      "packages/cli/test/escaped-bytes.test.ts > for any input, the result is UTF-8 without control characters, and nothing else is changed",
      "packages/broker/test/service/event-log.test.ts > a client's text cannot control the terminal, begin another line, or fill it",
    ],
  },
];

/** What SECURITY.md promises, sentence by sentence. @type {readonly { sentence: string, tests: readonly string[] }[]} */
export const sentences = [
  {
    sentence: "Bytes from the network never crash, hang or exhaust a process.",
    tests: [
      `${mqtt}/both/hostile-bytes.test.ts > $name > of version %s turns any bytes into packets or a ProtocolError`,
      `${mqtt}/codec/packet-stream.test.ts > a packet that arrives byte by byte takes time in proportion to its length`,
      `${mqtt}/small/reading-costs.test.ts > time grows linearly with the received bytes > for %s`,
    ],
  },
  {
    sentence: "Lengths are checked before memory is allocated, nothing recurses, and every queue has a limit.",
    tests: [
      `${mqtt}/codec/packet-stream.test.ts > the maximum packet size > refuses a packet at its header, before any of its body`,
      `${mqtt}/codec/packet-stream.test.ts > memory > is not allocated because of a length alone`,
      `${mqtt}/topic/topic-tree.test.ts > matching > handles 65,535 levels without recursion`,
      `${mqtt}/both/bounds.test.ts > the $name client > the outbox > the number of messages is limited; further ones fail with OUTBOX_FULL, and the others are sent`,
      `${mqtt}/client/back-pressure.test.ts > above the limit of the inbox > reading stops, and resumes when half of it is handled`,
      `${broker}/delivering.test.ts > a slow client's queue is limited, and the other clients get their messages`,
    ],
  },
  {
    sentence: "A packet that is not allowed now is refused by its first byte.",
    tests: [
      `${mqtt}/codec/decoded-form.test.ts > a packet that is not allowed is refused at its first byte > %s, when others are expected`,
      `${mqtt}/both/early-refusal.test.ts > the $name client > a server of version %i that sends > %s is disconnected at its first byte`,
      `${broker}/bad-clients.test.ts > %s from a connected client is refused at its first byte`,
    ],
  },
  {
    sentence: "The decoded form of a packet has limits of its own.",
    tests: [
      `${mqtt}/codec/decoded-form.test.ts > the properties of a packet > of %s take at most 1 MiB`,
      `${mqtt}/codec/decoded-form.test.ts > a list holds at most 65,535 entries > %s`,
      `${mqtt}/both/early-refusal.test.ts > the $name client > a server of version %i that sends > 256 MiB of type byte %i is disconnected at its header`,
    ],
  },
  {
    sentence: "A peer that violates the protocol receives a reason code (MQTT 5), and its connection is closed.",
    tests: [
      "test/conformance/bad-input-client.test.ts > a malformed packet to a connected client > $id: $why",
      "test/conformance/bad-input-client.test.ts > a valid packet that is not allowed at this point > $what, on version $version",
      "test/conformance/bad-input-broker.test.ts > a malformed packet from a connected client > $id: $why",
      "test/conformance/bad-input-broker.test.ts > a valid packet that is not allowed at this point > $what, on version $version",
    ],
  },
  {
    sentence: "TLS verifies the server unless you disable it explicitly (`verifyServer: false`, `--insecure`).",
    tests: [
      "test/transports/refusals.test.ts > a server certificate that is not trusted is refused, and the error says what to do > signed by an unknown authority",
      "test/transports/refusals.test.ts > a server certificate that is not trusted is refused, and the error says what to do > any certificate is accepted if verification is disabled explicitly",
    ],
  },
  {
    sentence: "Credentials never appear in error messages, events or debug output.",
    tests: [
      `${mqtt}/codec/encode.test.ts > no error shows a credential`,
      `${mqtt}/small/client-packets.test.ts > no error shows a credential`,
      `${mqtt}/client/server-url.test.ts > an invalid URL is a UsageError with the URL and the rule > and the error shows no credentials: %s`,
      `${mqtt}/client/connect-options.test.ts > a wrong option names field, value and rule > and a password is not in the message`,
      `${broker}/connecting.test.ts > authenticate > that returns false on version %i is answered with %i`,
      "packages/cli/test/commands.test.ts > standard output is data only, also with -d, and no password is shown",
    ],
  },
  {
    sentence: "Printing or serializing a client or a subscription shows no secret.",
    tests: [
      `${mqtt}/client/secrets.test.ts > the %s > is not shown when a client, its subscriptions, messages, events and errors are printed`,
    ],
  },
  {
    sentence: "Error messages contain no control characters.",
    tests: [
      `${mqtt}/client/hostile-words.test.ts > $name has a message and a stack without control characters; the message is one line`,
      `${mqtt}/client/hostile-words.test.ts > the same holds for the small client`,
    ],
  },
  {
    sentence: "A server cannot choose where credentials are sent.",
    tests: [
      `${mqtt}/client/server-references.test.ts > a DISCONNECT that lists 3,200 hosts > is not followed with a user name and a password set; the error explains how to allow that`,
    ],
  },
  {
    sentence: "A connection that has ended is closed within 100 ms.",
    tests: [
      `test/transports/ended-websockets.test.ts > a client's WebSocket closes at once when the server ends it without closing the socket > %s`,
      `test/transports/ended-websockets.test.ts > a broker's WebSocket closes at once when the client ends it without closing the socket > %s`,
      `${mqtt}/transport/websocket.test.ts > a WebSocket that its other side ended closes within 100 ms, although the socket stays open > after a close frame, for which there is no event`,
    ],
  },
  {
    sentence: "An exception never leaves a socket open.",
    tests: [
      `test/transports/leaks.test.ts > an exception while a socket is open closes the socket > %s`,
      `test/transports/leaks.test.ts > a broker whose program throws when a connection is accepted > closes it and continues: listener %i`,
    ],
  },
  {
    sentence: "A stored message is never mistaken for a record of the store, and the store follows no link.",
    tests: [
      `${store}/forgery.test.ts > a message with content that looks like frames > yields no record, whichever bit of its frame's header is damaged`,
      `${store}/planted.test.ts > something planted in the directory > a link in place of the session's file is rejected, and its target does not change`,
    ],
  },
  {
    sentence: "By default, the embedded broker accepts connections from this machine only.",
    tests: [`${broker}/broker.test.ts > listens on a free port of the loopback interface, and reports its URL`],
  },
  {
    sentence: "Web pages cannot use it unless their origin is allowed.",
    tests: [`${broker}/origins.test.ts > a broker on loopback accepts a WebSocket > %s`],
  },
  {
    sentence: "A client must be accepted within `connectTimeout` after its socket was opened.",
    tests: [
      `${broker}/connect-timeout.test.ts > a connection for WebSockets, %s, > that %s is closed after connectTimeout`,
      `${broker}/connect-timeout.test.ts > a late TLS handshake leaves only the rest of connectTimeout for CONNECT`,
    ],
  },
];
