import {
  OUTGOING_TRANSITIONS,
  type OutgoingMessage,
  type OutgoingState,
} from "../../src/session/outgoing/outgoing-message.ts";

/** Makes the message throw when it moves to a state that is not allowed. Call it when the first state is known. */
export function holdToTransitions<Message extends OutgoingMessage>(message: Message): Message {
  let { state } = message;
  return Object.defineProperty(message, "state", {
    get: () => state,
    set: (next: OutgoingState) => {
      if (!OUTGOING_TRANSITIONS[state].includes(next)) throw new Error(`a message that is ${state} became ${next}`);
      state = next;
    },
  });
}
