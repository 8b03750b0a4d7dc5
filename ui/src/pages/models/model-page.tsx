export function ModelPage(): null { return null; }
