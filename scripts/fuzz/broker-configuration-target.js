// @ts-check
// The broker's configuration and mosquitto.conf: any text becomes a configuration or problems, each with its place and a rule.
import { readBrokerConfiguration, readMosquittoConfiguration } from "@aiko/mqtt-broker/service";
import { problemText } from "@aiko/mqtt-configuration";

const options = {
  environment: { TOKEN: "t0ken" },
  readFile: () => "ann:$7$101$c2FsdA==$aGFzaA==\ntopic read a/#\n",
  readDirectory: () => ["a.conf"],
};

const FORMS = ["b.toml", "b.json", "m.conf"];

/** @type {import("./targets.js").Target} */
export function brokerConfiguration(bytes) {
  const file = FORMS[(bytes[0] ?? 0) % FORMS.length] ?? "";
  const text = Buffer.from(bytes.subarray(1)).toString("utf8");
  const read = file === "m.conf" ? readMosquittoConfiguration : readBrokerConfiguration;
  const { configuration, problems } = read(text, { ...options, file });
  if (configuration === undefined && (problems === undefined || problems.length === 0)) throw new Error("no problem");
  for (const problem of problems ?? []) {
    const shown = problemText(problem);
    if (shown.includes("t0ken")) throw new Error(`a problem shows a secret: ${shown}`);
    if (/\p{Cc}/u.test(shown)) throw new Error(`a problem is not one line: ${JSON.stringify(shown)}`);
  }
}

const SEEDS = [
  `[[listener]]\nurl = "mqtts://[::]:8883"\nname = "a"\ntls = { cert = "/c", key = "\${TOKEN}", client_ca = "/a", client_identity = "none" }\n[log]\nlevel = "debug"`,
  '[[listener]]\nurl = "unix:/a"\nmode = "660"\n[[listener]]\nurl = "ws://localhost:80"\nallowed_origins = ["https://a.example"]\nmax_connections = 5',
  '[users]\npassword_file = "/p"\n[[rule]]\nusers = ["ann", ""]\nallow = ["read", "subscribe"]\ntopics = ["a/%u/#", "b/%c/+"]\n[[rule]]\ndeny = "write"\ntopics = "$SYS/#"',
  '[persistence]\ndir = "/d"\nmax_bytes = "2GiB"\n[broker]\nmax_memory = "64MiB"\nmax_keep_alive = "5m"\nmax_share = 0.5\n[broker.per_address]\nloopback = true',
];

/** @returns {Uint8Array[]} */
export function brokerConfigurationSeeds() {
  const json =
    '{"listener":[{"url":"mqtt://127.0.0.1:1"}],"rule":[{"allow":"read","topics":"a"}],"log":{"format":"json"}}';
  const conf =
    "per_listener_settings true\nlistener 1883 ::1\nprotocol websockets\npassword_file /p\nallow_anonymous false\nmax_connections -1\ncertfile /c\nkeyfile /k\n";
  const more = "include_dir /d\nacl_file /a\npersistent_client_expiration 2m\nlog_type all\nlistener 0 /s\nmax_qos 1\n";
  const texts = [...SEEDS.map((text) => ({ form: 0, text })), { form: 1, text: json }];
  return [...texts, { form: 2, text: conf }, { form: 2, text: more }].map(({ form, text }) =>
    Uint8Array.from([0, form, ...Buffer.from(text)]),
  );
}
