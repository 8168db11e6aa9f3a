import { expect, test } from "vitest";
import type { Part, Source } from "../messages.gen";
import { current, emptyThread, reduce, type Thread, turnsFrom } from "./turns";

const source = (n: number, kind: Source["kind"]): Source => ({
  n,
  kind,
  document_id: "d",
  document: "notes.md",
  quote: "q",
  score: 0.5,
  lines: [3, 9],
});

function after(...parts: Part[]): Thread {
  const asked = reduce(emptyThread, { type: "asked", ref: "r", question: "Why?" });
  return parts.reduce((thread, part) => reduce(thread, { type: "part", ref: "r", id: "m1", part }), asked);
}

test("an answer grows from its parts", () => {
  const thread = after(
    { kind: "status", stage: "queued", message: "", position: 1 },
    { kind: "source", source: source(2, "retrieved") },
    { kind: "source", source: source(1, "retrieved") },
    { kind: "text", text: "Be" },
    { kind: "text", text: "cause." },
    { kind: "source", source: source(2, "cited") },
    { kind: "done", conversation_id: "c", message_id: "m1", finish_reason: "stop" },
  );
  expect(thread.conversationId).toBe("c");
  expect(current(thread)).toBeUndefined();
  const turn = thread.turns[0];
  expect(turn?.text).toBe("Because.");
  expect(turn?.sources.map((one) => [one.n, one.kind])).toEqual([
    [1, "retrieved"],
    [2, "cited"],
  ]);
});

test("an error keeps the text that came before it", () => {
  const error = { code: "model_unavailable", what: "It stopped", cause: "", remedy: "", retryable: true };
  const thread = after(
    { kind: "text", text: "Half" },
    { kind: "error", error },
    { kind: "done", conversation_id: "c", message_id: "m1", finish_reason: "interrupted" },
  );
  expect(thread.turns[0]).toMatchObject({ text: "Half", error, finish: "interrupted" });
});

test("a part of a kind that a newer server made up changes nothing", () => {
  const part = { kind: "confetti" } as unknown as Part;
  expect(after(part).turns[0]?.text).toBe("");
});

test("a part of another conversation is left out", () => {
  const thread = after({ kind: "text", text: "x" });
  expect(reduce(thread, { type: "part", ref: "other", id: "m", part: { kind: "text", text: "y" } })).toBe(thread);
});

test("a question keeps where it was to look, for asking again", () => {
  const asked = reduce(emptyThread, { type: "asked", ref: "a", question: "Why?", collections: ["physics"] });
  expect(asked.turns[0]?.collections).toEqual(["physics"]);
});

test("asking again takes the place of an answer without text", () => {
  const asked = reduce(emptyThread, { type: "asked", ref: "a", question: "Why?" });
  const again = reduce(asked, { type: "asked", ref: "b", question: "Why?", instead: "a" });
  expect(again.turns.map((turn) => turn.ref)).toEqual(["b"]);
});

test("an answer that went wrong is read again with its reason and its cost", () => {
  const error = { code: "model_unavailable", what: "It stopped", cause: "", remedy: "", retryable: true };
  const usage = { model: "m", prompt_tokens: 9, completion_tokens: 1, total_ms: 20 };
  const [turn] = turnsFrom([
    { id: "2", role: "assistant", content: "Ha", state: "interrupted", error, usage, finish_reason: "interrupted" },
  ]);
  expect(turn).toMatchObject({ text: "Ha", error, usage, finish: "interrupted" });
});

test("what a complete answer ended with is told again", () => {
  const [turn] = turnsFrom([
    { id: "2", role: "assistant", content: "So", state: "complete", error: null, finish_reason: "length" },
  ]);
  expect(turn?.finish).toBe("length");
});

test("stored messages become turns, and one that still streams waits for its parts", () => {
  const turns = turnsFrom([
    { id: "1", role: "user", content: "Why?", state: "complete" },
    { id: "2", role: "assistant", content: "So.", state: "complete", sources: [source(1, "cited")] },
    { id: "3", role: "user", content: "And?", state: "complete" },
    { id: "4", role: "assistant", content: "half", state: "streaming" },
  ]);
  expect(turns.map(({ question, text, finish }) => ({ question, text, finish }))).toEqual([
    { question: "Why?", text: "So.", finish: "stop" },
    { question: "And?", text: "", finish: undefined },
  ]);
});
