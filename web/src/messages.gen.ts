// Generated from server/petra/messages.py by web/generate_types.py. Do not edit.
// A field that is None on the server is left out on the wire.

export type Span = [number, number];

export type SourceKind = "cited" | "supported" | "retrieved";

export type PlaceUnit = "slide" | "sheet" | "cell" | "chapter" | "part";

export type Mode = "ask" | "qa" | "explain" | "fix" | "test" | "document" | "review";

export type Rating = "up" | "down";

export type Stage = "queued" | "retrieving" | "reading" | "writing";

export type FinishReason = "stop" | "length" | "cancelled" | "interrupted" | "nothing_found" | "error";

export type Part = Status | Text | SourcePart | UsagePart | ErrorPart | Done;

/** A passage of the prompt and what the check found out about it. */
export interface Source {
  n: number;
  kind: SourceKind;
  document_id: string;
  document: string;
  quote: string;
  score: number;
  pages?: Span;
  lines?: Span;
  unit?: PlaceUnit;
  header?: string;
  path?: string;
}

/** What the answer cost. Milliseconds are counted from the arrival of the question. */
export interface Usage {
  model: string;
  prompt_tokens: number;
  completion_tokens: number;
  ttft_ms?: number;
  total_ms: number;
}

/** A `petra.errors.PetraError` on the wire. */
export interface Error {
  code: string;
  what: string;
  cause: string;
  remedy: string;
  retryable: boolean;
}

/** How far the answer is: `message` says it for people, and every door shows that. */
export interface Status {
  kind: "status";
  stage: Stage;
  message: string;
  position?: number;
  estimate_s?: number;
}

/** A piece of the answer, to append. */
export interface Text {
  kind: "text";
  text: string;
}

/** A source, new or (with an `n` that was sent before) changed. */
export interface SourcePart {
  kind: "source";
  source: Source;
}

/** The cost, sent once, before `done`. */
export interface UsagePart {
  kind: "usage";
  usage: Usage;
}

/** What went wrong; the text that was sent before it stays valid. */
export interface ErrorPart {
  kind: "error";
  error: Error;
}

/** The last part of every answer, whatever became of it. */
export interface Done {
  kind: "done";
  conversation_id: string;
  message_id: string;
  finish_reason: FinishReason;
}

/** One part of the answer `id` (the id of its message). */
export interface StreamItem {
  id: string;
  seq: number;
  part: Part;
}

/** A question, from whichever door it came. */
export interface AskRequest {
  question: string;
  conversation_id?: string;
  collections?: string[];
  path?: string;
  mentions?: string[];
  selection?: string;
  document?: string;
  file_path?: string;
  lines?: Span;
  mode?: Mode;
  model?: string;
  top_k?: number;
  max_tokens?: number;
  temperature?: number;
}

/** A whole answer, for callers that do not stream. */
export interface Answer {
  id: string;
  conversation_id: string;
  answer: string;
  sources: Source[];
  usage?: Usage;
  finish_reason: FinishReason;
  error?: Error;
}
