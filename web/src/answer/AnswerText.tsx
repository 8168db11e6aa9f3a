import { Fragment, memo, type ReactNode } from "react";
import type { Source } from "../messages.gen";
import { formatRoute, placeOf } from "../route";
import { type Block, parseBlocks, parseInline } from "./parse";
import { whereIs } from "./words";

interface Props {
  text: string;
  sources: readonly Source[];
}

/**
 * An answer, built from React nodes only: whatever a model or a document wrote, no markup of its own
 * reaches the page, nothing is fetched, and the only links lead to sources of this answer.
 */
export const AnswerText = memo(function AnswerText({ text, sources }: Props) {
  return <div className="prose">{parseBlocks(text).map((block, i) => renderBlock(block, i, sources))}</div>;
});

function renderBlock(block: Block, key: number, sources: readonly Source[]): ReactNode {
  switch (block.kind) {
    case "paragraph":
      return <p key={key}>{renderInline(block.text, sources)}</p>;
    case "heading":
      return <h3 key={key}>{renderInline(block.text, sources)}</h3>;
    case "code":
      return (
        <pre key={key} tabIndex={0} aria-label="Code">
          <code>{block.text}</code>
        </pre>
      );
    case "list": {
      const items = block.items.map((item, i) => <li key={i}>{renderInline(item, sources)}</li>);
      return block.ordered ? (
        <ol key={key} start={block.start}>
          {items}
        </ol>
      ) : (
        <ul key={key}>{items}</ul>
      );
    }
  }
}

function renderInline(text: string, sources: readonly Source[]): ReactNode[] {
  return parseInline(text).map((piece, i) => {
    switch (piece.kind) {
      case "text":
        return <Fragment key={i}>{piece.text}</Fragment>;
      case "strong":
        return <strong key={i}>{renderInline(piece.text, sources)}</strong>;
      case "emphasis":
        return <em key={i}>{renderInline(piece.text, sources)}</em>;
      case "code":
        return <code key={i}>{piece.text}</code>;
      case "cite":
        return <Citation key={i} n={piece.n} source={sources.find((one) => one.n === piece.n)} />;
    }
  });
}

/** A number that no source of the answer has stays the text it was. */
function Citation({ n, source }: { n: number; source: Source | undefined }) {
  if (!source) return <>[{n}]</>;
  const where = whereIs(source);
  return (
    <a
      className="cite"
      href={formatRoute(placeOf(source))}
      aria-label={`Source ${n}: ${where}`}
      title={`${where}\n“${source.quote}”`}
    >
      {n}
    </a>
  );
}
