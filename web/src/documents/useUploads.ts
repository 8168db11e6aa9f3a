import { useCallback, useReducer } from "react";
import type { Error as WireError } from "../messages.gen";
import { asWireError, upload } from "../server/api";

/** A file on its way to the server, or one that did not get there. */
export interface Upload {
  key: number;
  name: string;
  sent: number;
  total: number;
  error?: WireError;
}

type Change =
  | { type: "added"; upload: Upload }
  | { type: "sent"; key: number; sent: number; total: number }
  | { type: "failed"; key: number; error: WireError }
  | { type: "gone"; key: number };

function reduce(uploads: Upload[], change: Change): Upload[] {
  switch (change.type) {
    case "added":
      return [...uploads, change.upload];
    case "sent":
      return uploads.map((one) =>
        one.key === change.key ? { ...one, sent: change.sent, total: change.total } : one,
      );
    case "failed":
      return uploads.map((one) => (one.key === change.key ? { ...one, error: change.error } : one));
    case "gone":
      return uploads.filter((one) => one.key !== change.key);
  }
}

let lastKey = 0;
let queue: Promise<unknown> = Promise.resolve();

/** Files go up one after the other: the first is soon searchable, and a slow line is not split. */
export function useUploads(stored: () => void) {
  const [uploads, dispatch] = useReducer(reduce, []);

  const add = useCallback(
    (files: readonly File[]) => {
      /** Resolves when the bytes are out; what the server makes of them, the next file need not wait for. */
      const send = (file: File, key: number): Promise<void> =>
        new Promise((out) => {
          const progress = (sent: number, total: number): void => {
            dispatch({ type: "sent", key, sent, total });
            if (sent < total) return;
            stored();
            out();
          };
          upload(file, progress)
            .then(
              () => dispatch({ type: "gone", key }),
              (error: unknown) => dispatch({ type: "failed", key, error: asWireError(error) }),
            )
            .finally(() => {
              stored();
              out();
            });
        });
      for (const file of files) {
        const key = ++lastKey;
        dispatch({ type: "added", upload: { key, name: file.name, sent: 0, total: file.size } });
        queue = queue.then(() => send(file, key));
      }
    },
    [stored],
  );

  const dismiss = useCallback((key: number) => dispatch({ type: "gone", key }), []);
  return { uploads, add, dismiss };
}
