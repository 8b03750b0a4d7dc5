export function ArtifactsPage(): null { return null; }
