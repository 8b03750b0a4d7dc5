import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { Json } from '../../lib/types';
import { yaml } from '../../lib/yaml';
import { TextView } from '../../ui/text-view';
import type { RunState } from './use-run';

export function RunSpec({ state }: { state: RunState }): JSX.Element | null {
  const text = useMemo(() => (state.spec ? yaml(state.spec as unknown as Json) : null), [state.spec]);
  return text === null ? null : <TextView text={text} label="Pipeline spec" />;
}
