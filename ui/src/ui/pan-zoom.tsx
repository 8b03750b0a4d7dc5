/* A surface that is dragged and zoomed: for graphs. It says which part is seen, so that the rest need not be made. */
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Button } from './parts';

export interface Seen { x: number; y: number; w: number; h: number }
interface At { x: number; y: number; k: number }
const MIN = 0.08;
const MAX = 2;
const READABLE = 0.75;

/* All of it where that can still be read; else so large that it can, with the first box in the middle. `all`: all of it. */
function fit(w: number, h: number, box: DOMRect, first: number, all: boolean): At {
  const pad = 28;
  const whole = Math.min(1, (box.width - 2 * pad) / w, (box.height - 2 * pad) / h);
  const k = Math.max(whole, all ? MIN : READABLE);
  const wide = w * k > box.width - 2 * pad;
  const x = Math.min(pad, Math.max(box.width - pad - w * k, box.width / 2 - first * k));
  return { k, x: wide ? x : (box.width - w * k) / 2, y: h * k < box.height - 2 * pad ? Math.min(48, (box.height - h * k) / 2) : pad };
}

export function PanZoom({ w, h, first, focus, children }: { w: number; h: number; first: number; focus?: Seen | null; children: (seen: Seen) => ComponentChildren }): JSX.Element {
  const ref = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<At>({ x: 0, y: 0, k: 1 });
  const [size, setSize] = useState({ w: 1000, h: 700 });
  const touched = useRef(false);
  const drag = useRef<{ x: number; y: number; at: At } | null>(null);

  const refit = (all: boolean): void => {
    if (ref.current && w > 0) setAt(fit(w, h, ref.current.getBoundingClientRect(), first, all));
  };
  const zoom = (factor: number, px?: number, py?: number): void => {
    touched.current = true;
    setAt((a) => {
      const k = Math.min(MAX, Math.max(MIN, a.k * factor));
      const x = px ?? size.w / 2;
      const y = py ?? size.h / 2;
      return { k, x: x - ((x - a.x) * k) / a.k, y: y - ((y - a.y) * k) / a.k };
    });
  };
  useLayoutEffect(() => {
    if (!touched.current) refit(false);
  }, [w, h, size.w, size.h]);
  useEffect(() => {
    const el = ref.current as HTMLDivElement;
    const observer = new ResizeObserver(() => setSize({ w: el.clientWidth, h: el.clientHeight }));
    observer.observe(el);
    const wheel = (e: WheelEvent): void => {
      e.preventDefault();
      const box = el.getBoundingClientRect();
      if (e.ctrlKey || e.metaKey) zoom(Math.exp(-e.deltaY / 200), e.clientX - box.left, e.clientY - box.top);
      else {
        touched.current = true;
        setAt((a) => ({ ...a, x: a.x - e.deltaX, y: a.y - e.deltaY }));
      }
    };
    el.addEventListener('wheel', wheel, { passive: false });
    return () => {
      observer.disconnect();
      el.removeEventListener('wheel', wheel);
    };
  }, []);
  useEffect(() => {
    if (!focus) return;
    setAt((a) => {
      const x = focus.x * a.k + a.x;
      const y = focus.y * a.k + a.y;
      const inside = x > 0 && y > 0 && x + focus.w * a.k < size.w && y + focus.h * a.k < size.h;
      return inside ? a : { ...a, x: size.w / 2 - (focus.x + focus.w / 2) * a.k, y: size.h / 2 - (focus.y + focus.h / 2) * a.k };
    });
  }, [focus?.x, focus?.y]);

  const down = (e: PointerEvent): void => {
    if (e.button !== 0 || (e.target as HTMLElement).closest('button, a')) return;
    drag.current = { x: e.clientX, y: e.clientY, at };
    ref.current?.setPointerCapture(e.pointerId);
  };
  const moved = (e: PointerEvent): void => {
    const d = drag.current;
    if (!d) return;
    touched.current = true;
    setAt({ ...d.at, x: d.at.x + e.clientX - d.x, y: d.at.y + e.clientY - d.y });
  };
  const seen = { x: -at.x / at.k, y: -at.y / at.k, w: size.w / at.k, h: size.h / at.k };
  return (
    <div class="panzoom" ref={ref} onPointerDown={down} onPointerMove={moved} onPointerUp={() => (drag.current = null)} onPointerCancel={() => (drag.current = null)}>
      <div class="panzoom-in" style={{ transform: `translate(${at.x}px, ${at.y}px) scale(${at.k})`, width: `${w}px`, height: `${h}px` }}>{children(seen)}</div>
      <div class="panzoom-tools">
        <Button icon="plus" label="Larger" onClick={() => zoom(1.25)} />
        <Button icon="minus" label="Smaller" onClick={() => zoom(0.8)} />
        <Button icon="fit" label="Show all of it" onClick={() => { touched.current = true; refit(true); }} />
      </div>
    </div>
  );
}
