import { useState } from "react";
import type { CollectionView, DocumentView, JobView } from "../server/api";
import { ChooseFiles } from "./ChooseFiles";
import { inOrder, isWorking, jobName, jobProgress, jobsByDocument, nameOf, plural } from "./describe";
import { DocumentRow } from "./DocumentRow";
import { Group } from "./Group";
import { UploadRow } from "./UploadRow";
import type { Upload } from "./useUploads";

interface Props {
  collections: readonly CollectionView[];
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

/** All documents by collection; in each those that are on their way or could not be read first. */
export function DocumentPanel({ collections, documents, jobs, uploads, openId, add, dismiss, changed }: Props) {
  const [filter, setFilter] = useState("");
  const byDocument = jobsByDocument(jobs);
  const wanted = filter.toLowerCase();
  const working = documents.filter(isWorking).length;
  const sending = uploads.filter((one) => !hasArrived(one, documents));
  const groups = collections
    .map((collection) => ({ collection, all: documents.filter((one) => one.collection === collection.name) }))
    .filter(({ collection, all }) => collection.folder || all.length > 0);

  const homes = new Map(collections.map((one) => [one.id as JobView["collection_id"], one.name]));

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
          placeholder="Filter by name or folder"
          aria-label="Filter documents by name or folder"
          value={filter}
          onChange={(event) => setFilter(event.target.value)}
        />
      )}
      {jobs
        .filter((job) => isWorking(job) && !job.document_id)
        .map((job) => (
          <FolderJob key={job.id} job={job} home={groups.length > 1 ? homes.get(job.collection_id) : undefined} />
        ))}
      {groups.length + sending.length === 0 && <p className="hint">Nothing here yet. Drop files anywhere on this page.</p>}
      {sending.length > 0 && (
        <ul>
          {sending.map((one) => (
            <UploadRow key={one.key} upload={one} dismiss={dismiss} />
          ))}
        </ul>
      )}
      {groups.map(({ collection, all }) => {
        const listed = inOrder(all.filter((one) => one.path.toLowerCase().includes(wanted)));
        return (
          <Group
            key={`${collection.id} ${wanted !== ""}`}
            collection={collection}
            count={all.length}
            listed={listed.length}
            failed={all.filter((one) => one.state === "failed").length}
            unfolded={wanted !== "" || all.length <= FILTER_FROM || all.some(isWorking)}
            removed={changed}
          >
            <ul>
              {listed.slice(0, ROWS).map((one) => (
                <DocumentRow
                  key={one.id}
                  document={one}
                  job={byDocument.get(one.id)}
                  inFolder={collection.folder}
                  open={one.id === openId}
                  removed={changed}
                />
              ))}
            </ul>
            {listed.length > ROWS && <p className="hint">and {plural(listed.length - ROWS, "more document")}</p>}
          </Group>
        );
      })}
    </section>
  );
}

/** The server answers an upload only when it has read the file; its row is there long before. */
function hasArrived(upload: Upload, documents: readonly DocumentView[]): boolean {
  return !upload.error && upload.sent === upload.total && documents.some((one) => one.name === nameOf(upload.name));
}

/** Work that belongs to no single document: a folder, or a model on its way. */
function FolderJob({ job, home }: { job: JobView; home: string | undefined }) {
  const { text, share } = jobProgress(job, home);
  return (
    <div className="job" role="status">
      <p className="state">{text}</p>
      <progress aria-label={jobName(job, home)} {...(share === null ? {} : { value: share })} />
    </div>
  );
}
