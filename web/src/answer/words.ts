/** Sources and the state of an answer in words. Pure. */
import { folderOf } from "../documents/describe";
import type { FinishReason, Source, SourceKind, Span, Status, Usage } from "../messages.gen";

export const KINDS: Record<SourceKind, { label: string; meaning: string }> = {
  cited: {
    label: "Cited",
    meaning: "The answer names this passage, and Petra checked that they agree.",
  },
  supported: {
    label: "Supports",
    meaning: "The answer does not name this passage, but Petra found that they agree.",
  },
  retrieved: {
    label: "Retrieved",
    meaning: "The model was given this passage; nothing in the answer was matched to it.",
  },
};

/** A title that says where a source is: "week 1/lecture.pdf, page 12". */
export const whereIs = (source: Source): string =>
  [folderOf(source.path ?? "") + source.document, range(source)].filter(Boolean).join(", ");

/** "page 12", "slides 12–13", "line 3" or nothing. */
export function range(source: Source): string {
  if (source.pages) return spanned(source.unit ?? "page", source.pages);
  if (source.lines) return spanned("line", source.lines);
  return "";
}

const spanned = (unit: string, [first, last]: Span): string =>
  first === last ? `${unit} ${first}` : `${unit}s ${first}–${last}`;

/** What the answer waits for, in the server's words. */
export const stageText = (status: Status | undefined): string => status?.message || "Sending";

/** What to say under an answer that did not end by itself. */
export const ENDINGS: Partial<Record<FinishReason, string>> = {
  length: "The answer was longer than allowed, and ends here.",
  cancelled: "You stopped this answer.",
  // Every other cut comes with an error that says what it was.
  interrupted: "This answer was cut off: Petra was stopped while it was writing.",
  error: "Something failed, and there is no answer.",
};

export function usageText(usage: Usage): string {
  const seconds = (usage.total_ms / 1000).toFixed(1);
  const tokens = `${usage.prompt_tokens} tokens read, ${usage.completion_tokens} written`;
  return [usage.model, `${seconds} s`, tokens].filter(Boolean).join(" · ");
}
