import { useEffect, useState } from "react";
import { formatRoute, parseRoute, type Place } from "./route";

/** The place in the address, and a way to go to another. */
export function usePlace(): [Place | null, (place: Place | null) => void] {
  const [place, setPlace] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const follow = (): void => setPlace(parseRoute(location.hash));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return [place, (next) => (location.hash = formatRoute(next))];
}
