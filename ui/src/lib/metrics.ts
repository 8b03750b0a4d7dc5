/* The record keeps a metric by its name alone (the last of that name) and as name@task. Where tasks are told apart, the
 * first says nothing new. */
export function distinct<T>(items: readonly T[], name: (item: T) => string): T[] {
  const told = new Set(items.map(name).filter((n) => n.includes('@')).map((n) => n.slice(0, n.indexOf('@'))));
  return items.filter((i) => !told.has(name(i)));
}
