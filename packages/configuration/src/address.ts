/** Addresses to listen on, networks that may connect, and URLs of servers. Opens nothing. */

import { type Kind, syntax } from "./kind.js";

/** A host and a port. The host may be "" for all addresses; an IPv6 address has no brackets here. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** An address to listen on, or of a device: a host and a port. */
export function address(): Kind<Address> {
  return syntax({
    label: "address",
    rule: 'must be an address and a port, such as "127.0.0.1:1883", "[::1]:1883", or ":1883" for all addresses',
    pattern: "^([^:\\[\\]]*|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}$",
    read(text) {
      const colon = text.lastIndexOf(":");
      const [host, port] = [text.slice(0, colon), text.slice(colon + 1)];
      if (colon < 0 || !/^\d{1,5}$/.test(port) || Number(port) > 65_535) return undefined;
      if (host.startsWith("[")) {
        const inner = host.slice(1, -1);
        return host.endsWith("]") && isIpv6(inner) ? { host: inner, port: Number(port) } : undefined;
      }
      return /^[\w.-]{0,253}$/.test(host) && !isWrongIpv4(host) ? { host, port: Number(port) } : undefined;
    },
  });
}

/** An address, or a network such as "192.168.1.0/24". */
export function network(): Kind<string> {
  return syntax({
    label: "network",
    rule: 'must be an IP address or a network, such as "192.168.1.7", "192.168.1.0/24" or "fd00::/8"',
    pattern: "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$",
    read(text) {
      const [ip = "", bits, more] = text.split("/", 3);
      const width = isIpv4(ip) ? 32 : isIpv6(ip) ? 128 : undefined;
      if (width === undefined || more !== undefined) return undefined;
      return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= width) ? text : undefined;
    },
  });
}

/** Whether an IP address is that of a multicast group. */
export function isMulticast(text: string): boolean {
  if (isIpv4(text)) return Number(text.split(".", 1)[0]) >> 4 === 14;
  return isIpv6(text) && text.toLowerCase().startsWith("ff");
}

function isIpv4(text: string): boolean {
  const parts = text.split(".", 5);
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

/** What has only digits and dots is not a name. */
function isWrongIpv4(host: string): boolean {
  return /^[\d.]+$/.test(host) && !isIpv4(host);
}

function isIpv6(text: string): boolean {
  if (text.length > 45) return false;
  const halves = text.split("::", 3);
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  const last = groups.at(-1) ?? "";
  const hasIpv4 = last.includes(".");
  if (hasIpv4 && !isIpv4(last)) return false;
  const plain = hasIpv4 ? groups.slice(0, -1) : groups;
  if (!plain.every((group) => /^[\da-f]{1,4}$/i.test(group))) return false;
  const count = plain.length + (hasIpv4 ? 2 : 0);
  return halves.length === 2 ? count <= 7 : count === 8;
}

/** Scheme, port, and what follows it. */
const SERVER_URL = /^(mqtts?|wss?):\/\/(?:[\w.-]{1,253}|\[[\dA-Fa-f:.]{2,45}\])(?::(\d{1,5}))?([/?][^\s#]{0,2000})?$/;

function isServerUrl(url: string): boolean {
  if (url.startsWith("unix:/")) return url.length <= 256;
  const [all, scheme = "", port = 1, rest = "/"] = SERVER_URL.exec(url) ?? [];
  return all !== undefined && Number(port) <= 65_535 && (scheme.startsWith("ws") || rest === "/");
}

/** The URL of an MQTT server, without user name and password. */
export function serverUrl(): Kind<string> {
  const rule =
    "must be the URL of a server with mqtt:, mqtts:, ws:, wss: or unix:, such as mqtts://broker.example:8883";
  const kind = syntax({
    label: "URL",
    rule,
    pattern: "^(mqtts?://|wss?://|unix:/)[^@]+$",
    read: (url) => (isServerUrl(url) ? url : undefined),
  });
  return {
    ...kind,
    read(value, place) {
      if (typeof value !== "string") return kind.read(value, place);
      if (value.startsWith("broker:"))
        return place.problem("broker: is not supported by this version; write a server's URL");
      // The value is not shown: what is before "@" may be a password.
      if (value.includes("@"))
        return place.problem(`${rule}; write the user name and the password in username and password`);
      return kind.read(value, place);
    },
  };
}
