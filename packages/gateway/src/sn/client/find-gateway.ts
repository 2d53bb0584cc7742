/** Finds a gateway: the search, on a clock and a group. */

import {
  AbortedError,
  type AbortSignalLike,
  type Clock,
  platform,
  type Random,
  TimeoutError,
  type Timer,
} from "@aiko/mqtt";
import { integer, object, readOptions } from "@aiko/mqtt/options";
import type { DatagramGroup } from "./datagram-group.js";
import { type FoundGateway, GatewaySearch } from "./gateway-search.js";
import { udpGroup } from "./udp-group.js";

/** Options of `findGateway`. */
export interface FindGatewayOptions {
  /** Milliseconds after which the search fails, 1 … 2,147,483,647. Default 15,000. */
  readonly timeout?: number | undefined;
  /** The hops of the search, 0 … 255, where the network knows hops; 0: all nodes. Default 0. */
  readonly radius?: number | undefined;
  /** The way to all nodes. Default: the multicast group of the URL. */
  readonly group?: DatagramGroup | undefined;
  /** The clock. Default: the runtime's. */
  readonly clock?: Clock | undefined;
  /** The random numbers. Default: the runtime's. */
  readonly random?: Random | undefined;
  /** Cancels the search. Default: never. */
  readonly signal?: AbortSignalLike | undefined;
}

const rules = {
  timeout: integer(1, 2_147_483_647, 15_000, "milliseconds"),
  radius: integer(0, 255, 0),
  group: object<DatagramGroup>(),
  clock: object<Clock, Clock>(platform.clock),
  random: object<Random, Random>(platform.random),
  signal: object<AbortSignalLike>(),
};

/**
 * Finds a gateway: waits up to 5 seconds for an announcement, then asks all nodes. Resolves to the first gateway that
 * answers; its `address` is a URL for `connect`. Anyone in the network can answer.
 *
 * @param url the multicast group: `udp://address:port`
 * @throws TimeoutError CONNECT_TIMEOUT if none answers; TransportError; UsageError; AbortedError
 * @example
 * const { address } = await findGateway("udp://239.10.0.1:10000");
 * const client = await connect(address);
 */
export async function findGateway(url: string, options: FindGatewayOptions = {}): Promise<FoundGateway> {
  const { timeout, radius, clock, random, signal, ...given } = readOptions(rules, options);
  const group = given.group ?? udpGroup(url);
  let timer: Timer | undefined;
  let abort: () => void = () => undefined;
  let limit: Timer | undefined;
  try {
    return await new Promise<FoundGateway>((resolve, reject) => {
      abort = () =>
        reject(new AbortedError("ABORTED", "the search was aborted by its signal", { cause: signal?.reason }));
      if (signal?.aborted === true) return abort();
      signal?.addEventListener("abort", abort);
      const search = new GatewaySearch(radius, clock.now(), random.next(), (datagram) => group.send(datagram));
      const next = (): void => {
        timer?.cancel();
        timer = clock.schedule(Math.max(0, Math.ceil(search.deadline() - clock.now())), () => {
          search.advance(clock.now());
          next();
        });
      };
      const onDatagram = (bytes: Uint8Array, from: string): void => {
        const found = search.receive(bytes, from, clock.now());
        if (found !== undefined) resolve(found);
        else next();
      };
      const message = `no gateway has answered in ${timeout} ms`;
      limit = clock.schedule(timeout, () => reject(new TimeoutError("CONNECT_TIMEOUT", message)));
      group.open({ onDatagram }).then(next, reject);
    });
  } finally {
    signal?.removeEventListener("abort", abort);
    timer?.cancel();
    limit?.cancel();
    await group.close();
  }
}
