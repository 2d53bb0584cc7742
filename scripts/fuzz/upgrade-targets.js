// @ts-check
// The upgrade to a WebSocket and the frames after it, on local sockets: how a broker handles any request, and a client
// any answer.
import { createHash } from "node:crypto";
import { connect as connectSocket, createServer } from "node:net";
import { createClient, MqttError } from "@aiko/mqtt";
import { encode } from "@aiko/mqtt/codec";
import { Broker } from "@aiko/mqtt-broker";

/** Milliseconds in which each side must end after the other has ended, in parts: a pause of the machine takes one. */
const PART = 500;
const PARTS = 10;
/** Attempts of another client: a pause of the machine may exceed the connectTimeout of one. */
const ATTEMPTS = 3;
/** Inputs after which a broker must still serve others. */
const LOOK_AGAIN = 200;

/** Sends a broker the food in pieces as the bytes of a connection to its WebSocket port, and ends the connection. */
export class BrokerUpgrades {
  static async open() {
    const broker = await Broker.listen({ listeners: [{ url: "ws://127.0.0.1:0" }], connectTimeout: 2_000 });
    const { port } = new URL(broker.url);
    let inputs = 0;
    /** @type {import("./targets.js").Target} */
    const target = async (food) => {
      await new BrokerUpgrades(Number(port), food).run();
      if (++inputs % LOOK_AGAIN === 0) await assertServes(broker.url);
    };
    return { targets: [target], close: () => broker.close() };
  }

  /** @param {number} port @param {Uint8Array} food */
  constructor(port, food) {
    this.port = port;
    this.piece = 1 + (food[0] ?? 0) * 4;
    this.bytes = food.subarray(1);
  }

  run() {
    return within("the broker did not detect the end of a connection", (done) => {
      const socket = connectSocket(this.port, "127.0.0.1", () => {
        for (let at = 0; at < this.bytes.length; at += this.piece)
          socket.write(this.bytes.subarray(at, at + this.piece));
        socket.end();
      });
      socket.on("data", () => {});
      socket.on("error", () => {}); // it may be reset
      socket.on("close", () => done());
    });
  }
}

/** @param {string} url @param {number} attempts */
async function assertServes(url, attempts = ATTEMPTS) {
  const client = createClient(url, { reconnect: false });
  try {
    await client.connect();
    await client.publish("t", "x", { qos: 1 });
    await client.disconnect();
  } catch (error) {
    if (attempts === 1) throw error;
    await assertServes(url, attempts - 1);
  }
}

/** Gives a client the food in pieces as the answer to its upgrade request, and ends the connection. */
export class ClientUpgrades {
  static async open() {
    const upgrades = new ClientUpgrades();
    const server = createServer((socket) => upgrades.answer(socket));
    await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
    const address = /** @type {import("node:net").AddressInfo} */ (server.address());
    /** @type {import("./targets.js").Target} */
    const target = (food) => upgrades.run(`ws://127.0.0.1:${address.port}/mqtt`, food);
    const close = () => /** @type {Promise<void>} */ (new Promise((resolve) => server.close(() => resolve())));
    return { targets: [target], close };
  }

  /** @type {Uint8Array} */
  food = new Uint8Array(0);

  /** @param {string} url @param {Uint8Array} food */
  async run(url, food) {
    this.food = food;
    const client = createClient(url, { reconnect: false, connectTimeout: 2_000, keepAlive: 0 });
    client.on("error", assertTyped);
    await within("the client did not detect the end of its connection", async (done) => {
      client.on("closed", () => done());
      try {
        await client.connect();
      } catch (error) {
        done(assertTyped(error));
      }
    });
    await client.disconnect({ drainTimeout: 0 });
  }

  /** @param {import("node:net").Socket} socket */
  answer(socket) {
    const { food } = this;
    const piece = 1 + (food[0] ?? 0) * 4;
    let request = "";
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      if (request.includes("\r\n\r\n")) return;
      request += bytes.toString("latin1");
      if (!request.includes("\r\n\r\n")) return;
      const answer = withAccept(Buffer.from(food.subarray(1)), request);
      for (let at = 0; at < answer.length; at += piece) socket.write(answer.subarray(at, at + piece));
      if ((food[0] ?? 0) % 4 === 0) socket.destroySoon();
      else socket.end();
    });
  }
}

/** @param {unknown} error */
function assertTyped(error) {
  return error instanceof MqttError ? undefined : error;
}

/** Stands for the answer to the request's key. */
const ACCEPT = "@ACCEPT@";

