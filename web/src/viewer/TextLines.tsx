import { useCallback, useEffect, useRef, useState } from "react";
import type { Error as WireError, Span } from "../messages.gen";
import { Notice } from "../Notice";
import { asWireError, fileAddress, getAllLines, getLines, type OpenDocument } from "../server/api";

interface Props {
  document: OpenDocument;
  lines: Span | undefined;
}

interface Loaded {
  first: number;
  lines: readonly string[];
  /** False when the last line of the file has been loaded. */
  more: boolean;
}

const AROUND = 40;
const STEP = 200;

/** Lines of a text file around the cited ones, which are marked. */
export function TextLines({ document, lines }: Props) {
  const [loaded, setLoaded] = useState<Loaded | null>(null);
  const [error, setError] = useState<WireError | null>(null);
  const cited = useRef<HTMLDivElement>(null);
  const [from, to] = lines ?? [1, 1];

  const whole = useRef<Promise<string[] | null>>(null);
  const load = useCallback(
    async (first: number, last: number): Promise<Loaded | null> => {
      try {
        const all = await (whole.current ??= getAllLines(document));
        if (all) return { first, lines: all.slice(first - 1, last), more: last < all.length };
        const text = (await getLines(document.id, first, last)).text;
        const found = text === "" ? [] : text.split("\n");
        return { first, lines: found, more: found.length === last - first + 1 };
      } catch (failure) {
        setError(asWireError(failure));
        return null;
      }
    },
    [document],
  );

  useEffect(() => {
    let gone = false;
    void load(Math.max(1, from - AROUND), to + Math.max(AROUND, STEP)).then((found) => {
      if (!gone && found) setLoaded(found);
    });
    return () => {
      gone = true;
    };
  }, [load, from, to]);

  const present = loaded !== null;
  useEffect(() => {
    cited.current?.scrollIntoView({ block: "center" });
  }, [present, from, to]);

  const earlier = async (): Promise<void> => {
    if (!loaded) return;
    const found = await load(Math.max(1, loaded.first - STEP), loaded.first - 1);
    if (found) setLoaded({ ...loaded, first: found.first, lines: [...found.lines, ...loaded.lines] });
  };
  const later = async (): Promise<void> => {
    if (!loaded) return;
    const next = loaded.first + loaded.lines.length;
    const found = await load(next, next + STEP - 1);
    if (found) setLoaded({ ...loaded, lines: [...loaded.lines, ...found.lines], more: found.more });
  };

  return (
    <div className="text">
      <nav aria-label="Lines">
        <span>{lines ? (from === to ? `Line ${from} is marked` : `Lines ${from}–${to} are marked`) : ""}</span>
        {document.file && (
          <a href={fileAddress(document.id)} target="_blank" rel="noreferrer" className="original">
            Open the file
          </a>
        )}
      </nav>
      {error && <Notice error={error} />}
      {loaded && (
        <div className="lines" tabIndex={0} role="group" aria-label="Text of the document">
          {loaded.first > 1 && (
            <button type="button" className="more" onClick={() => void earlier()}>
              Show earlier lines
            </button>
          )}
          {loaded.lines.map((line, i) => {
            const number = loaded.first + i;
            const marked = lines !== undefined && number >= from && number <= to;
            return (
              <div
                key={number}
                className={marked ? "line marked" : "line"}
                ref={marked && number === from ? cited : undefined}
                data-line={number}
              >
                <span className="line-number" aria-hidden="true">
                  {number}
                </span>
                {marked ? <mark>{line || " "}</mark> : <span>{line || " "}</span>}
              </div>
            );
          })}
          {loaded.more && (
            <button type="button" className="more" onClick={() => void later()}>
              Show later lines
            </button>
          )}
        </div>
      )}
    </div>
  );
}
