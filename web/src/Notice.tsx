import type { ReactNode } from "react";
import type { Error as WireError } from "./messages.gen";

interface Props {
  error: Pick<WireError, "what" | "cause" | "remedy">;
  tone?: "error" | "calm";
  children?: ReactNode;
}

/** What happened, why, and what to do next. */
export function Notice({ error, tone = "error", children }: Props) {
  return (
    <div className={`notice ${tone}`} role={tone === "error" ? "alert" : "status"}>
      <p className="what">{error.what}</p>
      {error.cause && <p>{sentence(error.cause)}</p>}
      {error.remedy && <p className="remedy">{withCommands(sentence(error.remedy))}</p>}
      {children}
    </div>
  );
}

const sentence = (text: string): string => (/[.!?`]$/.test(text) ? text : `${text}.`);

/** Commands are written between backticks in every remedy. */
function withCommands(text: string): ReactNode[] {
  return text.split("`").map((piece, i) => (i % 2 ? <code key={i}>{piece}</code> : piece));
}
