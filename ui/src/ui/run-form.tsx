/* A form made from a pipeline's parameters, each with its type; or all of them as JSON. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { post } from '../lib/api';
import { fromText, given, toText, typeName } from '../lib/inputs';
import { go } from '../lib/route';
import type { JsonMap, SpecInput } from '../lib/types';
import { value } from '../lib/format';
import { Button, Dialog, Failure, Field } from './parts';
import { ParameterField } from './parameter-field';
import type { ApiError } from '../lib/api';

export interface RunFormProps {
  title: string;
  inputs: SpecInput[];
  start: JsonMap; /* what the fields begin with, before defaults */
  source: { run_id: string } | { version_id: string } | { pipeline_id: string };
  experiment: string;
  onClose: () => void;
}

function texts(inputs: readonly SpecInput[], start: JsonMap): { [name: string]: string } {
  return Object.fromEntries(inputs.map((i) => [i.name, toText(start[i.name] ?? i.default, i.type)]));
}

export function RunForm({ title, inputs, start, source, experiment, onClose }: RunFormProps): JSX.Element {
  const [fields, setFields] = useState(() => texts(inputs, start));
  const [name, setName] = useState('');
  const [group, setGroup] = useState(experiment);
  const [cache, setCache] = useState('');
  const [json, setJson] = useState<string | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const { values, errors } = given(fields, inputs);
  const jsonError = json === null ? null : fromText(json, { name: '', type: 'STRUCT', optional: true, default: null, literals: null, description: null }).error;

  const flip = (): void => {
    if (json === null) setJson(JSON.stringify(values, null, 2));
    else if (!jsonError) {
      setFields(texts(inputs, JSON.parse(json || '{}') as JsonMap));
      setJson(null);
    }
  };
  const start_ = (e: Event): void => {
    e.preventDefault();
    setTried(true);
    const parameters = json === null ? values : (JSON.parse(jsonError ? '{}' : json || '{}') as JsonMap);
    if (json === null ? Object.keys(errors).length : jsonError) return;
    setBusy(true);
    post<{ run_id: string }>('/ui/runs', { ...source, parameters, display_name: name || null, experiment: group || null, cache: cache || null }).then(
      ({ run_id }) => {
        onClose();
        go(`/runs/details/${run_id}`);
      },
      (fault: ApiError) => {
        setError(fault);
        setBusy(false);
      },
    );
  };
  return (
    <Dialog
      title={title} wide onClose={onClose}
      footer={
        <>
          <Button kind="ghost" onClick={flip}>{json === null ? 'Edit as JSON' : 'Edit as form'}</Button>
          <span class="grow" />
          <Button onClick={onClose}>Close</Button>
          <Button kind="primary" icon="play" disabled={busy} onClick={start_}>Start</Button>
        </>
      }
    >
      <form class="stack" onSubmit={start_}>
        {error && <Failure error={error} />}
        {inputs.length === 0 && <p class="muted">This pipeline has no parameters.</p>}
        {json !== null && (
          <Field label="Parameters" error={jsonError}>
            <textarea rows={14} value={json} spellcheck={false} onInput={(e) => setJson(e.currentTarget.value)} />
          </Field>
        )}
        {json === null && inputs.length > 0 && (
          <div class="form-grid">
            {inputs.map((input) => (
              <Field
                key={input.name} label={input.name} error={tried || fields[input.name] ? errors[input.name] ?? null : null}
                hint={input.description ?? `${typeName(input.type)}${input.default !== null ? `, ${value(input.default) || 'empty'} unless set` : input.optional ? ', may be left out' : ', needed'}`}
              >
                <ParameterField input={input} text={fields[input.name] ?? ''} onText={(t) => setFields({ ...fields, [input.name]: t })} />
              </Field>
            ))}
          </div>
        )}
        <hr />
        <div class="form-grid">
          <Field label="Name of the run"><input value={name} placeholder="made from the pipeline's name" onInput={(e) => setName(e.currentTarget.value)} /></Field>
          <Field label="Experiment"><input value={group} onInput={(e) => setGroup(e.currentTarget.value)} /></Field>
          <Field label="Cache">
            <select value={cache} onChange={(e) => setCache(e.currentTarget.value)}>
              <option value="">As the pipeline says</option>
              <option value="off">Off: run every step</option>
              <option value="refresh">Refresh: run every step, keep the results</option>
              <option value="read">Read only</option>
            </select>
          </Field>
        </div>
        <button type="submit" class="sr" tabIndex={-1}>Start</button>
      </form>
    </Dialog>
  );
}
