export function PipelinesPage(): null { return null; }
