/**
 * The listeners of a running broker, which follow its configuration: opens new ones, closes removed ones, and changes what can be changed while the
 * connections stay. Knows nothing of users and of files.
 */

import type { Broker } from "../broker.js";
import type { BrokerListener } from "../listening/broker-listener.js";
import { type ListenerOptions, parseListenerUrl } from "../options/listener-options.js";
import type { ListenerSettings } from "./broker-configuration.js";

interface OpenListener {
  settings: ListenerSettings;
  readonly listener: BrokerListener;
}

/** The most that a listener may have: no limit of its own. */
const NO_LIMIT = 2 ** 31;

export class ListenerSet {
  private open: OpenListener[] = [];

  /** @param termsOf returns the options that do not depend on the listener alone, such as `authenticate` */
  constructor(
    private readonly broker: Pick<Broker, "openListener">,
    private readonly termsOf: (settings: () => ListenerSettings) => Pick<ListenerOptions, "authenticate">,
  ) {}

  /** The URLs, in the order of the configuration. */
  get urls(): readonly string[] {
    return this.open.map(({ listener }) => listener.url);
  }

  /** Returns a function that returns the current settings of a listener by its name, or its URL if it has none. */
  lookup(): (name: string | undefined) => ListenerSettings | undefined {
    const byName = new Map(this.open.map(({ settings, listener }) => [settings.name ?? listener.url, settings]));
    return (name) => (name === undefined ? undefined : byName.get(name));
  }

  /** The same with the hosts of the configuration, which may stand for all addresses. */
  get addresses(): readonly string[] {
    return this.open.map(({ settings, listener }) =>
      listener.url.replace(/^(\w+:\/\/).*(?=:\d+$)/, (_, scheme: string) => scheme + hostIn(settings.url)),
    );
  }

  /**
   * Follows another configuration. If it throws, the listeners are as before.
   *
   * @throws TransportError LISTEN_FAILED; UsageError OPTION_INVALID
   */
  async follow(listeners: readonly ListenerSettings[]): Promise<void> {
    const former = [...this.open];
    const kept = new Map<ListenerSettings, OpenListener>();
    for (const settings of listeners) {
      const at = former.findIndex((each) => canBecome(each.settings, settings));
      if (at >= 0) kept.set(settings, ...(former.splice(at, 1) as [OpenListener]));
    }
    const added = listeners.filter((each) => !kept.has(each));
    // A port can be bound again only after its former listener is closed.
    const inTheWay = former.filter((each) => added.some((other) => shareAddress(each.settings, other)));
    const opened: OpenListener[] = [];
    try {
      for (const each of inTheWay) await each.listener.close();
      for (const settings of added) opened.push(await this.openOne(settings));
      // Last, because nothing can fail after it.
      for (const [settings, { listener }] of kept) change(listener, settings);
    } catch (error) {
      for (const { listener } of opened) await listener.close();
      for (const [, { listener, settings }] of kept) change(listener, settings);
      const again = await Promise.allSettled(inTheWay.map((each) => this.openOne(each.settings)));
      const back = new Map(inTheWay.map((each, i) => [each, again[i]] as const));
      this.open = this.open.flatMap((each) => {
        const result = back.get(each);
        if (result === undefined) return [each];
        return result.status === "fulfilled" ? [result.value] : [];
      });
      throw error;
    }
    for (const [settings, each] of kept) each.settings = settings;
    const bySettings = new Map([...kept.values(), ...opened].map((each) => [each.settings, each] as const));
    this.open = listeners.flatMap((each) => bySettings.get(each) ?? []);
    const closing = former.filter((each) => !inTheWay.includes(each));
    await Promise.all(closing.map(({ listener }) => listener.close()));
  }

  private async openOne(settings: ListenerSettings): Promise<OpenListener> {
    const { url, name, tls, mode, allowedOrigins, maximumConnections } = settings;
    let opened: OpenListener | undefined;
    const terms = this.termsOf(() => opened?.settings ?? settings);
    const origins = allowedOrigins.length > 0 ? { allowedOrigins } : {};
    const listener = await this.broker.openListener({ url, name, tls, mode, maximumConnections, ...origins, ...terms });
    opened = { settings, listener };
    return opened;
  }
}

/** The host of a URL, in brackets if it is an IPv6 address. */
function hostIn(url: string): string {
  const at = parseListenerUrl(url);
  if (at === undefined || "path" in at) return "";
  return at.host.includes(":") ? `[${at.host}]` : at.host;
}

/** Whether an open listener can follow other settings while its connections stay. */
function canBecome(from: ListenerSettings, to: ListenerSettings): boolean {
  const isSame = from.url === to.url && from.name === to.name && from.mode === to.mode;
  return isSame && (from.tls?.clientCa === undefined) === (to.tls?.clientCa === undefined);
}

function change(listener: BrokerListener, { url, tls, maximumConnections, allowedOrigins }: ListenerSettings): void {
  listener.change({
    tls,
    maximumConnections: maximumConnections ?? NO_LIMIT,
    ...(/^wss?:/.test(url) && { allowedOrigins }),
  });
}

/** Whether two listeners may need the same port or path. */
function shareAddress(one: ListenerSettings, other: ListenerSettings): boolean {
  const [a, b] = [parseListenerUrl(one.url), parseListenerUrl(other.url)];
  if (a === undefined || b === undefined) return false;
  if ("path" in a || "path" in b) return "path" in a && "path" in b && a.path === b.path;
  return a.port === b.port && a.port !== 0;
}
