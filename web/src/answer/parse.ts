/**
 * The little markup that small models write, as data: paragraphs, headings, lists, fenced code, bold,
 * inline code and citations like [2]. Everything else, HTML, links and images included, stays text.
 */
export type Block =
  | { kind: "paragraph"; text: string }
  | { kind: "heading"; text: string }
  | { kind: "list"; ordered: boolean; start: number; items: string[] }
  | { kind: "code"; text: string };

export type Inline =
  | { kind: "text"; text: string }
  | { kind: "strong"; text: string }
  | { kind: "emphasis"; text: string }
  | { kind: "code"; text: string }
  | { kind: "cite"; n: number };

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const HEADING = /^ {0,3}#{1,6}\s+(.*)$/;
const ITEM = /^\s{0,6}(?:([-*•+])|(\d{1,3})[.)])\s+(.*)$/;

/** Split an answer into blocks. Works on half an answer too: an open fence runs to the end. */
export function parseBlocks(source: string): Block[] {
  const blocks: Block[] = [];
  const lines = source.replace(/\r\n?/g, "\n").split("\n");
  let open: Block | null = null;
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    const fence = FENCE.exec(line)?.[1];
    if (fence) {
      const close = lines.findIndex((other, j) => j > i && other.trim().startsWith(fence));
      const end = close < 0 ? lines.length : close;
      blocks.push({ kind: "code", text: lines.slice(i + 1, end).join("\n") });
      i = end;
      open = null;
      continue;
    }
    open = addLine(blocks, open, line);
  }
  return blocks;
}

/** Take one line outside of code; returns the block that the next line may continue. */
function addLine(blocks: Block[], open: Block | null, line: string): Block | null {
  if (!line.trim()) return open?.kind === "list" ? open : null;
  const heading = HEADING.exec(line);
  if (heading) {
    blocks.push({ kind: "heading", text: (heading[1] ?? "").trim() });
    return null;
  }
  const item = ITEM.exec(line);
  if (item) {
    const ordered = item[2] !== undefined;
    const text = item[3] ?? "";
    if (open?.kind === "list" && open.ordered === ordered) {
      open.items.push(text);
      return open;
    }
    const list: Block = { kind: "list", ordered, start: ordered ? Number(item[2]) : 1, items: [text] };
    blocks.push(list);
    return list;
  }
  if (open?.kind === "list" && /^\s{2,}/.test(line)) {
    open.items[open.items.length - 1] += ` ${line.trim()}`;
    return open;
  }
  if (open?.kind === "paragraph") {
    open.text += `\n${line}`;
    return open;
  }
  const paragraph: Block = { kind: "paragraph", text: line };
  blocks.push(paragraph);
  return paragraph;
}

const CODE = /`([^`\n]+)`/;
const STRONG = /\*\*([^*\n]+)\*\*/;
/** Not the stars of `2 * 3 * 4`. */
const EMPHASIS = /(?<![\w*])\*(?![\s*])([^*\n]+)(?<!\s)\*(?![\w*])/;
const CITES = /\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]/;
const INLINE = new RegExp([CODE, STRONG, EMPHASIS, CITES].map((one) => one.source).join("|"), "g");

/** Split the text of a block. `[1, 3]` becomes two citations. */
export function parseInline(text: string): Inline[] {
  const found: Inline[] = [];
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    const [whole, code, strong, emphasis, cites] = match;
    if (match.index > from) found.push({ kind: "text", text: text.slice(from, match.index) });
    from = match.index + whole.length;
    if (code !== undefined) found.push({ kind: "code", text: code });
    else if (strong !== undefined) found.push({ kind: "strong", text: strong });
    else if (emphasis !== undefined) found.push({ kind: "emphasis", text: emphasis });
    else for (const n of (cites ?? "").split(",")) found.push({ kind: "cite", n: Number(n) });
  }
  if (from < text.length) found.push({ kind: "text", text: text.slice(from) });
  return found;
}
