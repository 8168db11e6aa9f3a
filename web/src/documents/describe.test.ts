import { expect, test } from "vitest";
import type { DocumentView, JobView } from "../server/api";
import { folderOf, inOrder, jobProgress, nameOf, progressOf, visible } from "./describe";

test("what would make a path read as another is made visible, and nothing else", () => {
  expect(visible("src/invoice\u202efdp.exe\n")).toBe("src/invoice\uFFFDfdp.exe\uFFFD");
  expect(visible("notes/déjà vu 漢字.md")).toBe("notes/déjà vu 漢字.md");
});

test("learning what passages mean is told in per cent, and what it waits for in words", () => {
  const job: JobView = { id: 1, kind: "embed", state: "embedding", done: 250, total: 1000, unit: "bytes", eta_s: 40 };
  expect(jobProgress(job).text).toBe("Learning what passages mean 25 %, about 40 s");
  expect(jobProgress({ ...job, waits_for: "The model is away." }).text).toBe(
    "Learning what passages mean: waiting. The model is away.",
  );
});

test("building an index has its name", () => {
  const job: JobView = { id: 1, kind: "reindex", state: "extracting", done: 2, total: 9, unit: "chunks", eta_s: null };
  expect(jobProgress(job).text).toBe("Building the index: 2 of 9 chunks");
});

test("a deck that is ready says how many slides it has, a PDF how many pages", () => {
  const ready: DocumentView = {
    id: "d",
    name: "week 5.pptx",
    path: "week 5.pptx",
    collection: "Uploads",
    state: "ready",
    size: 1,
    media_type: "",
    pages: 7,
  };
  expect(progressOf({ ...ready, unit: "slide" }, undefined).text).toBe("7 slides");
  expect(progressOf({ ...ready, pages: 1 }, undefined).text).toBe("1 page");
});

test("what could not be read stands before a thousand files that could", () => {
  const of = (path: string, state: DocumentView["state"]): DocumentView => ({
    id: path,
    name: path,
    path,
    collection: "course",
    state,
    size: 1,
    media_type: "",
  });
  const found = inOrder([of("b.md", "ready"), of("z.pdf", "failed"), of("a.md", "ready"), of("y.md", "queued")]);
  expect(found.map((one) => one.path)).toEqual(["y.md", "z.pdf", "a.md", "b.md"]);
});

test("a file's folder is told, and none where it has none", () => {
  expect(folderOf("docs/api/README.md")).toBe("docs/api/");
  expect(folderOf("README.md")).toBe("");
});

test("a file is known again by the name that the server gives it", () => {
  expect(nameOf("U\u0308bung 👩\u200d🚀.pdf")).toBe("\u00dcbung 👩🚀.pdf");
  expect(nameOf(" plain.txt")).toBe("plain.txt");
});
