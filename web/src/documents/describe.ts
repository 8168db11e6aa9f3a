/** Documents and their jobs in words. Pure. */
import type { DocumentView, JobView } from "../server/api";

const SETTLED = new Set(["ready", "failed", "cancelled"]);

export const isWorking = (item: { state: string }): boolean => !SETTLED.has(item.state);

export interface Progress {
  text: string;
  /** Share done, from 0 to 1; null when it is not known. */
  share: number | null;
}

/** How far a document is. */
export function progressOf(document: DocumentView, job: JobView | undefined): Progress {
  const share = job?.total ? Math.min(1, job.done / job.total) : null;
  const count = job?.total ? counted(job, job.total) : "";
  switch (document.state) {
    case "queued":
      return { text: "Waiting", share: null };
    case "extracting":
      return { text: `Reading${count}`, share };
    case "embedding":
      return { text: `Indexing${count}${remaining(job?.eta_s)}`, share };
    case "ready":
      return { text: document.pages ? plural(document.pages, document.unit ?? "page") : size(document.size), share: 1 };
    case "failed":
      return { text: document.reason || "It could not be read", share: null };
  }
}

/** How much of a document is done; bytes say nothing to anybody, so they become a percentage. */
function counted({ unit, done }: JobView, total: number): string {
  if (unit === "bytes") return done ? ` ${Math.floor((100 * done) / total)} %` : "";
  return ` ${unit ? `${unit} ` : ""}${done} of ${total}`;
}

/** What a job does: "Downloading SmolLM2-135M-Instruct". `home` is the name of its collection. */
export function jobName({ kind, state, model }: JobView, home?: string): string {
  switch (kind) {
    case "index":
      return home ? `Reading the folder ${home}` : "Reading a folder";
    case "ingest":
      return "Reading a file";
    case "embed":
      return home ? `Learning what passages of ${home} mean` : "Learning what passages mean";
    case "pull":
      return `${state === "verifying" ? "Checking" : "Downloading"} ${model ?? "a model"}`;
    case "reindex":
      return "Building the index";
    case "gc":
      return "Tidying up";
    default:
      return "Working";
  }
}

/** How far a job is; bytes say nothing to anybody, so they become a percentage. */
export function jobProgress(job: JobView, home?: string): Progress {
  const name = jobName(job, home);
  const share = job.total ? Math.min(1, job.done / job.total) : null;
  if (job.state === "queued") return { text: `${name}: waiting`, share };
  if (job.waits_for) return { text: `${name}: waiting. ${job.waits_for}`, share };
  if (share === null) return { text: name, share };
  if (job.unit === "bytes") {
    return { text: `${name} ${Math.floor(100 * share)} %${remaining(job.eta_s)}`, share };
  }
  return { text: `${name}: ${job.done} of ${job.total} ${job.unit ?? ""}${remaining(job.eta_s)}`, share };
}

/** The newest job of each document. */
export function jobsByDocument(jobs: readonly JobView[]): Map<string, JobView> {
  const newest = new Map<string, JobView>();
  for (const job of jobs) {
    const known = job.document_id ? newest.get(job.document_id) : undefined;
    if (job.document_id && (!known || known.id < job.id)) newest.set(job.document_id, job);
  }
  return newest;
}

export const plural = (n: number, noun: string): string => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

export function size(bytes: number): string {
  if (bytes < 1000) return plural(bytes, "byte");
  const units = ["kB", "MB", "GB", "TB"];
  const power = Math.min(units.length, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[power - 1]}`;
}

/** A path with its control and bidirectional characters made visible: they could make it read as another. */
export const visible = (path: string): string => path.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\uFFFD");

/** The name that the server gives a file of this name: composed, and without what cannot be seen. */
export const nameOf = (file: string): string => file.normalize("NFC").replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "").trim();

/** Documents in the order of the list: what is on its way, what could not be read, the rest by path. */
export const inOrder = (documents: readonly DocumentView[]): DocumentView[] =>
  [...documents].sort((a, b) => rank(a) - rank(b) || compareText(a.path, b.path));

const rank = (one: DocumentView): number => (isWorking(one) ? 0 : one.state === "failed" ? 1 : 2);
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The folder of a path, with a slash at its end and its control characters made visible; "" for none. */
export const folderOf = (path: string): string => visible(path.slice(0, path.lastIndexOf("/") + 1));

/** The short name of a file's kind, for its badge: its extension, or nothing. */
export const extension = (name: string): string => /\.([A-Za-z0-9]{1,5})$/.exec(name)?.[1]?.toLowerCase() ?? "";

function remaining(seconds: number | null | undefined): string {
  if (!seconds || seconds < 2) return "";
  return seconds < 90 ? `, about ${Math.round(seconds)} s` : `, about ${Math.round(seconds / 60)} min`;
}
