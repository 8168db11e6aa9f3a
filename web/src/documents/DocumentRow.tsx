import { useEffect, useRef, useState } from "react";
import { type DocumentView, type JobView, removeDocument, asWireError } from "../server/api";
import type { Error as WireError } from "../messages.gen";
import { formatRoute } from "../route";
import { extension, isWorking, progressOf, visible } from "./describe";

interface Props {
  document: DocumentView;
  job: JobView | undefined;
  open: boolean;
  removed: () => void;
}

/** One document: its name, how far it is, and a way to remove it. */
export function DocumentRow({ document, job, open, removed }: Props) {
  const [asking, setAsking] = useState(false);
  const [error, setError] = useState<WireError | null>(null);
  const progress = progressOf(document, job);

  const remove = async (): Promise<void> => {
    try {
      await removeDocument(document.id);
      removed();
    } catch (failure) {
      setError(asWireError(failure));
      setAsking(false);
    }
  };

  return (
    <li className={`document ${document.state}`} data-document={document.id}>
      <span className="badge-file" aria-hidden="true">
        {extension(document.name) || "·"}
      </span>
      <div className="about">
        <a
          href={formatRoute({ documentId: document.id })}
          title={visible(document.path || document.name)}
          aria-current={open ? "true" : undefined}
        >
          {document.name}
        </a>
        <p className="state">
          {document.state === "failed" && <strong>Not added. </strong>}
          {progress.text}
        </p>
        {isWorking(document) && <progress aria-label={document.name} {...(progress.share === null ? {} : { value: progress.share })} />}
        {error && (
          <p className="state failed" role="alert">
            {error.what}. {error.remedy}
          </p>
        )}
        {asking && <Confirm name={document.name} yes={remove} no={() => setAsking(false)} />}
      </div>
      {!asking && (
        <button type="button" className="quiet icon" aria-label={`Remove ${document.name}`} onClick={() => setAsking(true)}>
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path d="M4 4l8 8M12 4l-8 8" />
          </svg>
        </button>
      )}
    </li>
  );
}

function Confirm({ name, yes, no }: { name: string; yes: () => void; no: () => void }) {
  const keep = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    keep.current?.focus();
  }, []);
  return (
    <div
      className="confirm"
      role="group"
      aria-label={`Remove ${name}?`}
      onKeyDown={(event) => event.key === "Escape" && no()}
    >
      <span>Remove it for good?</span>
      <button type="button" className="danger" onClick={yes}>
        Remove
      </button>
      <button type="button" ref={keep} onClick={no}>
        Keep
      </button>
    </div>
  );
}
