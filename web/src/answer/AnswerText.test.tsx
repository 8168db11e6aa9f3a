import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, test } from "vitest";
import type { Source } from "../messages.gen";
import { AnswerText } from "./AnswerText";
import { Sources } from "./Sources";
import { corpus } from "./xss.corpus";

const source = (change: Partial<Source> = {}): Source => ({
  n: 1,
  kind: "cited",
  document_id: "d1",
  document: "lecture.pdf",
  quote: "FIFO can fault more often.",
  score: 0.8,
  pages: [12, 12],
  ...change,
});

const render = (text: string, sources: Source[] = []): string =>
  renderToStaticMarkup(<AnswerText text={text} sources={sources} />);

/** Names and attributes of all tags. React escapes `<` in text, so what looks like a tag is one. */
function tags(markup: string): { name: string; attributes: Record<string, string> }[] {
  return [...markup.matchAll(/<([a-z0-9]+)((?:\s+[a-zA-Z-]+="[^"]*")*)\s*\/?>/g)].map((match) => ({
    name: match[1] ?? "",
    attributes: Object.fromEntries(
      [...(match[2] ?? "").replaceAll("&#x27;", "'").matchAll(/([a-zA-Z-]+)="([^"]*)"/g)].map((pair) => [pair[1] ?? "", pair[2] ?? ""]),
    ),
  }));
}

const NAMES = new Set(
  "div p h3 ol ul li pre code strong em a span section details summary blockquote".split(" "),
);
const ATTRIBUTES = new Set(
  "class href title aria-label aria-hidden start tabindex tabIndex data-n open".split(" "),
);

function expectHarmless(markup: string): void {
  expect(markup.match(/</g)?.length ?? 0).toBe(
    tags(markup).length + (markup.match(/<\/[a-z0-9]+>/g)?.length ?? 0),
  );
  for (const { name, attributes } of tags(markup)) {
    expect(NAMES).toContain(name);
    for (const attribute of Object.keys(attributes)) expect(ATTRIBUTES).toContain(attribute);
    if (attributes.href !== undefined) expect(attributes.href).toMatch(/^#\/documents\/[\w%.'()*!~-]+(\?[a-z]+=[\d-]+)?$/);
  }
}

describe("whatever is written, nothing runs and nothing is fetched", () => {
  test.each(corpus)("in an answer: %s", (text) => {
    for (const form of [text, `- ${text}`, `# ${text}`, `**${text}**`, `\`${text}\``, `\`\`\`\n${text}\n\`\`\``]) {
      expectHarmless(render(`${form} [1]`, [source()]));
    }
  });

  test.each(corpus)("in a source's name, heading, quote and id: %s", (text) => {
    const hostile = source({ document: text, quote: text, header: text, document_id: text, path: text });
    expectHarmless(render("see [1]", [hostile]));
    expectHarmless(renderToStaticMarkup(<Sources sources={[hostile]} checked homeOf={() => "Uploads"} />));
  });
});

test("a citation links to the page of its source", () => {
  const markup = render("So it is [1].", [source()]);
  expect(markup).toContain('href="#/documents/d1?page=12"');
  expect(markup).toContain('aria-label="Source 1: lecture.pdf, page 12"');
});

test("a citation of no source stays text", () => {
  expect(render("So it is [7].", [source()])).toBe('<div class="prose"><p>So it is [7].</p></div>');
});

test("images and links of Markdown stay text", () => {
  expect(render("![x](http://evil.example/a.png) [y](http://evil.example)")).toBe(
    '<div class="prose"><p>![x](http://evil.example/a.png) [y](http://evil.example)</p></div>',
  );
});

test("each kind of source is explained in words", () => {
  const kinds = (["cited", "supported", "retrieved"] as const).map((kind, i) => source({ n: i + 1, kind }));
  const markup = renderToStaticMarkup(<Sources sources={kinds} checked homeOf={() => "Uploads"} />);
  for (const words of ["Cited", "Supports", "Retrieved", "nothing in the answer was matched"]) {
    expect(markup).toContain(words);
  }
});

test("a citation of a deck names its slide", () => {
  const markup = render("So it is [1].", [source({ document: "week 5.pptx", pages: [7, 7], unit: "slide" })]);
  expect(markup).toContain('href="#/documents/d1?page=7"');
  expect(markup).toContain('aria-label="Source 1: week 5.pptx, slide 7"');
});
