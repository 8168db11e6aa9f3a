/** Where the page is, in the part of the address after `#`: every place has its own link. */
import type { Source, Span } from "./messages.gen";

export interface Place {
  documentId: string;
  page?: number;
  lines?: Span;
}

/** The place that an address names, or null for the start. */
export function parseRoute(hash: string): Place | null {
  const match = /^#\/documents\/([^/?]+)(?:\?(.*))?$/.exec(hash);
  if (!match?.[1]) return null;
  const query = new URLSearchParams(match[2] ?? "");
  const place: Place = { documentId: decode(match[1]) };
  const page = Number(query.get("page"));
  if (Number.isInteger(page) && page > 0) place.page = page;
  const lines = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(query.get("lines") ?? "");
  if (lines) {
    const first = Math.max(1, Number(lines[1]));
    place.lines = [first, Math.max(first, Number(lines[2] ?? lines[1]))];
  }
  return place;
}

/** The address of a place. */
export function formatRoute(place: Place | null): string {
  if (!place) return "#/";
  const path = `#/documents/${encodeURIComponent(place.documentId)}`;
  if (place.page) return `${path}?page=${place.page}`;
  if (place.lines) return `${path}?lines=${place.lines[0]}-${place.lines[1]}`;
  return path;
}

/** The place that a source points to: its first page, or its lines. */
export function placeOf(source: Source): Place {
  const place: Place = { documentId: source.document_id };
  if (source.pages) place.page = source.pages[0];
  else if (source.lines) place.lines = source.lines;
  return place;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
