export function ExperimentPage(): null { return null; }
