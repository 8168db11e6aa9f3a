import { expect, test } from "vitest";
import type { DocumentView } from "../server/api";
import { progressOf, visible } from "./describe";

test("what would make a path read as another is made visible, and nothing else", () => {
  expect(visible("src/invoice\u202efdp.exe\n")).toBe("src/invoice\uFFFDfdp.exe\uFFFD");
  expect(visible("notes/déjà vu 漢字.md")).toBe("notes/déjà vu 漢字.md");
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
