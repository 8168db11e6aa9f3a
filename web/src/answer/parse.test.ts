import { expect, test } from "vitest";
import { parseBlocks, parseInline } from "./parse";

test("blank lines separate paragraphs, single line ends do not", () => {
  expect(parseBlocks("one\nstill one\n\ntwo")).toEqual([
    { kind: "paragraph", text: "one\nstill one" },
    { kind: "paragraph", text: "two" },
  ]);
});

test("a list keeps its kind, its first number and its wrapped lines", () => {
  expect(parseBlocks("Steps:\n3. first\n   wrapped\n\n4. second\n- other")).toEqual([
    { kind: "paragraph", text: "Steps:" },
    { kind: "list", ordered: true, start: 3, items: ["first wrapped", "second"] },
    { kind: "list", ordered: false, start: 1, items: ["other"] },
  ]);
});

test("a fence holds anything, and one that is still open runs to the end", () => {
  expect(parseBlocks("```py\n# not a heading\n- not a list\n```\nafter")).toEqual([
    { kind: "code", text: "# not a heading\n- not a list" },
    { kind: "paragraph", text: "after" },
  ]);
  expect(parseBlocks("before\n```\nx = [1]")).toEqual([
    { kind: "paragraph", text: "before" },
    { kind: "code", text: "x = [1]" },
  ]);
});

test("inline marks are found, and stars of a sum are not emphasis", () => {
  expect(parseInline("**bold** `a*b` *soft* 2 * 3 * 4")).toEqual([
    { kind: "strong", text: "bold" },
    { kind: "text", text: " " },
    { kind: "code", text: "a*b" },
    { kind: "text", text: " " },
    { kind: "emphasis", text: "soft" },
    { kind: "text", text: " 2 * 3 * 4" },
  ]);
});

test("citations are numbers in brackets, several in one bracket too", () => {
  expect(parseInline("so [1, 12]. a[i] [x]")).toEqual([
    { kind: "text", text: "so " },
    { kind: "cite", n: 1 },
    { kind: "cite", n: 12 },
    { kind: "text", text: ". a[i] [x]" },
  ]);
});

test("no answer takes long to read, however it is built", () => {
  const start = performance.now();
  for (const piece of ["*", "`", "[1", "**a", "- ", "#", "\n```", " *a"]) {
    for (const block of parseBlocks(piece.repeat(20_000))) {
      if (block.kind === "paragraph" || block.kind === "heading") parseInline(block.text);
    }
  }
  expect(performance.now() - start).toBeLessThan(2000);
});
