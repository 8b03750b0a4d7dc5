/* Where the server wants a token. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { post } from '../lib/api';
import { Button, Dialog, Field } from './parts';

export function Login({ onClose }: { onClose: () => void }): JSX.Element {
  const [token, setToken] = useState('');
  const [error, setError] = useState<string | null>(null);
  const enter = (e: Event): void => {
    e.preventDefault();
    post('/ui/login', { token }).then(() => location.reload(), (fault: Error) => setError(fault.message));
  };
  return (
    <Dialog title="Log in" onClose={onClose} footer={<Button kind="primary" onClick={enter}>Log in</Button>}>
      <form onSubmit={enter}>
        <Field label="Token" hint="Whoever runs this server has one for you." error={error}>
          <input type="password" value={token} autocomplete="current-password" onInput={(e) => setToken(e.currentTarget.value)} />
        </Field>
      </form>
    </Dialog>
  );
}
