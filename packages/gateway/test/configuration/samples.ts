// Configurations that tests share. Each part stands under its header; a part that a sample does not give is that of the smallest valid configuration.
import type { ReadOptions } from "../../src/configuration/read-configuration.ts";

export interface Parts {
  readonly gateway?: string;
  readonly uplink?: string;
  readonly spool?: string;
  readonly source?: string;
  /** What follows the sections. */
  readonly more?: string;
}

/** The headers are in the lines 1, 3, 5 and 7 if each part has one line. */
export function toml({ gateway, uplink, spool, source, more = "" }: Parts = {}): string {
  return `[gateway]
${gateway ?? 'id = "attic"'}
[uplink]
${uplink ?? 'url = "mqtts://broker.example"'}
[spool]
${spool ?? 'dir = "/spool"'}
[[source]]
${source ?? 'id = "in"; kind = "stdin"; topic = "t"'}
${more}`.replaceAll("; ", "\n");
}

export const options: ReadOptions = {
  file: "g.toml",
  environment: { TOKEN: "t0ken", EMPTY: "" },
  readFile(path) {
    if (path === "/password") return "pa55\n";
    if (path === "/empty") return "\n";
    throw Object.assign(new Error("open failed"), { code: "ENOENT" });
  },
};

/** The example of the design, with what this version supports, and each field at least once. */
export const example = `
[gateway]
id = "attic"
base = "house/{gateway}"
timestamps = "iso"
shutdown = "3s"
log = "debug"
log_format = "json"

[[uplink]]
url = "mqtts://broker.example:8883"
client_id = "gw-{gateway}"
username = "attic"
password = "file:/password"
ca = "/etc/ca.pem"
cert = "/etc/cert.pem"
key = "file:/etc/key.pem"
passphrase = "\${TOKEN}"
version = 5
keep_alive = "1m"
session_expiry = "1d"
inflight = 10
rate = 100
bandwidth = "64KiB"
reconnect = { min = "1s", max = "5m" }
stuck = "30s"
[[uplink]]
url = "unix:/run/broker.sock"

[spool]
dir = "/var/lib/aiko-gateway"
max_bytes = "1GiB"
max_records = 5000
max_age = 0
segment = "2MiB"
full = "drop-oldest"
sync = "group:50ms"
qos0 = "spool"

[metrics]
listen = "[::1]:9464"
path = "/m"

[admin]
socket = "/run/aiko.sock"

[[source]] # devices that connect
id = "meters"
kind = "tcp-server"
listen = ":2000"
allow = ["192.168.1.0/24", "fd00::/8", "10.0.0.1"]
max_connections = 10
idle = 0
decode = { format = "csv", separator = ";", quote = "" }
fields = ["n:u32", { name = "temp", type = "f32", unit = "°C", scale = 0.1, offset = 1, min = -40, max = 85, class = "temperature" }, { name = "relay", values = { 0 = "off", 1 = true } }]
when = [{ field = "temp", op = "delta", value = 0.5 }, { field = "relay", op = "in", value = ["off", 1] }]
topic = "{gateway}/{source}/{peer}"
payload = '{"t":{temp},"r":"{relay}"}'
qos = 2
retain = true
expiry = "1h"
acknowledge = "ok {n}\\n"
refuse = "no {reason}\\n"
deadletter = "dead/{source}/{port}"

[[source]]
id = "text"
kind = "stdin"
frame = "datagram"
first = "drop"
max_frame = "1KiB"
frame_timeout = "5s"
encoding = "latin1"
topic = "t/{temp}"
payload = "fields"
[source.decode]
format = "text"
template = "T={temp:f32} H={hum}%"
fields = [{ name = "hum", type = "u8" }]

[[source]]
id = "web"
enabled = false
kind = "http"
listen = "127.0.0.1:0"
path = "/in/{node}/{what}"
token = "\${TOKEN}"
max_body = "1MiB"
max_requests = 4
decode = { format = "json", pick = { t = "/sensors/0/t" } }
payload = { template = "constant" }

[[source]]
id = "scale"
kind = "tcp-server"
listen = ":2001"
frame = { kind = "length", offset = 2, width = 2, endian = "little", total = true, adjust = -1, magic = "a55A", keep = true }
check = { kind = "crc16-ccitt", at = 4, from = 2, as = "hex", endian = "little" }
decode = "raw"
topic = "t"

[[source]]
id = "tags"
kind = "tcp-server"
listen = ":2002"
frame = { kind = "delimiter", start = "02", end = "0d0A", keep = true }
check = "xor8"
decode = "raw"
topic = "t"

[[source]]
id = "old"
kind = "tcp-server"
listen = ":2003"
frame = { kind = "gap", gap = "20ms" }
decode = "raw"
topic = "t"

[[source]]
id = "radio"
enabled = true
kind = "mqtt-sn"
listen = "[::]:10000"
allow = ["fd00::/8"]
insecure = false
client_addresses = [{ client_id = "meter-*", allow = ["fd00:7::/32"] }]
mode = "transparent"
gateway_id = 7
group = "[ff15::42]:10001"
hops = 2
advertise = "10m"
standby_for = 8
predefined = { 1 = "common/topic", 65534 = "b" }
predefined_for = [{ client_id = "meter-*", topics = { 2 = "meters/all" } }]
qos_minus_one = true
qos_minus_one_as = 1
forwarders = false
max_clients = 50
max_clients_per_host = 2
max_topics = 16
sleep_queue = { records = 10, bytes = "16KiB" }
retry = "15s"
retries = 5
max_datagram = "512B"
client_id_max = 23
client_id_prefix = "sn-"
username = "radio"
password = "\${TOKEN}"
`;

/** Each format that `example` does not have. */
export const formats = `
[gateway]
id = "attic"
[uplink]
url = "mqtt://h"
[spool]
mode = "memory"
[[source]]
id = "aiko"
kind = "stdin"
decode = { format = "sexpr", envelope = "(node {node} {time} …)", fields = ["temperature:f32", "other"] }
[[source]]
id = "gps"
kind = "tcp-server"
listen = ":2001"
decode = { format = "nmea", sentences = { RMC = ["utc", "-", "lat:nmea_lat", { name = "lon", type = "nmea_lon", unit = "°" }], GGA = ["utc"] } }
topic = "gps/{talker}/{sentence}"
[[source]]
id = "scale"
kind = "http"
listen = ":2002"
topic = "scale/{kg}"
[source.decode]
format = "binary"
endian = "little"
fields = [{ const = "A5 5a" }, "kg:i32", "low:bits(0,3)", "high:bits(4, 4)", { name = "big", type = "u16", endian = "big", at = 12 }, "no:bcd(2)", "id:hex(2)", "all:bytes(3)", "name:text"]
[[source]]
id = "meter"
kind = "http"
listen = ":2003"
topic = "meter"
decode = { format = "modbus", unit = 17, function = 4, address = 100, endian = "cdab" }
fields = ["volt:u16", { name = "kwh", type = "f32", at = 3 }, "flag:bits(0,1)", "alarm:bits(15,1)"]
[[source]]
id = "coils"
kind = "http"
listen = ":2004"
topic = "coils"
decode = { format = "modbus", unit = 17, function = 1, fields = ["a", { name = "j", at = 9 }, "k"] }
[[source]]
id = "hex"
kind = "http"
listen = ":2005"
topic = "hex/{value}"
decode = "hex"
[[source]]
id = "base64"
kind = "http"
listen = ":2006"
topic = "hex/{payload}"
decode = "base64"
fields = ["payload"]
`;
