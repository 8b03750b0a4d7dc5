/* The small parts that all pages are made of. */
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { ApiError } from '../lib/api';
import { ago, dateTime } from '../lib/format';
import { useSlow } from '../lib/use';
import { Icon, type IconName } from './icons';

export function Header({ title, above, badge, sub, actions }: {
  title: ComponentChildren;
  above?: ComponentChildren;
  badge?: ComponentChildren;
  sub?: ComponentChildren;
  actions?: ComponentChildren;
}): JSX.Element {
  return (
    <header class="head">
      <div class="head-text">
        {above && <nav class="crumbs" aria-label="Breadcrumb">{above}</nav>}
        <div class="head-line">
          <h1>{title}</h1>
          {badge}
        </div>
        {sub && <div class="head-sub">{sub}</div>}
      </div>
      {actions && <div class="head-actions">{actions}</div>}
    </header>
  );
}

type ButtonProps = {
  icon?: IconName;
  kind?: 'primary' | 'plain' | 'ghost' | 'danger';
  label?: string; /* where there is no text */
  children?: ComponentChildren;
} & Omit<JSX.ButtonHTMLAttributes<HTMLButtonElement>, 'icon' | 'label'>;

export function Button({ icon, kind = 'plain', label, children, ...rest }: ButtonProps): JSX.Element {
  return (
    <button type="button" {...rest} class={`button ${kind}${children ? '' : ' square'} ${(rest.class as string | undefined) ?? ''}`} aria-label={label} title={label ?? rest.title}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

export function Time({ at }: { at: string | null }): JSX.Element | null {
  if (!at) return null;
  return <time dateTime={at} title={dateTime(at)}>{ago(at)}</time>;
}

/* Nothing here yet: says what would be, and the command that makes it so. */
export function Empty({ icon, title, children, command }: { icon: IconName; title: string; children?: ComponentChildren; command?: string }): JSX.Element {
  return (
    <div class="empty">
      <span class="empty-icon"><Icon name={icon} size={28} /></span>
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {command && <Command text={command} />}
    </div>
  );
}

export function Command({ text }: { text: string }): JSX.Element {
  return (
    <div class="command">
      <code>{text}</code>
      <CopyButton text={text} />
    </div>
  );
}

export function CopyButton({ text, label = 'Copy', children }: { text: string; label?: string; children?: ComponentChildren }): JSX.Element {
  const [done, setDone] = useState(false);
  const copy = (): void => {
    void navigator.clipboard.writeText(text).then(() => {
      setDone(true);
      setTimeout(() => setDone(false), 1200);
    });
  };
  return (
    <button type="button" class={`button ghost${children ? '' : ' square'}`} onClick={copy} aria-label={done ? 'Copied' : label} title={label}>
      {done ? <span class="copied">✓</span> : <Icon name="copy" />}
      {children}
    </button>
  );
}

export function Failure({ error, retry }: { error: ApiError; retry?: () => void }): JSX.Element {
  return (
    <div class="failure" role="alert">
      <strong>{error.status === 404 ? 'Not there' : 'That did not work'}</strong>
      <span>{error.message}</span>
      {retry && <Button icon="retry" onClick={retry}>Try again</Button>}
    </div>
  );
}

/* Nothing for the first 100 ms; then a word. */
export function Waiting({ on }: { on: boolean }): JSX.Element | null {
  const slow = useSlow(on);
  return slow ? <p class="waiting" role="status">Loading…</p> : null;
}

/* A page's main thing: waits, says what went wrong, or shows it. */
export function Show<T>({ of, children }: {
  of: { data: T | null; error: ApiError | null; loading: boolean; reload: () => void };
  children: (data: T) => ComponentChildren;
}): JSX.Element {
  if (of.data !== null) return <>{children(of.data)}</>;
  return of.error ? <Failure error={of.error} retry={of.reload} /> : <Waiting on={of.loading} />;
}

export interface TabItem { id: string; name: string; count?: number | null }

export function Tabs({ items, at, onPick, label }: { items: TabItem[]; at: string; onPick: (id: string) => void; label: string }): JSX.Element {
  const key = (e: KeyboardEvent): void => {
    const i = items.findIndex((t) => t.id === at);
    const step = e.key === 'ArrowRight' ? 1 : e.key === 'ArrowLeft' ? -1 : 0;
    const to = items[(i + step + items.length) % items.length];
    if (!step || !to) return;
    e.preventDefault();
    onPick(to.id);
    ((e.currentTarget as HTMLElement).querySelector(`[data-tab="${to.id}"]`) as HTMLElement | null)?.focus();
  };
  const ref = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const list = ref.current as HTMLDivElement;
    const tab = list.querySelector<HTMLElement>('[aria-selected="true"]');
    if (tab) list.scrollLeft = Math.min(tab.offsetLeft - list.offsetLeft - 12, Math.max(list.scrollLeft, tab.offsetLeft - list.offsetLeft + tab.offsetWidth + 12 - list.clientWidth));
  }, [at]);
  return (
    <div class="tabs" ref={ref} role="tablist" aria-label={label} tabIndex={-1} onKeyDown={key}>
      {items.map((t) => (
        <button key={t.id} type="button" role="tab" data-tab={t.id} aria-selected={t.id === at} tabIndex={t.id === at ? 0 : -1} onClick={() => onPick(t.id)}>
          {t.name}
          {t.count !== undefined && t.count !== null && <span class="count">{t.count}</span>}
        </button>
      ))}
    </div>
  );
}

