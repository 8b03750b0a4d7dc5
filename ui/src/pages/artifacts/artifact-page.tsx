export function ArtifactPage(): null { return null; }
