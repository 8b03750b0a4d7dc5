/* A pipeline's parameters: what a form asks for, and what a person's text means. */
import type { Json, JsonMap, ParameterType, Spec, SpecInput } from './types';

export function inputsOf(spec: Spec): SpecInput[] {
  return Object.entries(spec.root?.inputDefinitions?.parameters ?? {}).map(([name, p]) => ({
    name,
    type: (p.parameterType ?? 'STRING') as ParameterType,
    optional: p.isOptional === true || p.defaultValue !== undefined,
    default: p.defaultValue ?? null,
    literals: (p.literals as Json[] | undefined) ?? null,
    description: (p.description as string | undefined) ?? null,
  }));
}

/* A value as the text that a person edits. */
export function toText(v: Json, type: ParameterType): string {
  if (v === null) return '';
  if (type === 'LIST' || type === 'STRUCT') return JSON.stringify(v, null, 2);
  return typeof v === 'object' ? JSON.stringify(v) : String(v);
}

const NAMES: { [type in ParameterType]: string } = {
  STRING: 'text',
  NUMBER_INTEGER: 'a whole number',
  NUMBER_DOUBLE: 'a number',
  BOOLEAN: 'true or false',
  LIST: 'a JSON list',
  STRUCT: 'a JSON object',
};
export const typeName = (type: ParameterType): string => NAMES[type];

export interface Parsed { value: Json; error: string | null }

export function fromText(text: string, input: SpecInput): Parsed {
  const wrong = (): Parsed => ({ value: null, error: `This takes ${NAMES[input.type]}` });
  if (text === '' && input.type !== 'STRING') return input.optional ? { value: null, error: null } : { value: null, error: 'This is needed' };
  if (input.type === 'STRING') return { value: text, error: null };
  if (input.type === 'NUMBER_INTEGER' || input.type === 'NUMBER_DOUBLE') {
    const n = Number(text);
    const bad = text.trim() === '' || !Number.isFinite(n) || (input.type === 'NUMBER_INTEGER' && !Number.isInteger(n));
    return bad ? wrong() : { value: n, error: null };
  }
  try {
    const v = JSON.parse(text) as Json;
    const fits = input.type === 'BOOLEAN' ? typeof v === 'boolean' : input.type === 'LIST' ? Array.isArray(v) : typeof v === 'object' && v !== null && !Array.isArray(v);
    return fits ? { value: v, error: null } : wrong();
  } catch {
    return wrong();
  }
}

/* Only what differs from the defaults is sent; null means: as the pipeline has it. */
export function given(texts: { [name: string]: string }, inputs: readonly SpecInput[]): { values: JsonMap; errors: { [name: string]: string } } {
  const values: JsonMap = {};
  const errors: { [name: string]: string } = {};
  for (const input of inputs) {
    const text = texts[input.name];
    if (text === undefined) continue;
    const { value, error } = fromText(text, input);
    if (error) errors[input.name] = error;
    else if (value !== null) values[input.name] = value;
  }
  return { values, errors };
}
