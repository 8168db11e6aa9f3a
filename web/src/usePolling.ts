import { useCallback, useEffect, useRef, useState } from "react";
import { asWireError, Failure } from "./server/api";
import type { Error as WireError } from "./messages.gen";

export interface Polled<T> {
  value: T | null;
  error: WireError | null;
  /** True when the server does not know this browser. */
  locked: boolean;
  /** Ask again now. */
  refresh: () => void;
}

/**
 * Ask the server again and again: `pause` says how many milliseconds to wait after an answer. Rests
 * while the tab is hidden. The last value stays when a later call fails.
 */
export function usePolling<T>(load: () => Promise<T>, pause: (value: T | null) => number): Polled<T> {
  const [value, setValue] = useState<T | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const again = useRef<() => void>(() => {});
  const calls = useRef({ load, pause });
  useEffect(() => {
    calls.current = { load, pause };
  });

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last: T | null = null;
    let turn = 0;
    const run = async (): Promise<void> => {
      const mine = ++turn;
      clearTimeout(timer);
      try {
        const answer = await calls.current.load();
        if (mine !== turn) return;
        last = answer;
        setValue(answer);
        setFailure(null);
      } catch (error) {
        if (mine !== turn) return;
        setFailure(error);
      }
      if (!document.hidden) timer = setTimeout(() => void run(), calls.current.pause(last));
    };
    const wake = (): void => {
      if (!document.hidden) void run();
    };
    again.current = () => void run();
    void run();
    document.addEventListener("visibilitychange", wake);
    return () => {
      turn = -1;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", wake);
    };
  }, []);

  const refresh = useCallback(() => again.current(), []);
  return {
    value,
    error: failure ? asWireError(failure) : null,
    locked: failure instanceof Failure && failure.status === 401,
    refresh,
  };
}
