/* A file from this computer becomes a pipeline, or a version of one: by the same call as KFP's page. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { query, request, type ApiError } from '../../lib/api';
import { go } from '../../lib/route';
import type { Ref } from '../../lib/types';
import { Button, Dialog, Failure, Field } from '../../ui/parts';

interface Uploaded { pipeline_id: string; pipeline_version_id?: string }

export function Upload({ pipeline, onClose }: { pipeline: Ref | null; onClose: () => void }): JSX.Element {
  const [file, setFile] = useState<File | null>(null);
  const [name, setName] = useState('');
  const [error, setError] = useState<ApiError | null>(null);
  const send = (e: Event): void => {
    e.preventDefault();
    if (!file) return;
    const body = new FormData();
    body.set('uploadfile', file);
    const path = pipeline ? `/apis/v2beta1/pipelines/upload_version${query({ pipelineid: pipeline.id, name: name || file.name.replace(/\.[^.]*$/, '') })}` : `/apis/v2beta1/pipelines/upload${query({ name })}`;
    request(path, { method: 'POST', body }).then((r) => r.json() as Promise<Uploaded>).then(
      (made) => {
        onClose();
        go(`/pipelines/details/${made.pipeline_id}${made.pipeline_version_id ? `/version/${made.pipeline_version_id}` : ''}`);
      },
      setError,
    );
  };
  return (
    <Dialog title={pipeline ? `New version of ${pipeline.name}` : 'Upload a pipeline'} onClose={onClose} footer={<Button kind="primary" icon="upload" disabled={!file} onClick={send}>Upload</Button>}>
      <form class="stack" onSubmit={send}>
        {error && <Failure error={error} />}
        <Field label="Compiled pipeline" hint="YAML, JSON, .zip or .tar.gz, as the kfp compiler writes it">
          <input type="file" accept=".yaml,.yml,.json,.zip,.tar.gz,.tgz" onChange={(e) => setFile(e.currentTarget.files?.[0] ?? null)} />
        </Field>
        <Field label={pipeline ? 'Name of the version' : 'Name'} hint={pipeline ? 'The file’s name unless set' : 'The pipeline’s own name unless set'}>
          <input value={name} onInput={(e) => setName(e.currentTarget.value)} />
        </Field>
      </form>
    </Dialog>
  );
}
