export function ModelsPage(): null { return null; }
