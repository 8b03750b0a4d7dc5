export function SchedulePage(): null { return null; }
