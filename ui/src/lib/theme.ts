/* Dark or light: the system's choice, until a person makes one. */
import { signal } from '@preact/signals';

type Theme = 'light' | 'dark';
const KEY = 'dhow.theme';
const system = (): Theme => (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
export const theme = signal<Theme>('light');

export function startTheme(): void {
  const chosen = localStorage.getItem(KEY) as Theme | null;
  if (chosen) document.documentElement.dataset.theme = chosen;
  theme.value = chosen ?? system();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    if (!localStorage.getItem(KEY)) theme.value = system();
  });
}

export function toggleTheme(): void {
  theme.value = theme.value === 'dark' ? 'light' : 'dark';
  localStorage.setItem(KEY, theme.value);
  document.documentElement.dataset.theme = theme.value;
}
