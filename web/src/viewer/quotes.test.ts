import { expect, test } from "vitest";
import { markQuotes } from "./quotes";

test("a quote is found across line ends", () => {
  expect(markQuotes("Before. FIFO can\nfault more. After.", ["FIFO can fault more."])).toEqual([
    { text: "Before. ", quoted: false },
    { text: "FIFO can\nfault more.", quoted: true },
    { text: " After.", quoted: false },
  ]);
});

test("a shortened quote is found without its dots, one that is not there is not", () => {
  expect(markQuotes("one (two) three", ["…(two)…", "four", " "])).toEqual([
    { text: "one ", quoted: false },
    { text: "(two)", quoted: true },
    { text: " three", quoted: false },
  ]);
});
