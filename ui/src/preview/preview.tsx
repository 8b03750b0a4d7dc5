/* What an artifact is, shown: by its type, its metadata, and the first bytes of its content. */
import type { ComponentType, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { request, type ApiError } from '../lib/api';
import { looksLikeCsv } from '../lib/csv';
import { bytes } from '../lib/format';
import { Icon } from '../ui/icons';
import { Failure, Waiting } from '../ui/parts';
import { Pre } from '../ui/pre';
import { Values } from '../ui/values';
import type { Artifact, JsonMap } from '../lib/types';
import { ConfusionMatrix, matrixOf } from './confusion';
import { RocCurve, rocOf } from './roc';
import { Csv } from './csv';
import { FolderView } from './folder';
import { JsonView } from './json';

const PEEK = 128 * 1024;
interface Content { type: string; text: string; size: number; whole: boolean }
type Kind = 'none' | 'image' | 'html' | 'folder' | 'text';

export const contentUrl = (id: string, rest = ''): string => `/ui/artifacts/${id}/content${rest}`;

function kindOf(a: Artifact, type: string | null): Kind {
  if (type === null) return 'none';
  if (type.startsWith('image/')) return 'image';
  if (type.startsWith('text/html') || a.type === 'system.HTML') return 'html';
  return 'text';
}

async function peek(id: string): Promise<Content> {
  const response = await request(contentUrl(id, `?peek=${PEEK}`));
  const type = response.headers.get('Content-Type') ?? '';
  if (type.startsWith('image/')) {
    void response.body?.cancel();
    return { type, text: '', size: Number(response.headers.get('X-Size') ?? 0), whole: false };
  }
  const text = await response.text();
  const size = Number(response.headers.get('X-Size') ?? text.length);
  return { type, text, size, whole: size <= PEEK };
}

const binary = (text: string): boolean => text.slice(0, 2000).includes('\0') || (text.slice(0, 2000).match(/�/g)?.length ?? 0) > 20;

function Text({ content, artifact }: { content: Content; artifact: Artifact }): JSX.Element {
  const name = (artifact.uri ?? '').toLowerCase();
  const [Markdown, setMarkdown] = useState<ComponentType<{ text: string }> | null>(null);
  const isMarkdown = artifact.type === 'system.Markdown' || name.endsWith('.md') || content.type.startsWith('text/markdown');
  useEffect(() => {
    if (isMarkdown) void import('./markdown').then((m) => setMarkdown(() => m.Markdown));
  }, [isMarkdown]);
  if (binary(content.text)) return <p class="muted">Binary content, {bytes(content.size)}.</p>;
  if (isMarkdown) return Markdown ? <Markdown text={content.text} /> : <Waiting on />;
  if (content.type.startsWith('text/csv') || name.endsWith('.csv') || artifact.metadata.format === 'csv' || (artifact.type === 'system.Dataset' && looksLikeCsv(content.text))) return <Csv text={content.text} whole={content.whole} />;
  if (/^\s*[[{]/.test(content.text) && content.whole) {
    try {
      return <JsonView of={JSON.parse(content.text)} />;
    } catch {
      /* it only begins like JSON */
    }
  }
  return <Pre text={content.text || '(empty)'} label="Content" />;
}

function Content({ artifact }: { artifact: Artifact }): JSX.Element | null {
  const [content, setContent] = useState<Content | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [folder, setFolder] = useState(false);
  useEffect(() => {
    peek(artifact.artifact_id).then(setContent, (e: ApiError) => (e.status === 400 || e.status === 409 ? setFolder(true) : setError(e)));
  }, [artifact.artifact_id]);
  if (folder) return <FolderView id={artifact.artifact_id} />;
  if (error) return error.status === 404 || error.status === 410 ? <p class="muted">Its content is not there any more.</p> : <Failure error={error} />;
  if (!content) return <Waiting on />;
  const kind = kindOf(artifact, content.type);
  const url = contentUrl(artifact.artifact_id);
  return (
    <>
      {kind === 'image' && <img class="preview-image" src={url} alt={artifact.name ?? 'the artifact'} />}
      {kind === 'html' && <iframe class="preview-frame" sandbox="" src={url} title={artifact.name ?? 'HTML'} loading="lazy" />}
      {kind === 'text' && <Text content={content} artifact={artifact} />}
      {!content.whole && kind === 'text' && <p class="muted small">The first {bytes(PEEK)} of {bytes(content.size)}.</p>}
      <a class="small row" href={contentUrl(artifact.artifact_id, '?download=1')}><Icon name="download" size={14} /> Download</a>
    </>
  );
}

/* Metadata that a picture is made of is not listed again. */
const DRAWN = new Set(['confusionMatrix', 'confidenceMetrics', 'display_name']);

export function Preview({ artifact }: { artifact: Artifact }): JSX.Element {
  const matrix = matrixOf(artifact.metadata);
  const roc = rocOf(artifact.metadata);
  const rest = Object.fromEntries(Object.entries(artifact.metadata).filter(([k]) => !DRAWN.has(k))) as JsonMap;
  const drawn = matrix !== null || roc !== null || artifact.type === 'system.Metrics';
  return (
    <>
      {matrix && <ConfusionMatrix of={matrix} />}
      {roc && <RocCurve of={[{ name: artifact.name ?? 'ROC', points: roc }]} />}
      {Object.keys(rest).length > 0 && <Values of={rest} />}
      {!drawn && artifact.state !== 'DELETED' && <Content artifact={artifact} />}
      {artifact.state === 'DELETED' && <p class="muted">Its content has been taken away; what is known of it stays.</p>}
    </>
  );
}
