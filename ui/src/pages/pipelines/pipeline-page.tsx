export function PipelinePage(): null { return null; }
