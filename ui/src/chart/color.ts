/* The n-th of eight colours that can be told apart, in either theme. */
export const color = (i: number): string => `var(--c${(i % 8) + 1})`;
export const colorNow = (i: number): string => getComputedStyle(document.documentElement).getPropertyValue(`--c${(i % 8) + 1}`).trim();
