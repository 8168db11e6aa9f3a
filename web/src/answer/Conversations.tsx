import { useEffect, useState } from "react";
import { type ConversationView, listConversations } from "../server/api";

interface Props {
  currentId: string | undefined;
  /** Changes when there may be a new conversation. */
  version: unknown;
  open: (id: string) => void;
}

const SHOWN = 30;

/** Earlier conversations, the newest first. */
export function Conversations({ currentId, version, open }: Props) {
  const [found, setFound] = useState<readonly ConversationView[]>([]);
  useEffect(() => {
    // Without the list the page still works, and the other calls say what is wrong.
    listConversations().then(setFound, () => {});
  }, [version]);
  if (!found.length) return null;
  return (
    <nav className="conversations" aria-labelledby="conversations-title">
      <h2 id="conversations-title">Earlier conversations</h2>
      <ul>
        {found.slice(0, SHOWN).map((one) => (
          <li key={one.id}>
            <button
              type="button"
              className="quiet"
              aria-current={one.id === currentId ? "true" : undefined}
              onClick={() => open(one.id)}
              title={one.title ?? ""}
            >
              {one.title || "Untitled"}
            </button>
          </li>
        ))}
      </ul>
    </nav>
  );
}
