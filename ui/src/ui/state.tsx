/* A state: shape, word and colour together; never colour alone. */
import type { JSX } from 'preact';
import type { State } from '../lib/types';
import { stateWord } from '../lib/words';

const SHAPES: { [state in State]: JSX.Element } = {
  SUCCEEDED: <path d="M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM5 8.2l2.1 2.1L11.2 6" />,
  FAILED: <path d="M5.3 1.5h5.4l3.8 3.8v5.4l-3.8 3.8H5.3l-3.8-3.8V5.3zM5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4" />,
  RUNNING: (
    <>
      <circle cx="8" cy="8" r="6.5" class="ring" />
      <path class="turn" d="M8 1.5a6.5 6.5 0 0 1 6.5 6.5" />
      <circle cx="8" cy="8" r="1.6" class="dot" />
    </>
  ),
  PENDING: <circle cx="8" cy="8" r="6.5" stroke-dasharray="2.6 2.5" />,
  SKIPPED: <path d="M3 4l4.5 4L3 12zM8.5 4L13 8l-4.5 4z" />,
  CACHED: <path d="M9 1.5L3 9h4.5L7 14.5 13 7H8.5z" />,
  CANCELED: <path d="M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM3.5 12.5l9-9" />,
  CANCELING: <path d="M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM5.5 5.5h5v5h-5z" />,
};

export function StateIcon({ state, size = 16 }: { state: State; size?: number }): JSX.Element {
  return (
    <svg class={`state-icon s-${state}`} width={size} height={size} viewBox="0 0 16 16" role="img" aria-label={stateWord(state)}>
      {SHAPES[state]}
    </svg>
  );
}

/* The same inside another drawing. */
export function StateShape({ state, x, y }: { state: State; x: number; y: number }): JSX.Element {
  return (
    <g class={`state-icon s-${state}`} transform={`translate(${x} ${y})`}>
      {SHAPES[state]}
    </g>
  );
}

export function StateBadge({ state }: { state: State }): JSX.Element {
  return (
    <span class={`badge s-${state}`}>
      <svg class={`state-icon s-${state}`} width="14" height="14" viewBox="0 0 16 16" aria-hidden="true">
        {SHAPES[state]}
      </svg>
      {stateWord(state)}
    </span>
  );
}
