import { useState } from "react";
import type { DocumentView, JobView } from "../server/api";
import { ChooseFiles } from "./ChooseFiles";
import { isWorking, jobName, jobProgress, jobsByDocument, plural } from "./describe";
import { DocumentRow } from "./DocumentRow";
import { UploadRow } from "./UploadRow";
import type { Upload } from "./useUploads";

interface Props {
  documents: readonly DocumentView[];
  jobs: readonly JobView[];
  uploads: readonly Upload[];
  openId: string | undefined;
  add: (files: readonly File[]) => void;
  dismiss: (key: number) => void;
  changed: () => void;
}

/** A course folder can hold thousands of files; more rows than this help nobody. */
const ROWS = 100;
const FILTER_FROM = 12;

/** All documents, those that are on their way first. */
export function DocumentPanel({ documents, jobs, uploads, openId, add, dismiss, changed }: Props) {
  const [filter, setFilter] = useState("");
  const byDocument = jobsByDocument(jobs);
  const wanted = documents
    .filter((one) => one.name.toLowerCase().includes(filter.toLowerCase()))
    .sort((a, b) => Number(isWorking(b)) - Number(isWorking(a)));
  const working = documents.filter(isWorking).length;
  const sending = uploads.filter((one) => !hasArrived(one, documents));

  return (
    <section className="documents" aria-labelledby="documents-title">
      <header>
        <h2 id="documents-title">Documents</h2>
        <ChooseFiles add={add} className="small">
          Add files
        </ChooseFiles>
      </header>
      <p className="hidden" role="status">
        {working ? `${plural(working, "document")} being read` : documents.length ? "All documents are read" : ""}
      </p>
      {documents.length > FILTER_FROM && (
        <input
          type="search"
          placeholder="Filter by name"
          aria-label="Filter documents by name"
          value={filter}
          onChange={(event) => setFilter(event.target.value)}
        />
      )}
      {jobs.filter((job) => isWorking(job) && !job.document_id).map((job) => <FolderJob key={job.id} job={job} />)}
      {documents.length + sending.length === 0 ? (
        <p className="hint">Nothing here yet. Drop files anywhere on this page.</p>
      ) : (
        <ul>
          {sending.map((one) => (
            <UploadRow key={one.key} upload={one} dismiss={dismiss} />
          ))}
          {wanted.slice(0, ROWS).map((one) => (
            <DocumentRow
              key={one.id}
              document={one}
              job={byDocument.get(one.id)}
              open={one.id === openId}
              removed={changed}
            />
          ))}
        </ul>
      )}
      {wanted.length > ROWS && <p className="hint">and {plural(wanted.length - ROWS, "more document")}</p>}
    </section>
  );
}

/** The server answers an upload only when it has read the file; its row is there long before. */
function hasArrived(upload: Upload, documents: readonly DocumentView[]): boolean {
  return !upload.error && upload.sent === upload.total && documents.some((one) => one.name === upload.name);
}

/** Work that belongs to no single document: a folder, or a model on its way. */
function FolderJob({ job }: { job: JobView }) {
  const { text, share } = jobProgress(job);
  return (
    <div className="job" role="status">
      <p className="state">{text}</p>
      <progress aria-label={jobName(job)} {...(share === null ? {} : { value: share })} />
    </div>
  );
}
