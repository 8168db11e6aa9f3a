import { expect, test } from "vitest";
import { visible } from "./describe";

test("what would make a path read as another is made visible, and nothing else", () => {
  expect(visible("src/invoice\u202efdp.exe\n")).toBe("src/invoice\uFFFDfdp.exe\uFFFD");
  expect(visible("notes/déjà vu 漢字.md")).toBe("notes/déjà vu 漢字.md");
});
