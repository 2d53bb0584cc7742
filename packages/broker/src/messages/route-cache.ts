/** The routes of topics that messages were published to recently. Limited by its approximate memory. */

/** In bytes. Beyond that, all routes are discarded. */
const MAXIMUM_BYTES = 4_194_304;
/** Topics with more characters are not kept. */
const LONGEST_TOPIC = 256;
/** The memory of an entry without its topic, and of each target. */
const ENTRY = 128;
const TARGET = 8;

/** `Target` is where a message goes. A route is a list of them. */
export class RouteCache<Target> {
  private readonly routes = new Map<string, readonly Target[]>();
  private bytes = 0;

  get(topic: string): readonly Target[] | undefined {
    return this.routes.get(topic);
  }

  add(topic: string, route: readonly Target[]): void {
    if (topic.length > LONGEST_TOPIC) return;
    this.bytes += ENTRY + topic.length + TARGET * route.length;
    if (this.bytes > MAXIMUM_BYTES) this.clear();
    else this.routes.set(topic, route);
  }

  /** Discards all routes, because the subscriptions have changed. */
  clear(): void {
    if (this.bytes === 0) return;
    this.routes.clear();
    this.bytes = 0;
  }
}
