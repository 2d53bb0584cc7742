import type { ClientBench } from "./clients.ts";

/** A server that answers requests, and closes the connection at a SUBSCRIBE for this filter. */
export async function serve(bench: ClientBench, poison: string, subscribe: number): Promise<string[]> {
  const peer = await bench.acceptAgain();
  const asked: string[] = [];
  for (let i = 0; i < subscribe; i++) {
    const { packetIdentifier, subscriptions } = await peer.expect("subscribe");
    const filters = subscriptions.map(({ topicFilter }) => topicFilter);
    asked.push(...filters);
    if (filters.includes(poison)) {
      peer.cut();
      break;
    }
    peer.send({ type: "suback", packetIdentifier, reasonCodes: filters.map(() => 0) });
  }
  await bench.clock.tick();
  return asked;
}
