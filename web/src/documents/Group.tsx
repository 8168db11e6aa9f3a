import { type ReactNode, useState } from "react";
import type { Error as WireError } from "../messages.gen";
import { asWireError, type CollectionView, forgetCollection } from "../server/api";
import { Confirm } from "./Confirm";
import { plural } from "./describe";

interface Props {
  collection: CollectionView;
  /** How many documents it has, how many of them are listed, and how many could not be read. */
  count: number;
  listed: number;
  failed: number;
  /** Whether its documents are shown before anybody asks for them. */
  unfolded: boolean;
  removed: () => void;
  children: ReactNode;
}

/** The documents of one collection under its name, and a way to remove all of it. */
export function Group({ collection, count, listed, failed, unfolded, removed, children }: Props) {
  const [chosen, setChosen] = useState<boolean | null>(null);
  const [asking, setAsking] = useState(false);
  const [error, setError] = useState<WireError | null>(null);
  const open = chosen ?? unfolded;
  const { name, folder } = collection;

  const forget = async (): Promise<void> => {
    try {
      await forgetCollection(collection.id);
      removed();
    } catch (failure) {
      setError(asWireError(failure));
      setAsking(false);
    }
  };

  return (
    <section className="group" aria-label={name}>
      <header>
        <h3>
          <button type="button" className="quiet" aria-expanded={open} onClick={() => setChosen(!open)}>
            <span className="name" title={name}>
              {name}
            </span>
            {failed > 0 && <span className="count failed">{failed.toLocaleString("en")} not added</span>}
            <span className="count">
              {listed < count ? `${listed.toLocaleString("en")} of ` : ""}
              {count.toLocaleString("en")}
              <span className="hidden"> {count === 1 ? "document" : "documents"}</span>
            </span>
          </button>
        </h3>
        {!asking && (
          <button
            type="button"
            className="quiet icon"
            aria-label={folder ? `Forget the folder ${name}` : `Remove all of ${name}`}
            onClick={() => setAsking(true)}
          >
            <svg viewBox="0 0 16 16" aria-hidden="true">
              <path d="M4 4l8 8M12 4l-8 8" />
            </svg>
          </button>
        )}
      </header>
      {asking && (
        <Confirm
          label={`Forget ${name}?`}
          action={folder ? "Forget" : "Remove all"}
          yes={() => void forget()}
          no={() => setAsking(false)}
        >
          {whatGoes(count, folder)}
        </Confirm>
      )}
      {error && (
        <p className="state failed" role="alert">
          {error.what}. {error.remedy}
        </p>
      )}
      {open && children}
    </section>
  );
}

const whatGoes = (count: number, folder: boolean): string =>
  folder
    ? `What Petra has made of ${plural(count, "document")} is removed, and the folder is not followed any more. The files themselves stay.`
    : `This takes out ${plural(count, "uploaded document")}, removed for good with all that Petra has made of the text.`;