export function Dialog({ title, onClose, children, footer, wide }: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  footer?: ComponentChildren;
  wide?: boolean;
}): JSX.Element {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    dialog?.querySelector<HTMLElement>('.dialog-body :is(input, select, textarea)')?.focus();
    return () => dialog?.close();
  }, []);
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/click-events-have-key-events -- Escape closes it as well
    <dialog ref={ref} class={wide ? 'wide' : ''} aria-label={title} onCancel={onClose} onClick={(e) => e.target === ref.current && onClose()}>
      <div class="dialog-head">
        <h2>{title}</h2>
        <Button icon="close" kind="ghost" label="Close" onClick={onClose} />
      </div>
      <div class="dialog-body">{children}</div>
      {footer && <div class="dialog-foot">{footer}</div>}
    </dialog>
  );
}

/* A button with a list of actions or choices below it. */
export function Menu({ button, children, label, align = 'right' }: {
  button: ComponentChildren;
  children: ComponentChildren;
  label: string;
  align?: 'left' | 'right';
}): JSX.Element {
  const ref = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const close = (e: Event): void => {
      const menu = ref.current;
      if (menu?.open && (e.type === 'keydown' ? (e as KeyboardEvent).key === 'Escape' : !menu.contains(e.target as Node))) menu.open = false;
    };
    addEventListener('pointerdown', close);
    addEventListener('keydown', close);
    return () => {
      removeEventListener('pointerdown', close);
      removeEventListener('keydown', close);
    };
  }, []);
  return (
    <details class={`menu ${align}`} ref={ref}>
      <summary class="button plain" aria-label={label} title={label}>{button}</summary>
      <div class="menu-list">{children}</div>
    </details>
  );
}

export function Field({ label, hint, children, error }: { label: string; hint?: ComponentChildren; children: ComponentChildren; error?: string | null }): JSX.Element {
  return (
     
    <label class="field">
      <span class="field-label">{label}</span>
      {children}
      {error ? <span class="field-error" role="alert">{error}</span> : hint && <span class="field-hint">{hint}</span>}
    </label>
  );
}

export function Tags({ tags }: { tags: { [key: string]: string } | undefined }): JSX.Element | null {
  const all = Object.entries(tags ?? {});
  if (!all.length) return null;
  return <span class="tags">{all.map(([k, v]) => <span key={k} class="tag">{v ? `${k}: ${v}` : k}</span>)}</span>;
}
