import { folderOf } from "../documents/describe";
import type { Source } from "../messages.gen";
import { formatRoute, placeOf } from "../route";
import { KINDS, range } from "./words";

interface Props {
  sources: readonly Source[];
  /** False for an answer that broke off: nothing can be said about what it rests on. */
  checked: boolean;
  homeOf: HomeOf;
}

/** The collection of a document, where there is more than one to tell apart. */
export type HomeOf = (documentId: string) => string | undefined;

/** The passages of a finished answer: those it rests on first, the others one click away. */
export function Sources({ sources, checked, homeOf }: Props) {
  const used = sources.filter((one) => one.kind !== "retrieved");
  const readOnly = sources.filter((one) => one.kind === "retrieved");
  const unsupported = checked && used.length === 0;
  return (
    <section className="sources" aria-label="Sources">
      {used.length > 0 && (
        <>
          <h3>Sources</h3>
          <List sources={used} homeOf={homeOf} />
        </>
      )}
      {readOnly.length > 0 && (
        <details open={unsupported}>
          <summary>{heading(readOnly.length, unsupported, used.length > 0)}</summary>
          <List sources={readOnly} homeOf={homeOf} />
        </details>
      )}
    </section>
  );
}

function Under({ home, header }: { home: string | undefined; header: string | undefined }) {
  const text = [home && `In ${home}`, header].filter(Boolean).join(" · ");
  return text ? <p className="header">{text}</p> : null;
}

function heading(count: number, unsupported: boolean, others: boolean): string {
  if (unsupported) return "No passage was found to support this answer. The model was given:";
  return others ? `Also given to the model, but not matched (${count})` : `Given to the model (${count})`;
}

function List({ sources, homeOf }: { sources: readonly Source[]; homeOf: HomeOf }) {
  return (
    <ol>
      {sources.map((source) => (
        <li key={source.n} className={`source ${source.kind}`} data-n={source.n}>
          <p className="where">
            <span className="number" aria-hidden="true">
              {source.n}
            </span>
            <a href={formatRoute(placeOf(source))}>
              <span className="folder">{folderOf(source.path ?? "")}</span>
              {source.document}
              {range(source) && (
                <>
                  , <span className="range">{range(source)}</span>
                </>
              )}
            </a>
            <span className="kind" title={KINDS[source.kind].meaning}>
              {KINDS[source.kind].label}
            </span>
          </p>
          <Under home={homeOf(source.document_id)} header={source.header} />
          <blockquote>{source.quote}</blockquote>
          <p className="meaning">{KINDS[source.kind].meaning}</p>
        </li>
      ))}
    </ol>
  );
}