/** @param {Buffer} answer @param {string} request */
function withAccept(answer, request) {
  const at = answer.indexOf(ACCEPT);
  if (at < 0) return answer;
  const key = /sec-websocket-key: *(\S+)/i.exec(request)?.[1] ?? "";
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  return Buffer.concat([answer.subarray(0, at), Buffer.from(accept), answer.subarray(at + ACCEPT.length)]);
}

/**
 * @param {string} otherwise the finding if it takes too long
 * @param {(done: (error?: unknown) => void) => void | Promise<void>} run
 */
function within(otherwise, run) {
  return /** @type {Promise<void>} */ (
    new Promise((resolve, reject) => {
      let parts = 0;
      const timer = setInterval(() => {
        if (++parts === PARTS) done(new Error(otherwise));
      }, PART);
      const done = (/** @type {unknown} */ error) => {
        clearInterval(timer);
        if (error === undefined) resolve();
        else reject(error);
      };
      Promise.resolve(run(done)).catch(done);
    })
  );
}

const connectPacket = encode(
  {
    type: "connect",
    protocolVersion: 5,
    clientId: "c",
    cleanStart: true,
    keepAlive: 0,
    username: undefined,
    password: undefined,
    will: undefined,
    properties: undefined,
  },
  5,
);
const connackPacket = encode({ type: "connack", sessionPresent: false, reasonCode: 0, properties: undefined }, 5);
const publishPacket = encode(
  {
    type: "publish",
    topic: "a",
    payload: Uint8Array.of(1),
    qos: 0,
    retain: false,
    dup: false,
    packetIdentifier: 0,
    properties: undefined,
  },
  5,
);

/** @param {number} first the first byte: FIN and the opcode @param {Uint8Array} data @param {boolean} masked */
function frame(first, data, masked) {
  const mask = masked ? [0, 0, 0, 0] : [];
  return Uint8Array.from([first, (masked ? 0x80 : 0) | data.length, ...mask, ...data]);
}

/**
 * Valid and invalid frames: text, pieces, control frames, a reserved opcode, a wrong mask, a large length.
 *
 * @param {boolean} masked
 * @param {Uint8Array} packet
 */
function frameSeeds(masked, packet) {
  const good = frame(0x82, packet, masked);
  const half = packet.length >> 1;
  return [
    [],
    [good],
    [good, frame(0x82, publishPacket, masked), frame(0x88, Uint8Array.of(3, 232), masked)],
    [
      frame(0x02, packet.subarray(0, half), masked),
      frame(0x89, publishPacket, masked),
      frame(0x80, packet.subarray(half), masked),
    ],
    [good, frame(0x81, Buffer.from("text"), masked)],
    [good, frame(0x83, publishPacket, masked)],
    [good, frame(0x82, publishPacket, !masked)],
    [good, Uint8Array.of(0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0)],
    [good, frame(0x88, Uint8Array.of(1), masked)],
    [good, frame(0x8a, new Uint8Array(100), masked)],
  ];
}

export function requestSeeds() {
  const head = (/** @type {string[]} */ ...lines) => Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  const upgrade = [
    "GET /mqtt HTTP/1.1",
    "Host: 127.0.0.1",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
  const heads = [
    head(...upgrade, "Sec-WebSocket-Protocol: mqtt"),
    head(
      ...upgrade,
      "Sec-WebSocket-Protocol: mqttv3.1, mqtt",
      "Origin: http://127.0.0.1",
      "Sec-WebSocket-Extensions: permessage-deflate",
    ),
    head(...upgrade),
    head("GET / HTTP/1.1", "Host: a"),
    head("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "Content-Length: 3"),
  ];
  return heads.flatMap((each) => frameSeeds(true, connectPacket).map((frames) => input(each, frames)));
}

export function responseSeeds() {
  const head = (/** @type {string[]} */ ...lines) => Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  const upgrade = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${ACCEPT}`,
  ];
  const heads = [
    head(...upgrade, "Sec-WebSocket-Protocol: mqtt"),
    head(
      ...upgrade,
      "Sec-WebSocket-Protocol: mqtt",
      "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover",
    ),
    head(...upgrade, "Sec-WebSocket-Protocol: other"),
    head(...upgrade),
    head("HTTP/1.1 302 Found", "Location: ws://127.0.0.1:1/"),
    head("HTTP/1.1 401 Unauthorized", "WWW-Authenticate: Basic", "Content-Length: 5"),
    head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked"),
  ];
  return heads.flatMap((each) => frameSeeds(false, connackPacket).map((frames) => input(each, frames)));
}

/** @param {Buffer} head @param {readonly (Uint8Array | readonly number[])[]} frames */
function input(head, frames) {
  return Uint8Array.from([0, 255, ...head, ...frames.flatMap((each) => [...each])]);
}
