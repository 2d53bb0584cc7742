/** The section [[listener]]: where the broker accepts connections. Opens nothing. */

import {
  boolean,
  claimAddress,
  integer,
  type Kind,
  list,
  optional,
  type Place,
  quoted,
  required,
  syntax,
  table,
  text,
} from "@aiko/mqtt-configuration";
import { isLoopback } from "../listening/addresses.js";
import type { BrokerTls } from "../options/broker-tls.js";
import { LISTENER_URL_RULE, type ListenerAddress, parseListenerUrl } from "../options/listener-options.js";
import { originProblem } from "../options/origins.js";
import type { ListenerSettings } from "./broker-configuration.js";
import { passwordFile } from "./password-field.js";
import { tls, type WrittenTls } from "./tls-fields.js";

/** A listener whose `allowAnonymous` may depend on [users]. */
export interface WrittenListener extends Omit<ListenerSettings, "allowAnonymous"> {
  readonly allowAnonymous: boolean | undefined;
  readonly address: ListenerAddress;
}

const url: Kind<ListenerAddress & { readonly url: string }> = {
  label: "URL",
  schema: { type: "string", pattern: "^(mqtts?://|wss?://|unix:)[^@]+$" },
  read(value, place) {
    const address = typeof value === "string" ? parseListenerUrl(value) : undefined;
    // The value is not shown: what is before "@" may be a password.
    return address === undefined ? place.problem(LISTENER_URL_RULE) : { url: value as string, ...address };
  },
};

const mode: Kind<number> = syntax({
  label: "octal permissions",
  rule: 'must be a string of three octal digits, such as "660"',
  pattern: "^0?[0-7]{3}$",
  read: (value) => (/^0?[0-7]{3}$/.test(value) ? Number.parseInt(value, 8) : undefined),
});

const origin: Kind<string> = {
  label: "origin",
  schema: { type: "string", minLength: 1 },
  read(value, place) {
    if (typeof value !== "string") return place.wrong("must be a string", value);
    const problem = originProblem(value);
    return problem === undefined ? value : place.problem(`${quoted(value)}: ${problem}`);
  },
};

/** Names that begin with "$" are those of connections that the broker makes itself. */
const listenerName: Kind<string> = {
  ...text(1, 64),
  read(value, place) {
    const written = text(1, 64).read(value, place);
    return written?.startsWith("$") ? place.wrong('must not begin with "$"', value) : written;
  },
};

export const listener: Kind<WrittenListener> = table({
  title: "[[listener]]",
  about:
    "Where the broker accepts connections. Write one section for each listener. If the file has no listener, the broker listens on `mqtt://127.0.0.1:1883`. A reload opens and closes listeners; the connections of listeners that did not change stay.",
  fields: {
    url: required(
      url,
      "`mqtt://HOST:PORT` or `mqtts://HOST:PORT` for TCP, `ws://HOST:PORT` or `wss://HOST:PORT` for WebSockets, or `unix:/PATH`. The host `0.0.0.0` stands for all IPv4 addresses, `[::]` for all addresses. Port 0 is any free port. Default ports: 1883, 8883, 80 and 443.",
    ),
    name: optional(listenerName, "The name of the listener, for logs, not beginning with `$`. Default: the URL."),
    tls: optional(tls, "The certificates. `mqtts:` and `wss:` require them."),
    mode: optional(mode, "The permissions of a Unix socket. Default: `600`, which allows only the broker's user."),
    allowed_origins: optional(
      list(origin, 0, 1000),
      "The origins of web pages of other hosts that may connect over WebSockets, such as `https://app.example`. `*` allows all. Default: none.",
    ),
    max_connections: optional(
      integer(1, 2 ** 31),
      "The most connections of this listener. Default: no limit of its own.",
    ),
    password_file: optional(
      passwordFile,
      "The path of a file with the users of this listener. Default: `password_file` of `[users]`. Rules do not tell users of different files with the same name apart.",
    ),
    allow_anonymous: optional(
      boolean(),
      "Whether clients without a user name may connect. Default: `allow_anonymous` of `[users]`.",
    ),
  },
  check({ values, wrong, place }) {
    if (values.url === undefined) return;
    if ("path" in values.url) claimPath(values.url.path, place.at("url"));
    else claimAddress(values.url, place.at("url"));
    checkTls(values.url, values.tls !== undefined || wrong.has("tls"), place);
    if (values.mode !== undefined && !("path" in values.url)) place.at("mode").problem("requires a url with unix:");
    if (values.allowed_origins !== undefined && !("scheme" in values.url && values.url.scheme === "ws"))
      place.at("allowed_origins").problem("requires a url with ws: or wss:");
  },
  build: ({
    url: { url, ...address },
    tls: secure,
    allowed_origins = [],
    max_connections,
    password_file,
    allow_anonymous,
    ...values
  }) => ({
    ...values,
    tls: secure && withoutPurpose(secure),
    certificates: secure?.certificates,
    users: password_file,
    url,
    address,
    allowedOrigins: allowed_origins,
    maximumConnections: max_connections,
    allowAnonymous: allow_anonymous,
  }),
});

/** The options of the broker's listener. */
function withoutPurpose({ certificates: _, ...options }: WrittenTls): BrokerTls {
  return options;
}

function claimPath(path: string, place: Place): void {
  const line = place.reading.claim(`path ${path}`, place.path);
  if (line !== undefined) place.problem(`this path is used in line ${line} already; choose another path`);
}

function checkTls(address: ListenerAddress, isWritten: boolean, place: Place): void {
  if ("path" in address) {
    if (isWritten) place.at("tls").problem("cannot be combined with unix:; remove it");
    return;
  }
  const { scheme, isSecure } = address;
  if (isSecure && !isWritten)
    place.at("tls").problem(`is required and missing; write tls = { cert = "FILE", key = "FILE" }`);
  if (!isSecure && isWritten) place.at("tls").problem(`requires TLS; write url with ${scheme}s:`);
}

/** Whether only programs of this machine can connect. */
export function isLocal(address: ListenerAddress): boolean {
  return "path" in address || address.host.toLowerCase() === "localhost" || isLoopback(address.host);
}
