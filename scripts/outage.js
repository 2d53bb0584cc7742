// A server that many clients use goes offline and returns: real clients, a simulated network, and a clock that does not
// wait.
import { createClient } from "@aiko/mqtt";
import { FakeClock, SeededRandom } from "@aiko/mqtt/testing";

/**
 * @param {{ clients: number, outage: number, after: number, capacity?: number, seed?: number,
 *   reconnect: { initialDelay: number, maximumDelay: number } }} options
 *   `outage`: seconds that the server is offline; `after`: seconds that are simulated after that; `capacity`: connections that
 *   the server accepts in a second once it is back; it refuses the others (default: all)
 * @returns {Promise<{ attempts: number[], online: number[] }>} for each second since the server went offline: the attempts
 *   made in it, and the clients online at its end
 */
export async function simulateOutage({ clients, outage, after, capacity = Infinity, seed = 1, reconnect }) {
  const clock = new FakeClock();
  const server = new Server(clock);
  const random = new SeededRandom(seed);
  const fleet = Array.from({ length: clients }, (_, i) => {
    const platform = {
      clock,
      random: new SeededRandom(random.integer(2 ** 32)),
      dial: () => server.dial(),
    };
    return createClient("mqtt://server", { clientId: `c${i}`, protocolVersion: 5, keepAlive: 0, reconnect, platform });
  });
  for (const client of fleet) client.connect().catch(() => undefined); // counted below
  await clock.advance(10_000); // longer than what counts as a stable connection
  if (server.online !== clients) throw new Error(`${server.online} of ${clients} clients came online`);
  server.goAway();
  const attempts = [];
  const online = [];
  for (let second = 0; second < outage + after; second++) {
    server.attempts = 0;
    server.room = second < outage ? 0 : capacity;
    await clock.advance(1_000);
    attempts.push(server.attempts);
    online.push(server.online);
  }
  server.room = Infinity;
  await Promise.all(fleet.map((client) => client.disconnect()).concat(clock.advance(10_000)));
  return { attempts, online };
}

/**
 * The maximum number of attempts of `clients` clients in the second that begins `second` seconds after all of them lost
 * their server. Delays are random, so four standard deviations are added.
 *
 * A delay with the upper limit b seconds ends evenly distributed over 0.9 b. Therefore at most clients / 0.9 b of these
 * delays end in one second, none of them before a tenth of the sum of all upper limits so far, and none after that sum.
 * Upper limits double, starting with `initialDelay`; at `maximumDelay`, a client's delays are never shorter than a tenth
 * of it.
 *
 * @param {number} clients
 * @param {{ initialDelay: number, maximumDelay: number }} reconnect
 * @param {number} second
 */
export function attemptsBound(clients, { initialDelay, maximumDelay }, second) {
  let perClient = 0;
  let latest = 0;
  for (let bound = initialDelay; bound < maximumDelay; bound *= 2) {
    latest += bound;
    const possible = latest >= second * 1_000 && latest * 0.1 <= (second + 1) * 1_000;
    if (possible) perClient += Math.min(1, 1_000 / (0.9 * bound));
  }
  if ((latest + maximumDelay) * 0.1 <= (second + 1) * 1_000) perClient += 10_000 / maximumDelay;
  const expected = clients * perClient;
  return expected + 4 * Math.sqrt(expected);
}

const CONNACK = Uint8Array.of(0x20, 3, 0, 0, 0);

/** Sends CONNACK to every client that sends anything. */
class Server {
  attempts = 0;
  room = Infinity;
  /** @type {Set<Connection>} */
  #connections = new Set();

  /** @param {FakeClock} clock */
  constructor(clock) {
    this.clock = clock;
  }

  get online() {
    return this.#connections.size;
  }

  goAway() {
    const connections = [...this.#connections];
    this.#connections.clear();
    for (const connection of connections) connection.listener?.onClose();
  }

  async dial() {
    this.attempts++;
    if (this.room <= 0) throw new Error("refused");
    this.room--;
    return new Connection(this.clock, this.#connections);
  }
}

class Connection {
  /** @type {import("@aiko/mqtt").TransportListener | undefined} */
  listener;

  /** @param {FakeClock} clock @param {Set<Connection>} connections */
  constructor(clock, connections) {
    this.clock = clock;
    this.connections = connections;
  }

  /** @param {import("@aiko/mqtt").TransportListener} listener */
  start(listener) {
    this.listener = listener;
  }

  write() {
    if (this.connections.has(this)) return true;
    this.connections.add(this);
    this.clock.defer(() => this.listener?.onBytes(CONNACK.slice()));
    return true;
  }

  pause() {}
  resume() {}

  /** @param {(() => void) | undefined} sent */
  end(sent) {
    sent?.();
    this.destroy();
  }

  destroy() {
    if (this.connections.delete(this)) this.clock.defer(() => this.listener?.onClose());
  }
}
