import { useEffect, useRef, useState } from "react";
import type { Error as WireError, Source } from "../messages.gen";
import { folderOf } from "../documents/describe";
import { Notice } from "../Notice";
import type { Place } from "../route";
import { asWireError, fileAddress, getDocument, type OpenDocument } from "../server/api";
import { Pages } from "./Pages";
import { TextLines } from "./TextLines";

interface Props {
  place: Place;
  /** Sources on the page, to mark what was quoted. */
  sources: readonly Source[];
  go: (place: Place | null) => void;
}

/** A document at a page or at lines, beside the answer or in a tab of its own. */
export function Viewer({ place, sources, go }: Props) {
  const [document, setDocument] = useState<OpenDocument | null>(null);
  const [error, setError] = useState<WireError | null>(null);
  const pane = useRef<HTMLElement>(null);
  const opener = useRef(globalThis.document.activeElement);

  useEffect(() => {
    let gone = false;
    setDocument(null);
    setError(null);
    getDocument(place.documentId).then(
      (found) => gone || setDocument(found),
      (failure: unknown) => gone || setError(asWireError(failure)),
    );
    return () => {
      gone = true;
    };
  }, [place.documentId]);

  useEffect(() => {
    const from = opener.current;
    pane.current?.focus({ preventScroll: true });
    return () => {
      if (from instanceof HTMLElement && from.isConnected) from.focus();
    };
  }, []);

  const quotes = sources.filter((one) => one.document_id === place.documentId).map((one) => one.quote);
  return (
    <section
      className="viewer"
      ref={pane}
      tabIndex={-1}
      aria-label={document ? `Document ${document.name}` : "Document"}
      onKeyDown={(event) => event.key === "Escape" && go(null)}
    >
      <header>
        <div className="title">
          <h2 title={document?.name}>{document?.name ?? "…"}</h2>
          {document && <p className="state folder">{[document.collection, folderOf(document.path)].filter(Boolean).join(" · ")}</p>}
        </div>
        <button type="button" className="quiet icon" aria-label="Close the document" onClick={() => go(null)}>
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path d="M4 4l8 8M12 4l-8 8" />
          </svg>
        </button>
      </header>
      {error && <Notice error={error} />}
      {document?.file_error && document.state !== "failed" && <Notice error={document.file_error} tone="calm" />}
      {document && <Body document={document} place={place} quotes={quotes} go={go} />}
    </section>
  );
}

interface BodyProps {
  document: OpenDocument;
  place: Place;
  quotes: readonly string[];
  go: (place: Place) => void;
}

function Body({ document, place, quotes, go }: BodyProps) {
  if (document.state === "failed") {
    return (
      <Notice
        error={{
          what: "This document could not be read",
          cause: document.reason ?? "",
          remedy: document.file ? "Its file is still here" : "",
        }}
      >
        {document.file && (
          <a href={fileAddress(document.id)} target="_blank" rel="noreferrer">
            Open the file
          </a>
        )}
      </Notice>
    );
  }
  if (document.pages) {
    const page = Math.min(place.page ?? 1, document.pages);
    const turn = (to: number): void => go({ documentId: document.id, page: to });
    return <Pages document={document} page={page} pages={document.pages} quotes={quotes} turn={turn} />;
  }
  return <TextLines key={document.id} document={document} lines={place.lines} />;
}
