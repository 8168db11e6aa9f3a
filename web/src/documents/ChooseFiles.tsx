import { type ReactNode, useRef } from "react";

interface Props {
  add: (files: readonly File[]) => void;
  className?: string;
  children: ReactNode;
}

/** A button that opens the system's own file dialog. */
export function ChooseFiles({ add, className = "", children }: Props) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" className={className} onClick={() => input.current?.click()}>
        {children}
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label="Files to add"
        onChange={(event) => {
          add([...(event.target.files ?? [])]);
          event.target.value = "";
        }}
      />
    </>
  );
}
