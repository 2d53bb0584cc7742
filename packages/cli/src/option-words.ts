/** The library's words for its options, in those of the command line: its messages say `tls.ca`, and a command's user wrote --cafile. */

const words: Readonly<Record<string, string>> = {
  ca: "--cafile",
  certificate: "--cert",
  key: "--key",
  passphrase: "the passphrase (--passphrase-file or MQTT_PASSPHRASE)",
  serverName: "--servername",
  alpn: "--tls-alpn",
  psk: "--psk",
  "psk.key": "--psk",
  "psk.identity": "--psk-identity",
};

/** Hosts and files may have such names too: a whole word, and none that says what an option's value is. */
const OPTION = /(?<=^|[\s(])(?<!--\w+ )tls\.([a-z]+(?:\.[a-z]+)?)(?![\w/-]|\.\w)/gi;

/** What the library's error says, for a command's user. */
export function inOptionWords(message: string): string {
  return message
    .replace(": give its tls.passphrase", ": give its passphrase by --passphrase-file or MQTT_PASSPHRASE")
    .replace(": see tls.minimumVersion", "")
    .replace(OPTION, (whole, name: string) => (Object.hasOwn(words, name) ? (words[name] as string) : whole));
}
