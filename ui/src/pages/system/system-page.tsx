export function SystemPage(): null { return null; }
