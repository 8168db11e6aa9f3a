import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { fileAddress, getPageText, type OpenDocument, pageImage } from "../server/api";
import { markQuotes } from "./quotes";

interface Props {
  document: OpenDocument;
  page: number;
  pages: number;
  quotes: readonly string[];
  turn: (page: number) => void;
}

/**
 * One page of a PDF as a picture, with its text below it for reading aloud, searching and copying. Of a
 * slide, a sheet, a cell, a chapter or a part there is only the text.
 */
export function Pages({ document, page, pages, quotes, turn }: Props) {
  const { id, file } = document;
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const unit = document.unit ?? "page";
  const drawn = file && !document.unit;
  const address = width && drawn ? pageImage(id, page, width) : "";
  const [shown, setShown] = useState("");
  const [broken, setBroken] = useState("");

  useEffect(() => {
    // A few fixed widths, so that the same picture serves windows of about the same size.
    const pixels = (frame.current?.clientWidth ?? 0) * Math.min(devicePixelRatio, 2);
    setWidth(Math.max(400, Math.min(1600, Math.ceil(pixels / 400) * 400)));
  }, []);

  useEffect(() => {
    // Braces: newer browsers return a promise here, which React would take for a clean-up.
    frame.current?.scrollTo(0, 0);
  }, [page]);

  const key = (event: KeyboardEvent): void => {
    if (event.target instanceof HTMLInputElement) return;
    if (event.key === "ArrowRight" && page < pages) turn(page + 1);
    if (event.key === "ArrowLeft" && page > 1) turn(page - 1);
  };

  return (
    <div className="pages" onKeyDown={key}>
      <nav aria-label={`${capital(unit)}s`}>
        <button type="button" disabled={page <= 1} onClick={() => turn(page - 1)} aria-label={`Previous ${unit}`}>
          ‹
        </button>
        <PageNumber key={page} page={page} pages={pages} unit={unit} turn={turn} />
        <button type="button" disabled={page >= pages} onClick={() => turn(page + 1)} aria-label={`Next ${unit}`}>
          ›
        </button>
        {file && (
          <a href={fileAddress(id, drawn ? page : undefined)} target="_blank" rel="noreferrer" className="original">
            {drawn ? `Open the PDF at page ${page}` : "Open the file"}
          </a>
        )}
      </nav>
      {/* Scrolls with the keyboard too, so it takes the focus. */}
      <div className="page-frame" ref={frame} tabIndex={0} role="group" aria-label={`${capital(unit)} ${page} of ${pages}`}>
        {address && broken !== address && (
          <img
            src={address}
            alt={`Page ${page} of ${pages}`}
            className={shown === address ? "" : "loading"}
            onLoad={() => setShown(address)}
            onError={() => setBroken(address)}
          />
        )}
        {broken && broken === address && (
          <p className="hint">This page cannot be shown as a picture. Its text is below.</p>
        )}
        <PageText key={`${id} ${page}`} id={id} page={page} unit={unit} quotes={quotes} />
      </div>
    </div>
  );
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

function PageNumber({ page, pages, unit, turn }: Pick<Props, "page" | "pages" | "turn"> & { unit: string }) {
  const [text, setText] = useState(String(page));
  const submit = (): void => {
    const wanted = Number(text);
    if (Number.isInteger(wanted) && wanted >= 1 && wanted <= pages) turn(wanted);
    else setText(String(page));
  };
  return (
    <form
      className="page-number"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <label>
        {capital(unit)}{" "}
        <input inputMode="numeric" value={text} onChange={(event) => setText(event.target.value)} onBlur={submit} />
      </label>{" "}
      of {pages}
    </form>
  );
}

interface PageTextProps {
  id: string;
  page: number;
  unit: string;
  quotes: readonly string[];
}

function PageText({ id, page, unit, quotes }: PageTextProps) {
  const [text, setText] = useState<string | null>(null);
  useEffect(() => {
    let gone = false;
    getPageText(id, page).then(
      (found) => gone || setText(found.text),
      () => gone || setText(""),
    );
    return () => {
      gone = true;
    };
  }, [id, page]);
  if (text !== null && !text.trim() && unit !== "page") return <p className="hint">There is no text on this {unit}.</p>;
  if (!text?.trim()) return null;
  return (
    <details className="page-text" open>
      <summary>Text of this {unit}</summary>
      <p>{markQuotes(text, quotes).map((piece, i) => (piece.quoted ? <mark key={i}>{piece.text}</mark> : piece.text))}</p>
    </details>
  );
}
