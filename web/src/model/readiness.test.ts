import { expect, test } from "vitest";
import type { JobView, StatusView } from "../server/api";
import { readiness } from "./readiness";

const CHAT = "SmolLM2-135M-Instruct";
const EMBED = "all-MiniLM-L6-v2";

const missing = (...models: string[]): StatusView => ({
  model: CHAT,
  workers: Object.fromEntries(models.map((model) => [model, { state: "missing_model", model } as const])),
});

const pull = (change: Partial<JobView>): JobView => ({
  id: 1,
  kind: "pull",
  state: "downloading",
  model: CHAT,
  done: 40,
  total: 100,
  unit: "bytes",
  ...change,
});

test("a model on its way is named, with how far it is", () => {
  const { notice, tone, ready } = readiness(missing(CHAT), [pull({})]);
  expect([notice?.what, tone, ready]).toEqual([`Downloading ${CHAT} 40 %`, "calm", false]);
});

test("of two models both are told, in the order in which they come", () => {
  const jobs = [pull({ id: 2, model: EMBED, state: "queued" }), pull({})];
  expect(readiness(missing(EMBED, CHAT), jobs).notice?.what).toBe(
    `Downloading ${CHAT} 40 %; Downloading ${EMBED}: waiting`,
  );
});

test("what does not work without a model depends on which it is", () => {
  const without = (name: string): string | undefined =>
    readiness({ model: CHAT, workers: { [name]: { state: "missing_model", model: EMBED } } }, []).notice?.cause;
  expect(without("chat")).toContain("cannot answer");
  expect(without("embed")).toContain("by their words");
});

test("a model that nobody fetches is trouble, with the reason why it could not be fetched", () => {
  const failed = pull({ state: "failed", reason: "No source has it." });
  const { notice, tone } = readiness(missing(CHAT), [failed, pull({ id: 2, model: "another" })]);
  expect([notice?.what, notice?.cause, tone]).toEqual([`A model is missing: ${CHAT}`, "No source has it.", "error"]);
  expect(notice?.remedy).toContain(`petra models pull ${CHAT}`);
});
