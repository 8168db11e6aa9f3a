/** Where quotes stand in a text. Pure. */
export interface Piece {
  text: string;
  quoted: boolean;
}

/**
 * Split `text` at the quotes that occur in it. White space is taken as equal: extraction joins and
 * breaks lines otherwise than the page does.
 */
export function markQuotes(text: string, quotes: readonly string[]): Piece[] {
  const marked = new Array<boolean>(text.length).fill(false);
  for (const quote of quotes) {
    const words = quote.replace(/^(?:…|\.\.\.)|(?:…|\.\.\.)$/g, "").split(/\s+/).filter(Boolean);
    if (!words.length) continue;
    const pattern = new RegExp(words.map((word) => word.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("\\s+"), "g");
    for (const match of text.matchAll(pattern)) marked.fill(true, match.index, match.index + match[0].length);
  }
  const pieces: Piece[] = [];
  let from = 0;
  for (let i = 1; i <= text.length; i++) {
    if (i < text.length && marked[i] === marked[from]) continue;
    pieces.push({ text: text.slice(from, i), quoted: marked[from] ?? false });
    from = i;
  }
  return pieces;
}
