/** A source to which devices POST or PUT, one frame a request. Answers when the record is accepted. */

import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { HttpSettings } from "../configuration/configuration.js";
import { HttpPath } from "./http-path.js";
import type { Intake, Verdict } from "./intake.js";
import { Listening } from "./listening.js";
import type { Source, SourceStatus } from "./source.js";

/** Seconds after which a client should try again. */
const RETRY_AFTER = 5;
/** Milliseconds that a request may take to arrive. */
const REQUEST_TIMEOUT = 30_000;

/** What is answered if a frame is not accepted, by its verdict. */
const STATUS: Readonly<Partial<Record<Verdict, number>>> = {
  full: 429,
  rate: 429,
  // The record that it repeats is not accepted yet.
  duplicate: 503,
  offline: 503,
  "too-long": 413,
};

export class HttpSource implements Source {
  private readonly server: Server;
  private readonly listening: Listening;
  private readonly path: HttpPath;
  private running = 0;

  constructor(
    private readonly settings: HttpSettings,
    private readonly intake: Intake,
  ) {
    const { listen, id, path } = settings;
    this.path = new HttpPath(path);
    this.server = createServer(
      { requestTimeout: REQUEST_TIMEOUT, headersTimeout: REQUEST_TIMEOUT },
      (request, response) => {
        this.running++;
        response.on("close", () => this.running--);
        void this.serve(request, response);
      },
    );
    this.server.maxConnections = settings.maxRequests * 2;
    this.listening = new Listening(this.server, listen, "http", id, intake.parts);
  }

  get status(): SourceStatus {
    return this.listening.status(this.running);
  }

  start(): Promise<void> {
    return this.listening.start();
  }

  async stop(): Promise<void> {
    const closed = this.listening.stop();
    await this.intake.stop();
    this.server.closeAllConnections();
    await closed;
    await this.intake.stop(); // a body may have been complete in the meantime
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { maxRequests, maxBody } = this.settings;
    const answer = (status: number, text: string, headers: Record<string, string | number> = {}): void => {
      response.writeHead(status, { "content-type": "text/plain; charset=utf-8", ...headers }).end(`${text}\n`);
    };
    // In this order: what a stranger may learn comes last.
    if (this.running > maxRequests) return answer(429, "too many requests at a time", { "retry-after": RETRY_AFTER });
    if (!this.isAuthorized(request))
      return answer(401, "a valid Bearer token is required", { "www-authenticate": "Bearer" });
    const fields = this.path.match(request.url ?? "");
    if (fields === undefined) return answer(404, `there is nothing here; the path is ${this.settings.path}`);
    if (request.method !== "POST" && request.method !== "PUT")
      return answer(405, "use POST or PUT", { allow: "POST, PUT" });
    if (Number(request.headers["content-length"] ?? 0) > maxBody)
      return answer(413, `the body may have ${maxBody} bytes`, { connection: "close" });
    const { budget, clock } = this.intake.parts;
    if (!budget.hasRoom) return answer(429, "too many bytes are waiting", { "retry-after": RETRY_AFTER });
    budget.take(maxBody);
    response.on("close", () => budget.release(maxBody));
    const body = await bodyOf(request, maxBody);
    if (body === undefined) return answer(413, `the body may have ${maxBody} bytes`, { connection: "close" });
    if (body.length === 0) return answer(400, "the body is empty");
    this.intake.traffic.receive(body.length);
    const peer = { peer: request.socket.remoteAddress ?? "", port: request.socket.localPort ?? 0, fields };
    const wire = this.intake.pipeline.open(peer);
    const now = clock.now();
    const outcomes = [...wire.push(body, now), ...wire.end(now)];
    const verdicts: Verdict[] = [];
    while (verdicts.length < outcomes.length) {
      const rest = outcomes.slice(verdicts.length);
      const committed = await this.intake.commit(() => peer, rest.slice(0, this.intake.batch(rest)), false);
      if (committed === undefined) return answer(503, "the gateway is stopping", { "retry-after": RETRY_AFTER });
      verdicts.push(...committed);
    }
    const wrong = outcomes.findIndex((outcome, i) => !this.intake.isDone(peer, outcome, verdicts[i] ?? "accepted"));
    if (wrong < 0) return answer(202, "accepted");
    const verdict = verdicts[wrong] ?? "decode";
    const status = STATUS[verdict] ?? 400;
    const detail = outcomes[wrong]?.detail;
    answer(
      status,
      detail === undefined ? verdict : `${verdict}: ${detail}`,
      status === 429 || status === 503 ? { "retry-after": RETRY_AFTER } : {},
    );
  }

  /** In constant time for tokens of any length. */
  private isAuthorized({ headers }: IncomingMessage): boolean {
    const { token } = this.settings;
    if (token === undefined) return true;
    const given = /^Bearer +(.+)$/i.exec(headers.authorization ?? "")?.[1] ?? "";
    return timingSafeEqual(digest(given), digest(token));
  }
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** Resolves to the body, or to undefined if it is too long. */
async function bodyOf(request: IncomingMessage, most: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // The connection stays open: the answer is still to be sent.
    const body: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
    for await (const chunk of body) {
      size += chunk.length;
      if (size > most) return undefined;
      chunks.push(chunk);
    }
  } catch {
    return Buffer.alloc(0); // the connection was lost
  }
  return Buffer.concat(chunks);
}
