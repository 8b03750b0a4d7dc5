/* Round steps for an axis. */
const STEPS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 900e3, 1800e3, 3600e3, 7200e3, 4 * 3600e3, 8 * 3600e3, 86400e3];

export function timeTicks(spanMs: number, most: number): number[] {
  const step = STEPS_MS.find((s) => spanMs / s <= most) ?? Math.ceil(spanMs / most / 86400e3) * 86400e3;
  const out: number[] = [];
  for (let t = 0; t <= spanMs; t += step) out.push(t);
  return out;
}

export function niceTicks(min: number, max: number, most = 5): number[] {
  if (!(max > min)) return [min];
  const raw = (max - min) / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 2.5, 5, 10].find((m) => m * power >= raw) ?? 10) * power;
  const out: number[] = [];
  for (let v = Math.ceil(min / step) * step; v <= max + step / 1e6; v += step) out.push(Number(v.toPrecision(12)));
  return out;
}
