/** Whether the models can answer, in words. Pure. */
import type { JobView, StatusView, WorkerView } from "../server/api";
import type { Error as WireError } from "../messages.gen";
import { isWorking, jobProgress } from "../documents/describe";

export interface Readiness {
  ready: boolean;
  /** What to tell the reader; null when there is nothing to tell. */
  notice: Pick<WireError, "what" | "cause" | "remedy"> | null;
  tone: "error" | "calm";
}

const READY: Readiness = { ready: true, notice: null, tone: "calm" };
const WELL = new Set(["ready", "external", "stopped"]);

export function readiness(status: StatusView | null, jobs: readonly JobView[]): Readiness {
  const workers = Object.values(status?.workers ?? {});
  const missing = [...new Set(workers.filter((one) => one.state === "missing_model").map((one) => one.model))];
  const pulls = jobs.filter((job) => job.kind === "pull" && missing.includes(job.model ?? ""));
  const fetching = pulls.filter(isWorking);
  // One model that is not on its way is trouble, whatever the others do.
  if (fetching.length && missing.every((name) => fetching.some((job) => job.model === name))) {
    const how = fetching.sort((a, b) => a.id - b.id).map((job) => jobProgress(job).text);
    return calm(how.join("; "), "Petra fetches it once, then it answers from this machine");
  }
  const failed = pulls.filter((job) => job.state === "failed").sort((a, b) => b.id - a.id)[0];
  if (missing.length) {
    const commands = missing.map((name) => `\`petra models pull ${name}\``).join(" and ");
    const remedy = workers.find((one) => one.state === "missing_model")?.remedy;
    return trouble(
      `A model is missing: ${missing.join(", ")}`,
      failed?.reason ?? effect(status?.workers ?? {}),
      missing.length === 1 && remedy ? remedy : `In a terminal, type ${commands}`,
    );
  }
  const { chat, embed } = status?.workers ?? {};
  return judge(chat, "The model that answers") ?? judge(embed, "The model that searches") ?? READY;
}

/** What does not work while a model is missing. */
function effect({ chat, embed }: Partial<Record<string, WorkerView>>): string {
  if (chat?.state === "missing_model") return "Without it Petra cannot answer";
  if (embed?.state === "missing_model") return "Without it passages are found by their words, not by their meaning";
  return "";
}

function judge(worker: WorkerView | undefined, name: string): Readiness | null {
  if (!worker || WELL.has(worker.state)) return null;
  if (worker.state === "starting") return calm(`${name} is starting`, "You can already ask; the answer waits for it");
  if (worker.state === "restarting") return calm(`${name} stopped and is starting again`, worker.last_exit ?? "");
  return trouble(`${name} is not running`, worker.last_exit ?? "", worker.remedy ?? "");
}

const calm = (what: string, cause: string): Readiness => ({
  ready: false,
  notice: { what, cause, remedy: "" },
  tone: "calm",
});

const trouble = (what: string, cause: string, remedy: string): Readiness => ({
  ready: false,
  notice: { what, cause, remedy },
  tone: "error",
});
