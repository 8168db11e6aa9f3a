import { type ReactNode, useEffect, useState } from "react";
import { filesFrom } from "./files";

interface Props {
  add: (files: readonly File[]) => void;
  folders: (names: readonly string[]) => void;
  children: ReactNode;
}

/** The whole page takes files that are dropped on it. */
export function DropArea({ add, folders, children }: Props) {
  const [over, setOver] = useState(false);

  useEffect(() => {
    let depth = 0;
    const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
    const enter = (event: DragEvent): void => {
      if (hasFiles(event) && ++depth === 1) setOver(true);
    };
    const leave = (event: DragEvent): void => {
      if (hasFiles(event) && --depth === 0) setOver(false);
    };
    // Without this the browser would open a dropped file in place of the page.
    const allow = (event: DragEvent): void => {
      if (hasFiles(event)) event.preventDefault();
    };
    const drop = (event: DragEvent): void => {
      if (!event.dataTransfer || !hasFiles(event)) return;
      event.preventDefault();
      depth = 0;
      setOver(false);
      const dropped = filesFrom(event.dataTransfer);
      if (dropped.files.length) add(dropped.files);
      if (dropped.folders.length) folders(dropped.folders);
    };
    const handlers = { dragenter: enter, dragleave: leave, dragover: allow, drop };
    for (const [name, handler] of Object.entries(handlers)) addEventListener(name as "drop", handler);
    return () => {
      for (const [name, handler] of Object.entries(handlers)) removeEventListener(name as "drop", handler);
    };
  }, [add, folders]);

  return (
    <>
      {children}
      {over && (
        <div className="drop-hint" aria-hidden="true">
          <p>Drop to add</p>
        </div>
      )}
    </>
  );
}
