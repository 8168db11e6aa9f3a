/** The HTTP half of the server, as this page uses it. Every failure is thrown as a `Failure`. */
import type { Error as WireError, FinishReason, PlaceUnit, Source, Usage } from "../messages.gen";

export type DocumentState = "queued" | "extracting" | "embedding" | "ready" | "failed";
export type JobState = DocumentState | "downloading" | "verifying" | "cancelled";

export interface CollectionView {
  id: string;
  name: string;
  /** Whether it mirrors a folder of the machine; else it holds uploads. */
  folder: boolean;
}

export interface DocumentView {
  id: string;
  name: string;
  path: string;
  collection: string;
  state: DocumentState;
  reason?: string | null;
  pages?: number | null;
  /** What its pages are called, when they are not pages. */
  unit?: PlaceUnit | null;
  size: number;
  media_type: string;
}

/** One document that is looked at: whether this browser may have its bytes, and if not, why. */
export interface OpenDocument extends DocumentView {
  file: boolean;
  file_error: WireError | null;
  /** The line of `.petraignore` that leaves out a file of a folder; null for an upload. */
  leave_out: string | null;
}

export interface JobView {
  id: number;
  kind: string;
  state: JobState;
  done: number;
  total?: number | null;
  unit?: string;
  eta_s?: number | null;
  reason?: string | null;
  /** What a job waits for before it goes on by itself. */
  waits_for?: string | null;
  collection_id?: string | null;
  document_id?: string | null;
  /** The model that a job of kind `pull` fetches. */
  model?: string | null;
}

export interface UploadView {
  document_id: string;
  name: string;
  state: DocumentState;
  reason?: string | null;
}

export interface TextView {
  text: string;
}

export interface ConversationView {
  id: string;
  title?: string | null;
  created_at: number;
}

export interface MessageView {
  id: string;
  role: "user" | "assistant" | "system";
  content: string;
  state: "streaming" | "complete" | "interrupted" | "failed" | "cancelled";
  sources?: Source[];
  usage?: Usage | null;
  error?: WireError | null;
  finish_reason?: FinishReason | null;
}

export interface WorkerView {
  state: "stopped" | "starting" | "ready" | "restarting" | "circuit_open" | "missing_model" | "external";
  model: string;
  last_exit?: string;
  remedy?: string;
}

export interface StatusView {
  model: string;
  workers: Record<string, WorkerView>;
}

/** What went wrong, ready to be shown. `status` is the HTTP status, 0 when no answer came at all. */
export class Failure extends Error {
  readonly wire: WireError;
  readonly status: number;

  constructor(wire: WireError, status: number) {
    super(wire.what);
    this.wire = wire;
    this.status = status;
  }
}

export const noServer: WireError = {
  code: "no_server",
  what: "Petra is not answering",
  cause: "The server on this machine has stopped, or is still starting",
  remedy: "Start it with `petra serve`; this page connects by itself",
  retryable: true,
};

/** Any thrown value as an error to show. */
export function asWireError(thrown: unknown): WireError {
  if (thrown instanceof Failure) return thrown.wire;
  return {
    code: "page",
    what: "Something went wrong in this page",
    cause: String(thrown),
    remedy: "Reload the page",
    retryable: true,
  };
}

/** The error in a response's body, or one made from its status when the body holds none. */
export function failureFrom(status: number, body: string): Failure {
  try {
    const error = (JSON.parse(body) as { error?: WireError }).error;
    if (error?.what) return new Failure(error, status);
  } catch {
    // Not JSON: a proxy's own page, say.
  }
  const what = `The server answered with status ${status}`;
  return new Failure({ code: "http", what, cause: "", remedy: "Try again", retryable: status >= 500 }, status);
}

async function request<T>(path: string, init?: RequestInit): Promise<T> {
  let response: Response;
  let body: string;
  try {
    response = await fetch(path, init);
    body = await response.text();
  } catch (error) {
    if (init?.signal?.aborted) throw error;
    throw new Failure(noServer, 0);
  }
  if (!response.ok) throw failureFrom(response.status, body);
  return (body ? JSON.parse(body) : null) as T;
}

/** Bytes of text that are shown from the file itself; of a larger one only the lines around the place. */
const LARGEST_WHOLE = 2_000_000;

const at = (path: string, id: string): string => `/api/v1/${path}/${encodeURIComponent(id)}`;

/** A list, whether it comes bare or under its name. */
async function list<T>(name: string): Promise<T[]> {
  const answer = await request<T[] | Record<string, T[]>>(`/api/v1/${name}`);
  return Array.isArray(answer) ? answer : (answer[name] ?? []);
}

export const listCollections = (): Promise<CollectionView[]> => list("collections");
export const forgetCollection = (id: string): Promise<void> => request(at("collections", id), { method: "DELETE" });
export const listDocuments = (): Promise<DocumentView[]> => list("documents");
export const listJobs = (): Promise<JobView[]> => list("jobs");
export const listConversations = (): Promise<ConversationView[]> => list("conversations");

export const getStatus = (): Promise<StatusView> => request("/api/v1/status");

export const getDocument = (id: string): Promise<OpenDocument> => request(at("documents", id));
export const removeDocument = (id: string): Promise<void> => request(at("documents", id), { method: "DELETE" });
export const getLines = (id: string, from: number, to: number): Promise<TextView> =>
  request(`${at("documents", id)}/text?from=${from}&to=${to}`);
/** The lines of a text file as it is on the disk, or null when they cannot be had exactly. */
export async function getAllLines(document: OpenDocument): Promise<string[] | null> {
  if (!document.file || document.size > LARGEST_WHOLE) return null;
  const response = await fetch(fileAddress(document.id));
  if (!response.ok) return null;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await response.arrayBuffer());
    return text.replace(/(?:\r\n|\r|\n)$/, "").split(/\r\n|\r|\n/);
  } catch {
    return null;
  }
}
export const getPageText = (id: string, page: number): Promise<TextView> =>
  request(`${at("documents", id)}/text?page=${page}`);
export const pageImage = (id: string, page: number, width: number): string =>
  `${at("documents", id)}/pages/${page}.png?width=${width}`;
export const fileAddress = (id: string, page?: number): string =>
  `${at("documents", id)}/file${page ? `#page=${page}` : ""}`;

export async function getMessages(conversation: string): Promise<MessageView[]> {
  const answer = await request<MessageView[] | { messages: MessageView[] }>(at("conversations", conversation));
  return Array.isArray(answer) ? answer : answer.messages;
}

/** Called as the bytes of a file go out; the last time with `sent` and `total` equal. */
export type SendProgress = (sent: number, total: number) => void;

/**
 * Send one file; done when the server has read it, or has it in its queue. XMLHttpRequest, because
 * `fetch` cannot tell how much has been sent.
 */
export function upload(file: File, progress: SendProgress): Promise<UploadView> {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    const form = new FormData();
    form.append("file", file);
    call.upload.onprogress = (event) => progress(Math.min(event.loaded, event.total - 1), event.total);
    call.upload.onload = (event) => progress(event.total, event.total);
    call.onload = () => {
      if (call.status >= 400) reject(failureFrom(call.status, call.responseText));
      else resolve(JSON.parse(call.responseText) as UploadView);
    };
    call.onerror = () => reject(new Failure(noServer, 0));
    call.open("POST", "/upload");
    call.send(form);
  });
}
