/** Whether the models can answer, in words. Pure. */
import type { JobView, StatusView, WorkerView } from "../server/api";
import type { Error as WireError } from "../messages.gen";

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
  const fetching = jobs.find((job) => job.state === "downloading" || job.state === "verifying");
  if (missing.length && fetching) return calm(`Fetching ${missing.join(" and ")}`, share(fetching));
  if (missing.length) {
    const commands = missing.map((name) => `\`petra models pull ${name}\``).join(" and ");
    const remedy = workers.find((one) => one.state === "missing_model")?.remedy;
    return trouble(
      `A model is missing: ${missing.join(", ")}`,
      "Without it Petra cannot answer",
      missing.length === 1 && remedy ? remedy : `In a terminal, type ${commands}`,
    );
  }
  const { chat, embed } = status?.workers ?? {};
  return judge(chat, "The model that answers") ?? judge(embed, "The model that searches") ?? READY;
}

function judge(worker: WorkerView | undefined, name: string): Readiness | null {
  if (!worker || WELL.has(worker.state)) return null;
  if (worker.state === "starting") return calm(`${name} is starting`, "You can already ask; the answer waits for it");
  if (worker.state === "restarting") return calm(`${name} stopped and is starting again`, worker.last_exit ?? "");
  return trouble(`${name} is not running`, worker.last_exit ?? "", worker.remedy ?? "");
}

const share = (job: JobView): string =>
  job.total ? `${Math.floor((100 * job.done) / job.total)} % of it is here` : "";

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
