// What a server's session writes to its client: within the client's maximum packet size, and with its consent.
import { describe, expect, test } from "vitest";
import { ack, publishPacket, Server } from "./sessions.ts";

const properties = { reasonString: "too many", userProperties: [["a", "b"]] } as const;

describe("a packet that a server answers with", () => {
  const suback = { type: "suback", packetIdentifier: 1, reasonCodes: [0, 0x97] } as const;

  test.each([
    [268_435_460, true],
    [25, true],
    [24, false],
    [7, false],
  ])("loses its reason string at a maximum packet size of %j: %s", (peerMaximumPacketSize, isKept) => {
    const server = new Server({ peerMaximumPacketSize });
    server.connect();
    server.session.write({ ...suback, properties });
    expect(server.unsent).toEqual([]);
    expect(server.outlet.packets(5)).toEqual([{ ...suback, properties: isKept ? properties : undefined }]);
  });

  test("is not sent if it is still too long, and this is reported", () => {
    const server = new Server({ peerMaximumPacketSize: 6 });
    server.connect();
    server.session.write({ ...suback, properties });
    expect(server.unsent).toEqual([["suback", 7]]);
    expect(server.outlet.packets(5)).toEqual([]);
  });
});

test.each([
  [1_000, properties, properties],
  [24, properties, properties],
  [23, properties, undefined],
  [1_000, { reasonString: "\ud800" }, undefined],
])(
  "the acknowledgement of a client that accepts %j bytes has the properties if they fit and are valid",
  (limit, given, sent) => {
    const server = new Server({ peerMaximumPacketSize: limit });
    server.connect();
    server.receive(publishPacket("a", 1, 1));
    server.session.finished(server.given[0]?.delivery ?? expect.fail(), 0x87, given);
    expect(server.outlet.packets(5)).toEqual([{ ...ack("puback", 1, 0x87), properties: sent }]);
  },
);

test.each([3, 4] as const)(
  "on version %i, the session is full at receiveMaximum, and reports room again once",
  (version) => {
    const server = new Server({ version, receiveMaximum: 2 });
    server.connect();
    server.receive(publishPacket("a", 1, 1));
    expect(server.session.isFull).toBe(false);
    server.receive(publishPacket("a", 2, 2));
    expect(server.session.isFull).toBe(true);
    server.finish(server.given[1]); // waits for the first
    expect(server.roomAgain).toBe(0);
    server.finish(server.given[0]);
    expect([server.roomAgain, server.session.isFull]).toEqual([1, false]);
    server.receive(ack("pubrel", 2));
  },
);

test("on version 5, the session is never full: the client knows receiveMaximum", () => {
  const server = new Server({ receiveMaximum: 1 });
  server.connect();
  server.receive(publishPacket("a", 1, 1));
  expect(server.session.isFull).toBe(false);
  server.finish(server.given[0]);
  expect(server.roomAgain).toBe(0);
});
