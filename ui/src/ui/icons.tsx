/* Small line icons, drawn here: one stroke, 16 by 16. */
import type { JSX } from 'preact';

const PATHS = {
  runs: 'M2.5 4h4M2.5 8h11M2.5 12h7M9.5 4h4',
  experiments: 'M6 2v4.5L2.6 12a1.3 1.3 0 0 0 1.1 2h8.6a1.3 1.3 0 0 0 1.1-2L10 6.5V2M5 2h6M4.5 10h7',
  pipelines: 'M3 2.5h4v3H3zM9 10.5h4v3H9zM5 5.5V8h6v2.5M5 8v3.5a.5.5 0 0 0 .5.5H9',
  schedules: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 5v3.2l2.2 1.5',
  models: 'M8 1.8l5.5 3v6.4L8 14.2l-5.5-3V4.8zM2.7 5L8 8l5.3-3M8 8v6',
  artifacts: 'M4 1.8h5l3.2 3.2v9.2H4zM9 2v3.2h3M6 8.5h4M6 11h4',
  approvals: 'M8 1.8l5 2v4c0 3-2 5.3-5 6.4-3-1.1-5-3.4-5-6.4v-4zM5.8 8l1.6 1.6L10.4 6.5',
  system: 'M2.5 3h11v7h-11zM6 13h4M8 10v3',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7L14 14',
  close: 'M4 4l8 8M12 4l-8 8',
  plus: 'M8 3v10M3 8h10',
  down: 'M4 6l4 4 4-4',
  right: 'M6 4l4 4-4 4',
  left: 'M10 4L6 8l4 4',
  up: 'M4 10l4-4 4 4',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  sun: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1.1 1.1M11.9 11.9L13 13M3 13l1.1-1.1M11.9 4.1L13 3',
  moon: 'M13 9.5A5.5 5.5 0 0 1 6.5 3a5.5 5.5 0 1 0 6.5 6.5z',
  keyboard: 'M1.5 4h13v8h-13zM4 6.5h.01M6.7 6.5h.01M9.3 6.5h.01M12 6.5h.01M5 9.5h6',
  menu: 'M2 4h12M2 8h12M2 12h12',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  play: 'M5 3l7.5 5L5 13z',
  retry: 'M13 8a5 5 0 1 1-1.5-3.6M13 2v3h-3',
  stop: 'M4 4h8v8H4z',
  download: 'M8 2v8M5 7.5l3 3 3-3M3 13.5h10',
  columns: 'M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10',
  compare: 'M8 2v12M2.5 4.5h3v7h-3zM10.5 6.5h3v5h-3z',
  fit: 'M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10',
  minus: 'M3 8h10',
  external: 'M6 3H3v10h10v-3M9 3h4v4M13 3L7.5 8.5',
  loop: 'M3 8a4 4 0 0 1 4-4h4M9 2l2 2-2 2M13 8a4 4 0 0 1-4 4H5M7 14l-2-2 2-2',
  branch: 'M4 2.5v11M4 9c5 0 8-1 8-5.5M10 5.5l2-2 2 2',
  box: 'M2.5 4h11v9h-11zM2.5 7h11',
  tag: 'M2.5 2.5h5l6 6-5 5-6-6zM5 5h.01',
  follow: 'M4 3l4 4 4-4M4 9l4 4 4-4',
  wrap: 'M2 4h12M2 8h9.5a2 2 0 0 1 0 4H8M9.5 10.5L8 12l1.5 1.5M2 12h3',
  archive: 'M2 3h12v3H2zM3 6v7.5h10V6M6.5 8.5h3',
  trash: 'M2.5 4h11M6 4V2.5h4V4M4 4l.7 9.5h6.6L12 4',
  star: 'M8 2l1.8 3.8 4.2.500-3.1 2.9.800 4.1L8 11.3l-3.7 2 .8-4.1L2 6.3l4.2-.5z',
  upload: 'M8 10V2M5 4.5L8 1.5l3 3M3 10v3.5h10V10',
  edit: 'M3 13l.7-3L10.5 3.2l2.3 2.3L6 12.3z',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }): JSX.Element {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Logo(): JSX.Element {
  return (
    <svg class="logo" width="26" height="26" viewBox="0 0 32 32" aria-hidden="true">
      <path d="M14 3v17H4C8 16 12 10 14 3z" class="sail" />
      <path d="M16 7c6 3 10 8 11 13H16z" class="jib" />
      <path d="M3 22h26c-2 5-6 7-10 7h-6c-5 0-8-2-10-7z" class="hull" />
    </svg>
  );
}
