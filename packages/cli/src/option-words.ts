/**
 * The command line's names for the library's options: errors of the library name `tls.ca`, but the user wrote --cafile.
 */

import type { MqttError } from "@aiko/mqtt";

const flags: Readonly<Record<string, string>> = {
  "tls.ca": "--cafile",
  "tls.certificate": "--cert",
  "tls.key": "--key",
  "tls.passphrase": "--passphrase-file or MQTT_PASSPHRASE",
  "tls.serverName": "--servername",
  "tls.alpn": "--tls-alpn",
  "tls.psk": "--psk",
  "tls.psk.key": "--psk",
  "tls.psk.identity": "--psk-identity",
};

/**
 * Returns the error's message with the flag instead of the option. The message names the option last, after any quoted
 * text.
 */
export function inOptionWords({ message, option = "" }: Pick<MqttError, "message" | "option">): string {
  const flag = Object.hasOwn(flags, option) ? flags[option] : undefined;
  const at = message.lastIndexOf(option);
  return flag === undefined || at < 0 ? message : message.slice(0, at) + flag + message.slice(at + option.length);
}
