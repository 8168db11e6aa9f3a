/** A conversation on the page: questions, and answers that grow part by part. Pure. */
import type { Error as WireError, FinishReason, Part, Source, Status, Usage } from "../messages.gen";
import type { MessageView } from "../server/api";

export interface Turn {
  /** The page's own name for the turn. */
  ref: string;
  /** The id of the answer's message, once it is known. */
  id?: string;
  question: string;
  /** Where it was to look; everywhere when there are none. */
  collections?: readonly string[] | undefined;
  text: string;
  sources: readonly Source[];
  status?: Status;
  usage?: Usage;
  error?: WireError;
  finish?: FinishReason;
}

export interface Thread {
  conversationId?: string | undefined;
  turns: readonly Turn[];
}

export const emptyThread: Thread = { turns: [] };

export type Change =
  | {
      type: "asked";
      ref: string;
      question: string;
      collections?: readonly string[] | undefined;
      instead?: string | undefined;
    }
  | { type: "part"; ref: string; id: string; part: Part }
  | { type: "failed"; ref: string; error: WireError }
  | { type: "loaded"; conversationId: string | undefined; turns: readonly Turn[] }
  | { type: "cleared" };

export const isOver = (turn: Turn): boolean => turn.finish !== undefined;

/** The turn that is still being answered, if there is one. */
export const current = (thread: Thread): Turn | undefined => thread.turns.find((turn) => !isOver(turn));

export function reduce(thread: Thread, change: Change): Thread {
  switch (change.type) {
    case "cleared":
      return emptyThread;
    case "loaded":
      return { conversationId: change.conversationId, turns: change.turns };
    case "asked": {
      const kept = thread.turns.filter((turn) => turn.ref !== change.instead);
      const { ref, question, collections } = change;
      return { ...thread, turns: [...kept, { ref, question, collections, text: "", sources: [] }] };
    }
    case "failed":
      return update(thread, change.ref, (turn) => ({ ...turn, error: change.error, finish: "error" }));
    case "part": {
      const next = update(thread, change.ref, (turn) => withPart({ ...turn, id: change.id }, change.part));
      return change.part.kind === "done" && next !== thread
        ? { ...next, conversationId: change.part.conversation_id }
        : next;
    }
  }
}

function update(thread: Thread, ref: string, apply: (turn: Turn) => Turn): Thread {
  if (!thread.turns.some((turn) => turn.ref === ref)) return thread;
  return { ...thread, turns: thread.turns.map((turn) => (turn.ref === ref ? apply(turn) : turn)) };
}

/** One part more. */
export function withPart(turn: Turn, part: Part): Turn {
  switch (part.kind) {
    case "status":
      return { ...turn, status: part };
    case "text":
      return { ...turn, text: turn.text + part.text };
    case "source":
      return { ...turn, sources: withSource(turn.sources, part.source) };
    case "usage":
      return { ...turn, usage: part.usage };
    case "error":
      return { ...turn, error: part.error };
    case "done":
      return { ...turn, finish: part.finish_reason };
    default:
      // A newer server may send kinds that this page does not know.
      return turn;
  }
}

/** A source with the `n` of an earlier one takes its place. */
function withSource(sources: readonly Source[], source: Source): readonly Source[] {
  return [...sources.filter((other) => other.n !== source.n), source].sort((a, b) => a.n - b.n);
}

const finishOf: Record<MessageView["state"], FinishReason | undefined> = {
  streaming: undefined,
  complete: "stop",
  interrupted: "interrupted",
  failed: "error",
  cancelled: "cancelled",
};

/** Stored messages as turns. One that is still streaming comes back empty: its parts are sent again. */
export function turnsFrom(messages: readonly MessageView[]): Turn[] {
  const turns: Turn[] = [];
  let question = "";
  for (const message of messages) {
    if (message.role === "user") question = message.content;
    if (message.role !== "assistant") continue;
    const finish = message.finish_reason ?? finishOf[message.state];
    const turn: Turn = { ref: message.id, id: message.id, question, text: "", sources: [] };
    if (finish) Object.assign(turn, { finish, text: message.content, sources: message.sources ?? [] });
    if (message.error) turn.error = message.error;
    if (message.usage) turn.usage = message.usage;
    turns.push(turn);
    question = "";
  }
  return turns;
}
