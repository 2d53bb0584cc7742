/** The table of sources of the kind "http". */

import {
  address,
  choice,
  claimAddress,
  integer,
  type Kind,
  optional,
  preset,
  required,
  secret,
  size,
  syntax,
  table,
} from "@aiko/mqtt-configuration";
import { placeholderNames } from "../../text/placeholders.js";
import type { HttpSettings } from "../configuration.js";
import { buildSource, checkSource, common, everySource, framing, NO_ANSWERS, noRequests } from "../source-fields.js";

const status = "is not possible for http: the status code is the answer; remove it";

/** The path of an HTTP source: each level is literal, or a placeholder. */
const httpPath = syntax({
  label: "path",
  rule: 'must be a path of literal levels and placeholders, such as "/ingest/{node}"',
  pattern: "^(/([A-Za-z0-9_.~-]*|\\{[A-Za-z0-9_.-]+\\}))+$",
  read(value, place) {
    const [before, ...levels] = value.split("/");
    if (before !== "" || value.length > 1024) return undefined;
    if (!levels.every((level) => /^(?:[\w.~-]*|\{[\w.-]{1,64}\})$/.test(level))) return undefined;
    const names = placeholderNames(value);
    const twice = names.find((name, i) => names.indexOf(name) < i);
    return twice === undefined ? value : place.broken(value, `must not have {${twice}} twice`);
  },
});

export const http: Kind<HttpSettings> = table({
  title: '[[source]], kind = "http"',
  about:
    "Devices send frames as the bodies of POST and PUT requests. The answer 202 means that the record was accepted.",
  fields: {
    kind: required(choice("http"), "The kind of the source: HTTP requests."),
    listen: preset(address(), "127.0.0.1:8080", "The address to listen on."),
    path: preset(httpPath, "/ingest/{node}", "The path. `{name}` stands for one level, which becomes a field."),
    token: optional(secret(), "The Bearer token that each request must have. Default: none."),
    max_body: preset(size("1B", "16MiB"), "64KiB", "A longer body is answered with 413."),
    max_requests: preset(integer(1, 10_000), 32, "The most requests at a time."),
    ...common,
    ...framing("datagram", "64KiB"),
  },
  inherits: everySource,
  refused: {
    ...noRequests("is not possible for http: a request has one answer; remove it"),
    acknowledge: status,
    refuse: status,
    line_control: status,
  },
  check({ values, wrong, place }) {
    checkSource({ values, wrong, place }, {}, placeholderNames(values.path ?? ""));
    if (values.frame?.kind === "gap")
      place.at("frame").problem('"gap" is not possible for http: a body has no silence');
    if (values.listen !== undefined && values.enabled === true) claimAddress(values.listen, place.at("listen"));
  },
  build({ kind, listen, path, token, max_body, max_requests, ...values }, place) {
    const built = buildSource(values, NO_ANSWERS, place);
    return built && { ...built, kind, listen, path, token, maxBody: max_body, maxRequests: max_requests };
  },
});
