import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const css = readFileSync(new URL("./base.css", import.meta.url), "utf8");
const [light, dark] = [...css.matchAll(/:root \{([^}]*)\}/g)].map((block) =>
  Object.fromEntries([...(block[1] ?? "").matchAll(/--([a-z-]+): (#[0-9a-f]{3,6});/g)].map((pair) => [pair[1], pair[2]])),
);

/** Relative luminance as WCAG 2.2 defines it. */
function luminance(colour: string): number {
  const hex = colour.length === 4 ? colour.replace(/[0-9a-f]/g, "$&$&") : colour;
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

const contrast = (one: string, other: string): number => {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
};

const TEXT = [
  ["ink", "ground"],
  ["ink", "surface"],
  ["ink", "soft"],
  ["ink", "bad-soft"],
  ["ink", "mark"],
  ["muted", "ground"],
  ["muted", "surface"],
  ["muted", "soft"],
  ["accent", "ground"],
  ["accent", "surface"],
  ["accent-strong", "soft"],
  ["on-accent", "accent"],
  ["on-accent", "accent-strong"],
  ["good", "good-soft"],
  ["bad", "ground"],
  ["bad", "surface"],
  ["surface", "bad"],
] as const;

describe.each([
  ["light", light],
  ["dark", dark],
])("%s colours reach WCAG AA", (_, colours) => {
  test.each(TEXT)("%s on %s", (text, ground) => {
    expect(contrast(colours?.[text] ?? "", colours?.[ground] ?? "")).toBeGreaterThanOrEqual(4.5);
  });

  test("the edge of a box stands out", () => {
    expect(contrast(colours?.edge ?? "", colours?.ground ?? "")).toBeGreaterThanOrEqual(3);
  });
});
