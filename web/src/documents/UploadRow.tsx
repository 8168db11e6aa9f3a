import { extension, size } from "./describe";
import type { Upload } from "./useUploads";

/** A file that is being sent, or that the server refused. */
export function UploadRow({ upload, dismiss }: { upload: Upload; dismiss: (key: number) => void }) {
  const { error, sent, total } = upload;
  return (
    <li className={`document ${error ? "failed" : "sending"}`}>
      <span className="badge-file" aria-hidden="true">
        {extension(upload.name) || "·"}
      </span>
      <div className="about">
        <span className="name" title={upload.name}>
          {upload.name}
        </span>
        {error ? (
          <p className="state" role="alert">
            <strong>{error.what}. </strong>
            {[error.cause, error.remedy].filter(Boolean).join(". ")}
          </p>
        ) : (
          <>
            <p className="state">{stateOf(upload)}</p>
            <progress {...(total ? { value: sent / total } : {})} aria-label={`Sending ${upload.name}`} />
          </>
        )}
      </div>
      {error && (
        <button type="button" className="quiet icon" aria-label={`Dismiss ${upload.name}`} onClick={() => dismiss(upload.key)}>
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path d="M4 4l8 8M12 4l-8 8" />
          </svg>
        </button>
      )}
    </li>
  );
}

function stateOf({ sent, total }: Upload): string {
  if (sent === 0) return "Waiting to be sent";
  return sent < total ? `Sending ${size(sent)} of ${size(total)}` : "Opening";
}
