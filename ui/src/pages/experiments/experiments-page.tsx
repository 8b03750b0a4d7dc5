export function ExperimentsPage(): null { return null; }
