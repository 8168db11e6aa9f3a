import { useCallback, useEffect, useReducer, useRef, useState } from "react";
import type { AskRequest, Error as WireError } from "../messages.gen";
import { asWireError, getMessages } from "../server/api";
import { Connection, type LinkState } from "../server/connection";
import { type Memory, recall, remember } from "./memory";
import { current, emptyThread, isOver, reduce, type Thread, turnsFrom } from "./turns";

export interface ThreadControls {
  thread: Thread;
  link: LinkState;
  error: WireError | null;
  ask: (question: string, collections?: readonly string[], instead?: string) => void;
  stop: () => void;
  open: (conversationId: string) => void;
  clear: () => void;
}

/** The conversation of this tab: kept on the server, found again after a reload. */
export function useThread(): ThreadControls {
  const [thread, dispatch] = useReducer(reduce, emptyThread);
  const [link, setLink] = useState<LinkState>("connecting");
  const [error, setError] = useState<WireError | null>(null);
  const connection = useRef<Connection>(null);
  const shown = useRef(thread);
  useEffect(() => {
    shown.current = thread;
  });

  const load = useCallback(async (memory: Memory) => {
    try {
      const turns = memory.conversationId ? turnsFrom(await getMessages(memory.conversationId)) : [];
      const { live } = memory;
      if (live && !turns.some((turn) => turn.id === live.id)) {
        turns.push({ ref: live.id, id: live.id, question: live.question, text: "", sources: [] });
      }
      dispatch({ type: "loaded", conversationId: memory.conversationId, turns });
      for (const turn of turns) if (!isOver(turn) && turn.id) connection.current?.resume(turn.ref, turn.id, -1);
      setError(null);
    } catch (failure) {
      setError(asWireError(failure));
    }
  }, []);

  useEffect(() => {
    const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
    const made = new Connection(address, {
      link: setLink,
      part: (ref, id, part) => dispatch({ type: "part", ref, id, part }),
      failed: (ref, failure) => dispatch({ type: "failed", ref, error: failure }),
    });
    connection.current = made;
    made.open();
    const memory = recall();
    if (memory.conversationId || memory.live) void load(memory);
    return () => made.close();
  }, [load]);

  useEffect(() => {
    const live = current(thread);
    remember({
      conversationId: thread.conversationId,
      live: live?.id ? { id: live.id, question: live.question } : undefined,
    });
  }, [thread]);

  const leave = useCallback(() => {
    const live = current(shown.current);
    if (live) connection.current?.forget(live.ref);
  }, []);

  return {
    thread,
    link,
    error,
    ask: useCallback((question, collections, instead) => {
      const ref = crypto.randomUUID();
      const { conversationId } = shown.current;
      const request: AskRequest = { question };
      if (conversationId) request.conversation_id = conversationId;
      if (collections) request.collections = [...collections];
      dispatch({ type: "asked", ref, question, collections, instead });
      connection.current?.ask(ref, request);
    }, []),
    stop: useCallback(() => {
      const live = current(shown.current);
      if (live) connection.current?.cancel(live.ref);
    }, []),
    open: useCallback(
      (conversationId) => {
        leave();
        void load({ conversationId });
      },
      [leave, load],
    ),
    clear: useCallback(() => {
      leave();
      setError(null);
      dispatch({ type: "cleared" });
    }, [leave]),
  };
}
