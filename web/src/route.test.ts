import { expect, test } from "vitest";
import { formatRoute, parseRoute } from "./route";

test.each([
  { documentId: "a1" },
  { documentId: "a1", page: 12 },
  { documentId: "a1", lines: [3, 9] as [number, number] },
  { documentId: 'odd/"?#id', page: 1 },
])("a place has an address that leads back to it: %o", (place) => {
  expect(parseRoute(formatRoute(place))).toEqual(place);
});

test.each(["", "#/", "#/documents/", "#/elsewhere", "#javascript:alert(1)"])("%s is the start", (hash) => {
  expect(parseRoute(hash)).toBeNull();
});

test("what makes no sense in an address is left out", () => {
  expect(parseRoute("#/documents/a?page=-3")).toEqual({ documentId: "a" });
  expect(parseRoute("#/documents/a?lines=9-3")).toEqual({ documentId: "a", lines: [9, 9] });
  expect(parseRoute("#/documents/%E0%A4%A")).toEqual({ documentId: "%E0%A4%A" });
});
