import { type RefObject, useCallback, useMemo, useRef, useState } from "react";
import { ChooseFiles } from "../documents/ChooseFiles";
import { isWorking, plural } from "../documents/describe";
import type { Readiness } from "../model/readiness";
import { Notice } from "../Notice";
import { type DocumentView, noServer } from "../server/api";
import { Composer } from "./Composer";
import { TurnView } from "./TurnView";
import { current, type Turn } from "./turns";
import { useFollowing } from "./useFollowing";
import type { ThreadControls } from "./useThread";
import { Welcome } from "./Welcome";

interface Props {
  input: RefObject<HTMLTextAreaElement | null>;
  conversation: ThreadControls;
  documents: readonly DocumentView[];
  loaded: boolean;
  /** Files on their way to the server. */
  sending: number;
  model: Readiness;
  /** Whether nothing else reaches the server either: then it is more than a connection that broke. */
  away: boolean;
  add: (files: readonly File[]) => void;
}

const EVERYTHING = "";

/** The conversation and the question box. */
export function Ask({ input, conversation, documents, loaded, sending, model, away, add }: Props) {
  const { thread, link, ask, stop } = conversation;
  const [scope, setScope] = useState(EVERYTHING);
  const [refused, setRefused] = useState(false);
  const pane = useRef<HTMLDivElement>(null);
  const newest = thread.turns.at(-1);
  useFollowing(pane, newest?.text, newest?.ref);

  const collections = [...new Set(documents.map((one) => one.collection))].sort();
  const homes = useMemo(() => new Map(documents.map((one) => [one.id, one.collection])), [documents]);
  const homeOf = (id: string): string | undefined => (collections.length > 1 ? homes.get(id) : undefined);
  const ready = documents.filter((one) => one.state === "ready").length;
  const working = documents.filter(isWorking).length + sending;
  const nothing = loaded && ready + working === 0;

  const send = (question: string): boolean => {
    setRefused(nothing);
    if (nothing) return false;
    ask(question, scope && collections.includes(scope) ? [scope] : undefined);
    return true;
  };
  const retry = useCallback(
    (turn: Turn) => ask(turn.question, turn.collections, turn.text ? undefined : turn.ref),
    [ask],
  );

  return (
    <main className="ask">
      <div className="pane" ref={pane}>
        <div className="column">
          {thread.turns.length === 0 && !conversation.error && (
            <Welcome ready={ready} working={working} loaded={loaded} add={add} />
          )}
          {thread.turns.length > 0 && <h1 className="hidden">Conversation</h1>}
          {thread.turns.map((turn) => (
            <TurnView
              key={turn.ref}
              turn={turn}
              newest={turn === newest}
              linkLost={link === "lost"}
              homeOf={homeOf}
              retry={retry}
            />
          ))}
          {conversation.error && <Notice error={conversation.error} />}
        </div>
      </div>
      <div className="foot column">
        {refused && nothing && (
          <Notice
            tone="calm"
            error={{
              what: "There is nothing to answer from yet",
              cause: "",
              remedy: "Add a file first; your question stays in the box",
            }}
          >
            <ChooseFiles add={add}>Choose files</ChooseFiles>
          </Notice>
        )}
        {link === "lost" && (away || !current(thread)) && <Notice tone="calm" error={noServer} />}
        {link !== "lost" && model.notice && <Notice error={model.notice} tone={model.tone} />}
        {ready > 0 && working > 0 && (
          <p className="hint">
            {working === 1
              ? "1 document is still being read: answers cannot use it yet."
              : `${plural(working, "document")} are still being read: answers cannot use them yet.`}
          </p>
        )}
        <Composer input={input} busy={current(thread) !== undefined} send={send} stop={stop}>
          {collections.length > 1 && (
            <label className="scope">
              <span className="hidden">Search in</span>
              <select value={scope} onChange={(event) => setScope(event.target.value)}>
                <option value={EVERYTHING}>All documents</option>
                {collections.map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            </label>
          )}
        </Composer>
      </div>
    </main>
  );
}
