import type { JSX } from 'preact';
import type { Json } from '../../lib/types';
import { yaml } from '../../lib/yaml';
import { TextView } from '../../ui/text-view';
import type { VersionProps } from './pipeline-page';

export function VersionSpec({ version }: VersionProps): JSX.Element {
  return <div class="bleed"><TextView text={yaml(version.pipeline_spec as unknown as Json)} label="Pipeline spec" /></div>;
}
