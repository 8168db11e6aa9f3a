import { type RefObject, useEffect, useLayoutEffect, useRef } from "react";

const NEAR = 80;

/** Keep the end of a growing text in view, unless the reader has scrolled away from it. */
export function useFollowing(pane: RefObject<HTMLElement | null>, grown: unknown, jump: unknown): void {
  const following = useRef(true);

  useEffect(() => {
    const box = pane.current;
    if (!box) return;
    const look = (): void => {
      following.current = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
    };
    box.addEventListener("scroll", look, { passive: true });
    return () => box.removeEventListener("scroll", look);
  }, [pane]);

  useLayoutEffect(() => {
    following.current = true;
  }, [jump]);

  useLayoutEffect(() => {
    const box = pane.current;
    if (box && following.current) box.scrollTop = box.scrollHeight;
  }, [pane, grown, jump]);
}
