// What can go wrong on the way to a server, below MQTT: each is a typed error that says what to do.
import { createPrivateKey } from "node:crypto";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions as ServerOptions } from "node:tls";
import { connect, createClient, type NetworkOptions, platform, type TransportError } from "@aiko/mqtt";
import { describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { Authority, selfSigned } from "../fixtures/certificates.ts";
import { freePort } from "../fixtures/free-port.ts";
import { address, listen, listening, patient, settle, socketPath } from "./network.ts";
import { httpProxy, socksProxy } from "./proxies.ts";

const authority = await Authority.named("Test authority");
const good = await authority.issue(["127.0.0.1"]);
const other = await authority.issue(["client"]);

/** The error message of a failed dial, without the port. */
async function refusal(dialled: Promise<{ destroy(): void } | AsyncDisposable>): Promise<string> {
  const error = await dialled.then(
    (opened) => {
      if ("destroy" in opened) opened.destroy();
      else void opened[Symbol.asyncDispose]();
      return undefined;
    },
    (reason: TransportError) => reason,
  );
  return error === undefined ? "none" : `${error.code}: ${error.message.replaceAll(/:\d{4,5}\b/g, ":PORT")}`;
}

async function dialTls(server: ServerOptions, tls: NetworkOptions["tls"] = { ca: authority.certificate }) {
  const { port } = await listening(createTlsServer(server));
  return platform.dial(address("mqtts", port), patient, { tls });
}

const of = ({ certificate, key }: { certificate: string; key: string }): ServerOptions => ({ cert: certificate, key });

describe("a server certificate that is not trusted is refused, and the error says what to do", () => {
  test("expired", async () => {
    const expired = await authority.issue(["127.0.0.1"], { from: -30, until: -2 });
    expect(await refusal(dialTls(of(expired)))).toBe(
      "TLS_FAILED: TLS connection to mqtts://127.0.0.1:PORT failed: the server's certificate has expired and must be renewed on the server (CERT_HAS_EXPIRED)",
    );
  });

  test("not valid yet", async () => {
    const early = await authority.issue(["127.0.0.1"], { from: 2, until: 30 });
    expect(await refusal(dialTls(of(early)))).toContain(
      "the server's certificate is not valid yet; check this machine's clock (CERT_NOT_YET_VALID)",
    );
  });

  test("for another host", async () => {
    const elsewhere = await authority.issue(["broker.example", "10.0.0.1"]);
    expect(await refusal(dialTls(of(elsewhere)))).toContain(
      "the server's certificate is for broker.example, 10.0.0.1, not for 127.0.0.1; use a name of the certificate in the URL, or set tls.serverName",
    );
  });

  test("for another host, with a configured host name", async () => {
    const elsewhere = await authority.issue(["broker.example"]);
    const tls = { ca: authority.certificate, serverName: "broker.example" };
    expect(await refusal(dialTls(of(elsewhere), tls))).toBe("none");
  });

  test("signed by another authority of the same name", async () => {
    const lookAlike = await Authority.named("Test authority");
    expect(await refusal(dialTls(of(await lookAlike.issue(["127.0.0.1"]))))).toContain(
      "that authority did not sign it; an attacker may be impersonating the server (CERT_SIGNATURE_FAILURE)",
    );
  });

  test("signed by an unknown authority", async () => {
    const stranger = await Authority.named("Unknown authority");
    expect(await refusal(dialTls(of(await stranger.issue(["127.0.0.1"]))))).toContain(
      "is not signed by an authority in tls.ca, or the server does not send an intermediate certificate",
    );
  });

  test("signed by a private authority, while only the public ones are trusted", async () => {
    expect(await refusal(dialTls(of(good), {}))).toContain(
      "signed by an unknown authority; set tls.ca to the authority's certificate",
    );
  });

  test("self-signed", async () => {
    expect(await refusal(dialTls(of(await selfSigned("127.0.0.1"))))).toContain(
      "the server's certificate is self-signed and is not the one in tls.ca (DEPTH_ZERO_SELF_SIGNED_CERT)",
    );
    expect(await refusal(dialTls(of(await selfSigned("127.0.0.1")), {}))).toContain(
      "the server's certificate is self-signed; if you trust it, set tls.ca to that certificate (DEPTH_ZERO_SELF_SIGNED_CERT)",
    );
  });

  test("any certificate is accepted if verification is disabled explicitly", async () => {
    expect(await refusal(dialTls(of(await selfSigned("somebody")), { verifyServer: false }))).toBe("none");
  });
});

describe("a client's own certificate and key", () => {
  const ca = authority.certificate;

  test("a key that does not match is reported before anything is sent", async () => {
    const tls = { ca, certificate: other.certificate, key: good.key };
    expect(await refusal(dialTls(of(good), tls))).toContain("tls.key does not belong to the client's certificate");
  });

  const locked = createPrivateKey(other.key).export({
    type: "pkcs8",
    format: "pem",
    cipher: "aes-256-cbc",
    passphrase: "open sesame",
  }) as string;
  test.each([
    [undefined, "TLS_FAILED: .*: the private key is encrypted; set tls.passphrase \\(ERR_MISSING_PASSPHRASE\\)$"],
    ["", "TLS_FAILED: .*: tls.passphrase cannot decrypt the private key"],
    ["open barley", "TLS_FAILED: .*: tls.passphrase cannot decrypt the private key"],
    ["x".repeat(2_000), "TLS_FAILED: .*: tls.passphrase cannot decrypt the private key"],
    ["open sesame", "none"],
  ])("an encrypted key needs its passphrase: %s", async (passphrase, said) => {
    const tls = { ca, certificate: other.certificate, key: locked, passphrase };
    expect(await refusal(dialTls(of(good), tls))).toMatch(new RegExp(`^${said}`));
  });

  const PLACED = 'tls.certificate does not contain a certificate, but "PRIVATE KEY"';
  test.each([
    [
      "text that is not PEM",
      "secret",
      other.key,
      "tls.certificate does not contain a certificate; pass PEM text, not a path",
    ],
    ["both not PEM", "secret", "secret", "tls.certificate does not contain a certificate; pass PEM text, not a path"],
    [
      "bytes that are not PEM",
      other.certificate,
      Uint8Array.of(1),
      "tls.key does not contain a private key; pass PEM text, not a path",
    ],
    ["a key instead of the certificate", Buffer.from(other.key), other.key, PLACED],
    [
      "a certificate instead of the key",
      good.certificate,
      other.certificate,
      'tls.key does not contain a private key, but "CERTIFICATE"',
    ],
    [
      "certificate and key exchanged",
      other.key,
      other.certificate,
      `${PLACED}; the certificate and the key seem to be swapped`,
    ],
  ])("a value in the wrong option is reported by its name: %s", async (_, certificate, key, words) => {
    const said = await refusal(dialTls(of(good), { ca, certificate, key }));
    expect(said).toBe(`TLS_FAILED: TLS connection to mqtts://127.0.0.1:PORT failed: ${words}`);
  });

  test("one file with the certificate and its key is accepted for both", async () => {
    const both = `${other.key}\n${other.certificate}`;
    expect(await refusal(dialTls(of(good), { ca, certificate: both, key: both }))).toBe("none");
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)(
    "if a server hangs up without a reason, the error mentions the client certificate: %s",
    async (maxVersion) => {
      const stranger = await (await Authority.named("Unknown authority")).issue(["client"]);
      const wanting = { ...of(good), requestCert: true, ca, maxVersion };
      const plain = await listening(createTlsServer(wanting));
      const web = await listening(createHttpsServer(wanting));
      for (const url of [`mqtts://127.0.0.1:${plain.port}`, `wss://127.0.0.1:${web.port}`])
        expect(await refusal(connect(url, { tls: { ca, ...stranger } }))).toContain(
          "may have rejected the client's certificate",
        );
    },
  );

  test("a server that hangs up at CONNECT is still tried with older versions, whichever certificate the client sends", async () => {
    let count = 0;
    const server = createTlsServer(of(good), (socket) => {
      socket.on("error", () => undefined);
      socket.once("data", (bytes: Uint8Array) => {
        if (bytes[8] !== 4) socket.destroy();
        else socket.write(Uint8Array.of(0x20, 2, 0, 0));
        count++;
      });
    });
    const { port } = await listening(server);
    const tls = { ca, certificate: other.certificate, key: other.key };
    await using client = await connect(`mqtts://127.0.0.1:${port}`, { tls });
    expect([client.connected, count]).toEqual([true, 2]);
  });

  test.each([
    ["a path", "/etc/ssl/ca.pem"],
    ["a key", good.key],
    ["a key, as bytes", Buffer.from(good.key)],
    ["rubbish", Uint8Array.of(0xff, 0, 0xfe)],
    ["one of a list", [authority.certificate, "rubbish"]],
  ])("invalid authorities are reported: %s", async (_, given) => {
    await expect(connect("mqtts://127.0.0.1:1", { tls: { ca: given } })).rejects.toMatchObject({
      code: "OPTION_INVALID",
      message: "tls.ca: does not contain a PEM certificate; pass the file's contents, not its path",
    });
  });

  test("one without the other is reported when the options are checked", async () => {
    const connecting = connect("mqtts://127.0.0.1:1", { tls: { certificate: other.certificate } as never });
    await expect(connecting).rejects.toMatchObject({ code: "OPTION_INVALID" });
  });

  test("a server that requires one says so, and the client passes the message on", async () => {
    const { port } = await listening(createTlsServer({ ...of(good), requestCert: true, ca }));
    await expect(connect(`mqtts://127.0.0.1:${port}`, { tls: { ca } })).rejects.toThrow(
      "the server rejected the client's certificate or requires one; check tls.certificate",
    );
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)(
    "a WebSocket server that requires one is reported in the same words: %s",
    async (maxVersion) => {
      const wanting = { ...of(good), requestCert: true, ca, maxVersion };
      const plain = await listening(createTlsServer(wanting));
      const { port } = await listening(createHttpsServer(wanting));
      const words = await refusal(connect(`mqtts://127.0.0.1:${plain.port}`, { tls: { ca } }));
      expect(words).toMatch(/^TLS_FAILED: .*(requires one|require a client certificate)/);
      expect(await refusal(connect(`wss://127.0.0.1:${port}`, { tls: { ca } }))).toBe(
        words.replace("mqtts:", "wss:").replace("PORT failed:", "PORT/ failed:"),
      );
    },
  );

  test("a server that requires one accepts the right one", async () => {
    const server = createTlsServer({ ...of(good), requestCert: true, ca });
    const { port } = await listening(server);
    const seen = new Promise((resolve) => {
      server.on("secureConnection", (socket) => resolve(socket.getPeerCertificate().subject.CN));
    });
    const tls = { ca, certificate: other.certificate, key: other.key };
    const transport = await platform.dial(address("mqtts", port), patient, { tls });
    expect(await seen).toBe("client");
    transport.destroy();
  });

  test("are read again at each attempt, if a function returns them", async () => {
    const asked: string[] = [];
    const { port } = await listening(createTlsServer(of(good), (socket) => socket.destroy()));
    const tls = async (server: string) => {
      asked.push(server);
      return { ca };
    };
    const url = `mqtts://127.0.0.1:${port}`;
    await expect(connect([url, url.replace("127.0.0.1", "localhost")], { tls, protocolVersion: 5 })).rejects.toThrow();
    expect(asked).toEqual([url, url.replace("127.0.0.1", "localhost")]);
  });
});

describe("other servers in a TLS handshake", () => {
  test("a port that does not speak TLS", async () => {
    const { port } = await listen(
      (socket) => void socket.on("data", () => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n")),
    );
    expect(await refusal(platform.dial(address("mqtts", port), patient, {}))).toContain("does not speak TLS");
  });

  test("a server that hangs up during the handshake", async () => {
    const { port } = await listen((socket) => void socket.once("data", () => socket.destroy()));
    expect(await refusal(platform.dial(address("mqtts", port), patient, {}))).toMatch(
      /^TLS_FAILED: .*the server closed the connection during the TLS handshake; if the port is not a TLS port, use mqtt: or ws: in the URL \(/,
    );
  });

  test("a server that never answers ends when the signal aborts", async () => {
    const giveUp = new AbortController();
    const { port } = await listen(() => giveUp.abort());
    expect(await refusal(platform.dial(address("mqtts", port), giveUp.signal, {}))).toContain("was aborted");
  });

  test("a shared key replaces certificates", async () => {
    const key = Buffer.from("0123456789abcdef");
    const server: ServerOptions = {
      ciphers: "PSK",
      pskCallback: (_, identity) => (identity === "kitchen" ? key : null),
    };
    expect(await refusal(dialTls(server, { psk: { identity: "kitchen", key } }))).toBe("none");
    expect(await refusal(dialTls(server, { psk: { identity: "kitchen", key: Buffer.from("wrong") } }))).toMatch(
      /^TLS_FAILED/,
    );
    expect(await refusal(dialTls(server, { psk: { identity: "cellar", key } }))).toMatch(/^TLS_FAILED/);
  });

  test.each([
    ["for another name", other],
    ["for its own name", good],
  ])("a server that sends a certificate %s instead of proving the shared key is refused", async (_, shown) => {
    const psk = { identity: "kitchen", key: Buffer.from("0123456789abcdef") };
    expect(await refusal(dialTls(of(shown), { psk, ca: authority.certificate }))).toContain("that it knows tls.psk");
  });

  test("verifyServer: false does not accept a server that does not know the shared key", async () => {
    const psk = { identity: "kitchen", key: Buffer.from("0123456789abcdef") };
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const)
      for (const shown of [other, good])
        expect(await refusal(dialTls({ ...of(shown), maxVersion }, { psk, verifyServer: false }))).toMatch(
          /^TLS_FAILED/,
        );
    await expect(connect("mqtts://127.0.0.1:1", { tls: { psk, verifyServer: false } })).rejects.toMatchObject({
      code: "OPTION_INVALID",
      message: "tls.verifyServer: false cannot be combined with tls.psk",
    });
  });

  test("application protocols are offered, and a server that accepts none of them is reported", async () => {
    const server = { ...of(good), ALPNProtocols: ["h2"] };
    const tls = { ca: authority.certificate, alpn: ["mqtt"] };
    expect(await refusal(dialTls(server, tls))).toContain("the server accepts none of the protocols in tls.alpn");
    expect(await refusal(dialTls({ ...of(good), ALPNProtocols: ["mqtt"] }, tls))).toBe("none");
  });

  test("tls with a scheme that is not encrypted is rejected", async () => {
    await expect(connect("mqtt://127.0.0.1:1", { tls: {} })).rejects.toThrow(
      "tls: cannot be used with mqtt:, which is not encrypted; write mqtts:",
    );
    await expect(connect("unix:/run/broker.sock", { tls: {} })).rejects.toThrow(
      "tls: cannot be used with unix:, which is not encrypted; remove tls",
    );
  });
});

describe("proxies", () => {
  const proxied = async (proxy: string) => platform.dial(address("mqtt", await freePort()), patient, { proxy });

  test.each([
    ["an HTTP proxy", httpProxy],
    ["a SOCKS5 proxy", socksProxy],
  ])("%s gets the user name and password of its URL", async (_, start) => {
    const { port } = await listen(() => undefined);
    const proxy = await start({ credentials: "ann:secret" });
    expect(await refusal(platform.dial(address("mqtt", port), patient, { proxy }))).toBe("none");
    const missing = await refusal(
      platform.dial(address("mqtt", port), patient, { proxy: proxy.replace("ann:secret@", "") }),
    );
    expect(missing).toMatch(
      /^PROXY_FAILED: .* the proxy requires a user name and password; add them to the proxy's URL/,
    );
    const wrong = await refusal(
      platform.dial(address("mqtt", port), patient, { proxy: proxy.replace("secret", "hidden") }),
    );
    expect(wrong).toMatch(/^PROXY_FAILED/);
    expect(wrong).not.toContain("hidden");
  });

  test("an HTTP proxy that cannot reach the server is reported", async () => {
    expect(await refusal(proxied(await httpProxy()))).toMatch(/^PROXY_FAILED: .*the proxy answered 502 Bad Gateway/);
  });

  test("a SOCKS5 proxy that cannot reach the server is reported", async () => {
    expect(await refusal(proxied(await socksProxy()))).toContain("connection refused by the server (SOCKS reply 5)");
  });

  test("a proxy that is not reachable", async () => {
    expect(await refusal(proxied(`http://127.0.0.1:${await freePort()}`))).toMatch(
      /^CONNECTION_FAILED: cannot connect to proxy http:\/\/127\.0\.0\.1:PORT: connection refused; check that the proxy is running/,
    );
  });

  test.each(["http", "socks5"])("a server that is not a proxy of the type %s", async (kind) => {
    const { port } = await listen((socket) => void socket.end("220 mail.example ESMTP\r\n"));
    expect(await refusal(proxied(`${kind}://127.0.0.1:${port}`))).toMatch(/^PROXY_FAILED/);
  });

  test.each([
    [
      "its reply",
      "",
      [
        [5, 0],
        [4, 0, 0, 1, 0, 0, 0, 0, 0, 0],
      ],
    ],
    [
      "its reply's first byte is 0",
      "",
      [
        [5, 0],
        [0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
      ],
    ],
    [
      "its answer to the password",
      "ann:secret@",
      [
        [5, 2],
        [5, 0],
        [5, 0, 0, 1, 0, 0, 0, 0, 0, 0],
      ],
    ],
  ])("a SOCKS proxy of another version is refused: %s", async (_, credentials, answers) => {
    const { port } = await listen((socket) => {
      const left = answers.map((bytes) => Uint8Array.from(bytes));
      socket.on("data", () => void socket.write(left.shift() ?? ""));
    });
    expect(await refusal(proxied(`socks5://${credentials}127.0.0.1:${port}`))).toMatch(
      /^PROXY_FAILED: .*the proxy does not speak SOCKS5/,
    );
  });

  test("a proxy that never answers ends when the signal aborts", async () => {
    const giveUp = new AbortController();
    const { port } = await listen(() => giveUp.abort());
    const dialled = platform.dial(address("mqtt", 1883), giveUp.signal, { proxy: `socks5://127.0.0.1:${port}` });
    expect(await refusal(dialled)).toContain("was aborted");
  });

  test.each(["ftp://host", "http://", "nonsense://u:secret@h"])("an invalid proxy URL: %s", async (proxy) => {
    const said = await refusal(platform.dial(address("mqtt", 1), patient, { proxy }));
    expect(said).toMatch(/^OPTION_INVALID: proxy: /);
    expect(said).not.toContain("secret");
  });
});

describe("WebSockets", () => {
  test("an upgrade that the server refuses", async () => {
    const server = createHttpServer((_, response) => response.writeHead(404).end());
    const { port } = await listening(server);
    expect(await refusal(platform.dial(address("ws", port), patient, {}))).toBe(
      "WEBSOCKET_FAILED: WebSocket connection to ws://127.0.0.1:PORT/mqtt failed: the server answered with HTTP status 404 instead of a WebSocket; check the path of the URL",
    );
  });

  test.each([
    ["hangs up", (socket: Socket) => void socket.once("data", () => socket.destroy())],
    ["answers with MQTT", (socket: Socket) => void socket.end(Uint8Array.of(0x20, 2, 0, 0))],
  ])("a server that %s may not be a WebSocket server", async (_, accept) => {
    const { port } = await listen(accept);
    expect(await refusal(platform.dial(address("ws", port), patient, {}))).toMatch(
      /^WEBSOCKET_FAILED: .*; check that a WebSocket server listens on this port$/,
    );
  });

  test.each([
    ["none", () => false as const],
    ["another", () => "chat"],
  ])("a server that selects %s of the subprotocols", async (_, handleProtocols) => {
    const server = createHttpServer();
    const { port } = await listening(server);
    const gone = new Promise((resolve) => server.on("connection", (socket) => socket.on("end", resolve)));
    new WebSocketServer({ server, handleProtocols });
    expect(await refusal(platform.dial(address("ws", port), patient, {}))).toMatch(/^WEBSOCKET_FAILED: .*subprotocol/);
    await gone; // at once: the package ws waits 30 s for a server that does not send a close frame
  });

  test.each([
    ["a name", { "x token": "secret" }, 'webSocket.headers "x token": is not a valid HTTP header name'],
    ["no name", { "": "secret" }, 'webSocket.headers "": is not a valid HTTP header name'],
    [
      "a line break in a value",
      { "x-a": "secret\r\nx-b: 1" },
      'webSocket.headers "x-a": contains a character that is not allowed',
    ],
    [
      "a value beyond Latin-1",
      { "x-a": "secret €" },
      'webSocket.headers "x-a": contains a character that is not allowed',
    ],
    ["a value that is not a string", { "x-a": 1 }, 'webSocket.headers "x-a": must be a string'],
  ])(
    "invalid HTTP headers are rejected at once, and the error does not contain their values: %s",
    (_, headers, message) => {
      const creating = () => createClient("ws://127.0.0.1:1", { webSocket: { headers: headers as never } });
      expect(creating).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
      expect(creating).toThrow(message);
      expect(creating).not.toThrow("secret");
    },
  );

  test.each(["", "a b", "mqtt,chat", "mqtt\r\n"])(
    "a subprotocol that HTTP does not allow is rejected at once: %j",
    (subprotocol) => {
      expect(() => createClient("ws://127.0.0.1:1", { webSocket: { subprotocol } })).toThrow(
        'webSocket.subprotocol: must be a valid HTTP token, such as "mqtt"',
      );
    },
  );

  test("undefined headers are left out", async () => {
    const server = createHttpServer();
    const { port } = await listening(server);
    const asked = new Promise((resolve) => server.on("upgrade", ({ headers }) => resolve(headers)));
    const headers = { "x-a": "\tall that HTTP takes: ~\u00ff", "x-b": undefined };
    const client = createClient(`ws://127.0.0.1:${port}`, { webSocket: { headers }, reconnect: false });
    const ended = client.connect().catch(() => undefined);
    expect(await asked).toMatchObject({ "x-a": "all that HTTP takes: ~\u00ff" });
    expect(await asked).not.toHaveProperty("x-b");
    await client.disconnect();
    await ended;
  });

  test("a text frame is not valid: the connection is closed, and the error says why", async () => {
    const server = createHttpServer();
    const { port } = await listening(server);
    new WebSocketServer({ server, handleProtocols: () => "mqtt" }).on("connection", (socket) => socket.send("hello"));
    await expect(connect(`ws://127.0.0.1:${port}/mqtt`)).rejects.toThrow(
      "the server sent a text frame; MQTT requires binary frames",
    );
  });

  test("[MQTT-6.0.0-1] the client sends binary frames", async () => {
    const server = createHttpServer();
    const { port } = await listening(server);
    const received = new Promise((resolve) => {
      new WebSocketServer({ server, handleProtocols: () => "mqtt" }).on("connection", (socket) =>
        socket.on("message", (bytes, isBinary) => resolve([isBinary, bytes.toString("hex")])),
      );
    });
    const transport = await platform.dial(address("ws", port), patient, {});
    transport.write(Uint8Array.of(0x10, 0));
    expect(await received).toEqual([true, "1000"]);
    transport.destroy();
  });

  test("[MQTT-6.0.0-3] the client requests the subprotocol mqtt, and sends headers with the upgrade", async () => {
    const server = createHttpServer();
    const { port } = await listening(server);
    const asked = new Promise((resolve) => {
      new WebSocketServer({ server, handleProtocols: () => "mqtt" }).on("connection", (_, request) =>
        resolve([request.url, request.headers["x-token"], request.headers["sec-websocket-protocol"]]),
      );
    });
    const transport = await platform.dial(address("ws", port), patient, { webSocket: { headers: { "x-token": "t" } } });
    expect(await asked).toEqual(["/mqtt", "t", "mqtt"]);
    transport.destroy();
  });

  test("a server's pings are answered", async () => {
    const server = createHttpServer();
    const { port } = await listening(server);
    const answered = new Promise((resolve) => {
      new WebSocketServer({ server, handleProtocols: () => "mqtt" }).on("connection", (socket) => {
        socket.on("pong", (data) => resolve(data.toString()));
        socket.ping("hello");
      });
    });
    const transport = await platform.dial(address("ws", port), patient, {});
    transport.start({ onBytes: () => undefined, onDrain: () => undefined, onClose: () => undefined });
    expect(await answered).toBe("hello");
    transport.destroy();
  });

  test("an upgrade without an answer ends when the signal aborts", async () => {
    const giveUp = new AbortController();
    const { port } = await listen((socket) => void socket.once("data", () => giveUp.abort()));
    expect(await refusal(platform.dial(address("ws", port), giveUp.signal, {}))).toContain("was aborted");
  });
});

describe("sockets", () => {
  test.each([
    ["closes", (socket: Socket) => void socket.once("data", () => socket.end())],
    ["resets", (socket: Socket) => void socket.once("data", () => socket.resetAndDestroy())],
  ])("a server that %s the connection before CONNACK may not be an MQTT server", async (_, accept) => {
    const { port } = await listen(accept);
    await expect(connect(`mqtt://127.0.0.1:${port}`, { protocolVersion: 5 })).rejects.toThrow(
      /; if the port uses TLS, use mqtts: in the URL; if it is a WebSocket, use ws:; or it may not be an MQTT server$/,
    );
  });

  test("a socket path that does not exist", async () => {
    const path = await socketPath();
    expect(await refusal(platform.dial({ scheme: "unix", host: path, port: 0, path: "" }, patient, {}))).toBe(
      `CONNECTION_FAILED: cannot connect to unix:${path}: socket file not found; check the path and that the server is running (ENOENT)`,
    );
  });

  test("a host name that does not exist", async () => {
    expect(await refusal(platform.dial(address("mqtt", 1883, "nowhere.invalid"), patient, {}))).toMatch(
      /^CONNECTION_FAILED: cannot connect to mqtt:\/\/nowhere\.invalid:PORT: /,
    );
  });

  test("the local address is used", async () => {
    const from = new Promise((resolve) => {
      void listen((socket) => resolve(socket.remoteAddress)).then(async ({ port }) => {
        const transport = await platform.dial(address("mqtt", port), patient, { localAddress: "127.0.0.2" });
        await settle();
        transport.destroy();
      });
    });
    expect(await from).toBe("127.0.0.2");
  });
});
