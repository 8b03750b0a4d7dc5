export function ComparePage(): null { return null; }
