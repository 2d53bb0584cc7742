// Clients in which the explorer finds faults: they send Clean Start 1 at the wrong time.
import { type Bounds, type Exploration, explore } from "./explorer.ts";
import type { Scenario } from "./scenario.ts";
import { World } from "./world.ts";

/**
 * A world whose client sends Clean Start 1 until it has been accepted, as it did before it looked for a session first:
 * if such a CONNECT is late, it ends the session that the client has by then.
 */
export function withCleanStarts(scenario: Scenario, byHistory = false): World {
  const world = new World(scenario, byHistory);
  const { server } = world;
  const accept = server.accept.bind(server);
  server.accept = (end) => {
    const { peer } = end;
    const write = peer.write.bind(peer);
    peer.write = (bytes) => write(world.process.wasConnected ? bytes : withCleanStart(bytes));
    accept(end);
  };
  return world;
}

const CONNECT = 0x10;
/** The position of CONNECT's flags, after a length of one byte and "MQTT". */
const FLAGS = 9;
const CLEAN_START = 0x02;

function withCleanStart(bytes: Uint8Array): Uint8Array {
  if (bytes[0] === CONNECT) bytes[FLAGS] = (bytes[FLAGS] as number) | CLEAN_START;
  return bytes;
}

/** The same exploration twice: once clients are identified by their state, once by everything that has reached them. */
export async function exploreBothWays(scenario: Scenario, bounds: Bounds): Promise<[Exploration, Exploration]> {
  return [
    await explore(scenario, bounds, (of) => withCleanStarts(of)),
    await explore(scenario, bounds, (of) => withCleanStarts(of, true)),
  ];
}
