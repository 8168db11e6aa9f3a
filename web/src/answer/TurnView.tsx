import type { FinishReason } from "../messages.gen";
import { Notice } from "../Notice";
import { AnswerText } from "./AnswerText";
import { type HomeOf, Sources } from "./Sources";
import { isOver, type Turn } from "./turns";
import { ENDINGS, stageText, usageText } from "./words";

interface Props {
  turn: Turn;
  newest: boolean;
  linkLost: boolean;
  homeOf: HomeOf;
  retry: (turn: Turn) => void;
}

const BROKEN = new Set<FinishReason | undefined>(["interrupted", "cancelled", "error"]);

/** One question and what became of it. */
export function TurnView({ turn, newest, linkLost, homeOf, retry }: Props) {
  const over = isOver(turn);
  const broken = turn.error !== undefined || BROKEN.has(turn.finish);
  const ending = turn.finish && !turn.error ? ENDINGS[turn.finish] : undefined;
  return (
    <article className="turn">
      <h2>{turn.question}</h2>
      {/* Busy while it grows: a screen reader reads the whole answer once, not each token. */}
      <div className="answer" aria-live={newest ? "polite" : "off"} aria-busy={!over}>
        {turn.text && <AnswerText text={turn.text} sources={turn.sources} />}
        {ending && <p className="ending">{ending}</p>}
      </div>
      {!over && (
        <p className="stage" role="status">
          <span className="pulse" aria-hidden="true" />
          {linkLost ? "Connecting again" : stageText(turn.status)}
        </p>
      )}
      {turn.error && <Notice error={turn.error} />}
      {over && newest && broken && (
        <button type="button" className="retry" onClick={() => retry(turn)}>
          Ask again
        </button>
      )}
      {over && turn.sources.length > 0 && <Sources sources={turn.sources} checked={!broken} homeOf={homeOf} />}
      {over && turn.usage && <p className="usage">{usageText(turn.usage)}</p>}
    </article>
  );
}
