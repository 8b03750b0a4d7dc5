export function ApprovalsPage(): null { return null; }
