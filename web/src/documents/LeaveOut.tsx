import { useEffect, useRef, useState } from "react";
import type { Error as WireError } from "../messages.gen";
import { asWireError, getDocument } from "../server/api";

interface Props {
  id: string;
  name: string;
  collection: string;
  close: () => void;
}

/** A folder's file would come back at the next look at the folder; this says what keeps it away. */
export function LeaveOut({ id, name, collection, close }: Props) {
  const [line, setLine] = useState<string | null>(null);
  const [error, setError] = useState<WireError | null>(null);
  const done = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    done.current?.focus();
    getDocument(id).then(
      (found) => setLine(found.leave_out),
      (failure: unknown) => setError(asWireError(failure)),
    );
  }, [id]);
  return (
    <div
      className="confirm"
      role="group"
      aria-label={`How to leave out ${name}`}
      onKeyDown={(event) => event.key === "Escape" && close()}
    >
      <p>
        Petra reads what is in the folder {collection}: removed here, the file would come back. To leave it out, write
        this line into a file <code>.petraignore</code> in that folder:
      </p>
      {line !== null && <pre>{line}</pre>}
      {error && (
        <p className="state failed" role="alert">
          {error.what}. {error.remedy}
        </p>
      )}
      <button type="button" ref={done} onClick={close}>
        Close
      </button>
    </div>
  );
}
