import { useState } from "react";
import { type DocumentView, type JobView, removeDocument, asWireError } from "../server/api";
import type { Error as WireError } from "../messages.gen";
import { formatRoute } from "../route";
import { Confirm } from "./Confirm";
import { extension, folderOf, isWorking, progressOf, visible } from "./describe";
import { LeaveOut } from "./LeaveOut";

interface Props {
  document: DocumentView;
  job: JobView | undefined;
  /** Whether it is a file of a folder, and no upload. */
  inFolder: boolean;
  open: boolean;
  removed: () => void;
}

/** One document: its name and folder, how far it is, and a way to remove it. */
export function DocumentRow({ document, job, inFolder, open, removed }: Props) {
  const [asking, setAsking] = useState(false);
  const [error, setError] = useState<WireError | null>(null);
  const progress = progressOf(document, job);
  const folder = folderOf(document.path);

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
        {folder && <p className="state folder">{folder}</p>}
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
        {asking && inFolder && (
          <LeaveOut
            id={document.id}
            name={document.name}
            collection={document.collection}
            close={() => setAsking(false)}
          />
        )}
        {asking && !inFolder && (
          <Confirm label={`Remove ${document.name}?`} action="Remove" yes={remove} no={() => setAsking(false)}>
            Remove it for good?
          </Confirm>
        )}
      </div>
      {!asking && (
        <button
          type="button"
          className="quiet icon"
          aria-label={inFolder ? `Leave out ${folder}${document.name}` : `Remove ${document.name}`}
          onClick={() => setAsking(true)}
        >
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path d="M4 4l8 8M12 4l-8 8" />
          </svg>
        </button>
      )}
    </li>
  );
}
