export function SchedulesPage(): null { return null; }
