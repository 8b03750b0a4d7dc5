/* Markdown, cleaned of all that could act. Loaded when there is some. */
import DOMPurify from 'dompurify';
import { marked } from 'marked';
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import '../style/preview.css';

export function Markdown({ text }: { text: string }): JSX.Element {
  const html = useMemo(
    () => DOMPurify.sanitize(marked.parse(text, { async: false, gfm: true }), { USE_PROFILES: { html: true }, FORBID_TAGS: ['style', 'form', 'input', 'button'], FORBID_ATTR: ['style'] }),
    [text],
  );
  return <div class="markdown" dangerouslySetInnerHTML={{ __html: html }} />;
}
