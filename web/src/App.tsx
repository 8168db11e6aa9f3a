import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Ask } from "./answer/Ask";
import { Conversations } from "./answer/Conversations";
import { useThread } from "./answer/useThread";
import { isWorking } from "./documents/describe";
import { DocumentPanel } from "./documents/DocumentPanel";
import { DropArea } from "./documents/DropArea";
import { useUploads } from "./documents/useUploads";
import { Locked } from "./Locked";
import type { Error as WireError } from "./messages.gen";
import { Notice } from "./Notice";
import { getStatus, listCollections, listDocuments, listJobs, noServer } from "./server/api";
import { usePlace } from "./usePlace";
import { usePolling } from "./usePolling";
import { readiness } from "./model/readiness";
import { Viewer } from "./viewer/Viewer";

const loadLibrary = async () => {
  const [collections, documents, jobs] = await Promise.all([listCollections(), listDocuments(), listJobs()]);
  return { collections, documents, jobs, working: documents.some(isWorking) || jobs.some(isWorking) };
};

export function App() {
  const [place, go] = usePlace();
  const [panel, setPanel] = useState(false);
  const [folders, setFolders] = useState<readonly string[]>([]);
  const library = usePolling(loadLibrary, (value) => (value?.working ? 1000 : value ? 10_000 : 2000));
  const status = usePolling(getStatus, (value) => (value && readiness(value, []).ready ? 15_000 : 2000));
  const { uploads, add, dismiss } = useUploads(library.refresh);
  const conversation = useThread();
  const input = useRef<HTMLTextAreaElement>(null);

  const documents = library.value?.documents ?? [];
  const jobs = library.value?.jobs ?? [];
  const turns = conversation.thread.turns;
  const sources = useMemo(() => turns.flatMap((turn) => turn.sources), [turns]);

  const addFiles = useCallback(
    (files: readonly File[]) => {
      setFolders([]);
      add(files);
    },
    [add],
  );

  useEffect(() => {
    document.title = place ? documents.find((one) => one.id === place.documentId)?.name ?? "Petra" : "Petra";
  });

  const documentId = place?.documentId;
  useEffect(() => {
    // On a phone the panel lies over the document that was chosen in it.
    if (documentId && matchMedia("(max-width: 859px)").matches) setPanel(false);
  }, [documentId]);

  if (library.locked) return <Locked />;

  const reset = (): void => {
    conversation.clear();
    go(null);
    setPanel(false);
    input.current?.focus();
  };
  const newest = turns.at(-1);

  return (
    <DropArea add={addFiles} folders={setFolders}>
      <div className={`app ${place ? "viewing" : ""} ${panel ? "panel-open" : ""}`}>
        <header className="top">
          <a className="brand" href="#/" onClick={() => setPanel(false)}>
            <img src="/favicon.svg" alt="" width="24" height="24" /> Petra
          </a>
          <button
            type="button"
            className="quiet toggle"
            aria-expanded={panel}
            aria-controls="panel"
            onClick={() => setPanel(!panel)}
          >
            Documents{documents.length ? ` (${documents.length.toLocaleString("en")})` : ""}
          </button>
          <button type="button" className="quiet" onClick={reset} aria-label="New conversation">
            New<span className="wide"> conversation</span>
          </button>
        </header>

        <aside id="panel" aria-label="Documents and conversations">
          {library.error && library.error.code !== noServer.code && <Notice error={library.error} />}
          {folders.length > 0 && <Notice error={folderHint(folders)} tone="calm" />}
          <DocumentPanel
            collections={library.value?.collections ?? []}
            documents={documents}
            jobs={jobs}
            uploads={uploads}
            openId={place?.documentId}
            add={addFiles}
            dismiss={dismiss}
            changed={library.refresh}
          />
          <Conversations
            currentId={conversation.thread.conversationId}
            version={`${conversation.thread.conversationId} ${newest?.finish}`}
            open={(id) => {
              conversation.open(id);
              setPanel(false);
            }}
          />
        </aside>

        <Ask
          input={input}
          conversation={conversation}
          documents={documents}
          loaded={library.value !== null}
          sending={uploads.filter((one) => !one.error).length}
          model={readiness(status.value, jobs)}
          away={library.error?.code === noServer.code}
          add={addFiles}
        />

        {place && <Viewer place={place} sources={sources} go={go} />}
      </div>
    </DropArea>
  );
}

const folderHint = (folders: readonly string[]): Pick<WireError, "what" | "cause" | "remedy"> => ({
  what: `${folders.join(", ")}: folders are not uploaded`,
  cause: "Petra reads a folder where it is, and follows its changes",
  remedy: `In a terminal, type \`petra index ${folders[0]}\``,
});
