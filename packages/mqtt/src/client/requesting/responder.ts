/**
 * Answers the requests of one subscription: exactly one answer to each, even if the handler throws or does not return.
 */

import { ProtocolError } from "../../errors.js";
import { TOPIC_NAME_INVALID } from "../../reason-code.js";
import { quotable } from "../../topic/mqtt-string.js";
import { onAbort } from "../abort-source.js";
import type { Client } from "../client.js";
import type { HandlerContext } from "../receiving/handling.js";
import type { Message } from "../receiving/message.js";
import { type Answer, errorAnswer, readAnswer } from "./answer.js";
import { conventionalAnswer } from "./convention.js";
import type { RequestHandler } from "./request-options.js";

export class Responder {
  constructor(
    private readonly client: Pick<Client, "publish">,
    private readonly topicFilter: string,
    private readonly handler: RequestHandler,
  ) {}

  /** Answers requests; ignores other messages that match the filter. */
  async answer(message: Message, context: HandlerContext): Promise<void> {
    if (!isRequest(message)) return;
    let isAnswered = false;
    const fail = async (why: string): Promise<void> => {
      isAnswered = true;
      // If this fails too, the requester gets REQUEST_TIMEOUT. The earlier error is the one to report.
      await this.publish(message, errorAnswer(why)).catch(() => undefined);
    };
    const release = onAbort(context.signal, () => void fail("the responder did not answer in time"));
    try {
      let returned: unknown;
      try {
        returned = await this.handler(message, context);
      } finally {
        release();
      }
      if (!isAnswered) await this.publish(message, readAnswer(returned, this.topicFilter));
    } catch (error) {
      if (!isAnswered) await fail("the responder failed");
      throw error;
    }
  }

  private async publish(message: Message, { payload, qos = message.qos, properties, isError }: Answer): Promise<void> {
    const { responseTopic, correlationData } = message.properties;
    const topic = responseTopic ?? conventionalAnswer(message.topic, isError);
    if (topic === undefined) return;
    const all = correlationData === undefined ? properties : { ...properties, correlationData };
    await this.client.publish(topic, payload, { qos, properties: all });
  }
}

/** @throws ProtocolError TOPIC_NAME_REFUSED if the requester chose a response topic that is not allowed */
function isRequest({ topic, properties: { responseTopic } }: Message): boolean {
  if (responseTopic?.startsWith("$")) {
    // The requester chose the topic, and this client may have rights there that the requester lacks.
    const rule = 'responses to topics that begin with "$" are not allowed';
    const which = `request "${quotable(topic)}": responseTopic "${quotable(responseTopic)}"`;
    throw new ProtocolError("TOPIC_NAME_REFUSED", TOPIC_NAME_INVALID, `${which}: ${rule}; the request is not answered`);
  }
  return responseTopic !== undefined || conventionalAnswer(topic, false) !== undefined;
}
