import { type ReactNode, useEffect, useRef } from "react";

interface Props {
  /** The question, for a screen reader. */
  label: string;
  /** What the button that does it says. */
  action: string;
  yes: () => void;
  no: () => void;
  children: ReactNode;
}

/** Asks before something is removed. The way out has the focus. */
export function Confirm({ label, action, yes, no, children }: Props) {
  const keep = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    keep.current?.focus();
  }, []);
  return (
    <div className="confirm" role="group" aria-label={label} onKeyDown={(event) => event.key === "Escape" && no()}>
      <p>{children}</p>
      <button type="button" className="danger" onClick={yes}>
        {action}
      </button>
      <button type="button" ref={keep} onClick={no}>
        Keep
      </button>
    </div>
  );
}
