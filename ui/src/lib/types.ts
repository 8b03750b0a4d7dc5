/* What the server answers: docs/api.md, the part about /ui. */

export type State =
  | 'PENDING' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'SKIPPED' | 'CACHED' | 'CANCELED' | 'CANCELING';
export type TaskType =
  | 'ROOT' | 'RUNTIME' | 'CONDITION' | 'CONDITION_BRANCH' | 'LOOP' | 'LOOP_ITERATION' | 'EXIT_HANDLER' | 'IMPORTER' | 'DAG';
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonMap = { [key: string]: Json };
export interface Ref { id: string; name: string }
export interface Page<T> { items: T[]; next: string | null; total: number | null }
export interface Fault { task: string | null; message: string; log_tail: string | null }
export interface Counts { total: number; done: number; failed: number; running: number }

export interface Run {
  run_id: string;
  number: number;
  display_name: string;
  description: string | null;
  notes: string | null;
  state: State;
  pipeline: Ref | null;
  version: Ref | null;
  experiment: Ref | null;
  schedule_id: string | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  archived: boolean;
  error: Fault | null;
  parameters: JsonMap;
  metrics: { [name: string]: number };
  columns: JsonMap;
  tags?: { [key: string]: string };
  tasks: Counts;
}

export interface Artifact {
  artifact_id: string;
  name: string | null;
  type: string;
  uri: string | null;
  digest: string | null;
  size_bytes: number | null;
  metadata: JsonMap;
  state?: 'LIVE' | 'DELETED';
  created_at?: string;
  producer?: { run_id: string; task_id: string; task: string; key: string } | null;
}
export interface Io { parameters: JsonMap; artifacts: { [key: string]: Artifact[] } }
export interface Attempt {
  number: number;
  state: State;
  reason: string | null;
  exit_code: number | null;
  started_at: string | null;
  finished_at: string | null;
  log_bytes: number | null;
}
export interface Task {
  task_id: string;
  parent_task_id: string | null;
  name: string;
  display_name: string | null;
  scope_path: string;
  key: string;
  type: TaskType;
  iteration_index: number | null;
  iteration_count: number | null;
  state: State;
  reason: string | null;
  attempts: number;
  cached_from: string | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  exit_code: number | null;
  error: Fault | null;
  inputs: Io | null;
  outputs: Io | null;
  attempt_list: Attempt[] | null;
}
export interface WholeTask extends Task { run_id: string }
export interface WholeRun extends Run {
  cache_mode: string;
  pipeline_root: string;
  outputs: JsonMap;
  options: JsonMap;
  spec_digest: string;
  last_event_id: string;
  command: string;
  tasks_list: Task[];
}
export interface MetricPoint { id: number; task_id: string; task: string; name: string; step: number | null; value: number; time: string }

export interface Compared<T> { name: string; values: T[]; differs: boolean }
export interface Comparison {
  runs: Run[];
  parameters: Compared<Json>[];
  metrics: Compared<number | null>[];
  artifacts: { key: string; type: string; values: (Artifact | null)[] }[];
  specs_differ: boolean;
}

export interface Use { run_id: string; run_name: string; task_id: string; task: string; key: string }
export interface WholeArtifact extends Artifact {
  producers: Use[];
  consumers: Use[];
  model_versions?: { model: string; version: string }[];
}
export interface FileEntry { name: string; folder: boolean; bytes: number | null }
export interface Lineage {
  nodes: { id: string; kind: 'artifact' | 'task'; name: string; type: string; state: string | null; run_id: string | null; run_name: string | null }[];
  edges: { from: string; to: string; key: string }[];
  more: boolean;
}

export interface PipelineRow {
  id: string;
  name: string;
  display_name: string | null;
  description: string | null;
  tags: { [key: string]: string };
  created_at: string;
  n_versions: number;
  n_runs: number;
  last_run_at: string | null;
  latest_version: Ref | null;
}
export interface VersionRow {
  id: string;
  name: string;
  display_name: string | null;
  description: string | null;
  tags: { [key: string]: string };
  created_at: string;
  spec_digest: string;
  code_source_url: string | null;
}
export interface WholePipeline extends PipelineRow { versions: VersionRow[] }
export type ParameterType = 'STRING' | 'NUMBER_INTEGER' | 'NUMBER_DOUBLE' | 'BOOLEAN' | 'LIST' | 'STRUCT';
export interface SpecInput {
  name: string;
  type: ParameterType;
  optional: boolean;
  default: Json;
  literals: Json[] | null;
  description: string | null;
}
export interface WholeVersion extends VersionRow { pipeline: Ref; pipeline_spec: Spec; platform_spec: Json; inputs: SpecInput[] }

export interface Experiment {
  id: string;
  name: string;
  description: string | null;
  created_at: string;
  last_run_at: string | null;
  n_runs: number;
  archived: boolean;
}
export interface WholeExperiment extends Experiment { parameter_names: string[]; metric_names: string[] }

export interface Trigger {
  cron: string | null;
  interval_s: number | null;
  start_time: string | null;
  end_time: string | null;
  time_zone: string | null;
}
export interface Schedule {
  id: string;
  name: string;
  description: string | null;
  enabled: boolean;
  trigger: Trigger;
  no_catchup: boolean;
  max_concurrency: number;
  overlap: 'wait' | 'skip' | 'cancel';
  parameters: JsonMap;
  pipeline: Ref | null;
  version: Ref | null;
  experiment: Ref | null;
  created_at: string;
  updated_at: string;
  last_at: string | null;
  next_at: string | null;
  n_runs: number;
  error: string | null;
}
export interface WholeSchedule extends Schedule { next: string[] }

export interface ModelRow {
  id: string;
  name: string;
  description: string | null;
  created_at: string;
  updated_at: string;
  n_versions: number;
  latest: string | null;
}
export interface ModelVersion {
  id: string;
  version: string;
  description: string | null;
  aliases: string[];
  stage?: string | null;
  approval?: { state: string; by: string | null; at: string | null; why: string | null } | null;
  artifact: Artifact | null;
  run_id: string | null;
  run_name: string | null;
  task_id: string | null;
  metadata: JsonMap;
  metrics: { [name: string]: number };
  created_at: string;
}
export interface WholeModel extends ModelRow { versions: ModelVersion[] }

export interface Question { description?: string | null; default?: string | null; enum?: string[] | null }
export interface Approval {
  id: string;
  run_id: string;
  run_name: string;
  task_id: string;
  task: string;
  message: string | null;
  parameters: { [name: string]: Question } | null;
  state: 'waiting' | 'approved' | 'rejected';
  asked_at: string;
  decided_at: string | null;
  decided_by: string | null;
  comment: string | null;
}
export interface System {
  version: string;
  started_at: string;
  now: string;
  home: string;
  user: { name: string | null; role: string | null; namespace: string | null } | null;
  login: boolean;
  cores: number;
  load: number | number[];
  memory: { server_bytes: number; total_bytes: number; free_bytes: number };
  disk: { total_bytes: number; free_bytes: number };
  database: { path: string; bytes: number; schema: number };
  runs: { [state: string]: number };
  queue: { running: number; waiting: number; jobs: number };
  environments: { key: string; python: string; packages: string[]; bytes: number | null; used_at: string | null }[];
  workers?: { pid: number; environment: string }[];
  watchers: number;
  time_zone: string;
}
export interface Found { kind: 'run' | 'pipeline' | 'experiment' | 'model' | 'schedule' | 'artifact'; id: string; name: string; state: State | null; at: string | null }

/* The pipeline spec, as far as the page reads it: pipeline_spec.proto in JSON. */
export interface SpecTask {
  componentRef?: { name: string };
  taskInfo?: { name?: string };
  dependentTasks?: string[];
  inputs?: {
    parameters?: { [key: string]: JsonMap };
    artifacts?: { [key: string]: JsonMap };
  };
  triggerPolicy?: { condition?: string; strategy?: string };
  parameterIterator?: { itemInput?: string; items?: { inputParameter?: string; raw?: string } };
  artifactIterator?: { itemInput?: string; items?: { inputArtifact?: string } };
  iteratorPolicy?: { parallelismLimit?: number };
  cachingOptions?: { enableCache?: boolean };
  retryPolicy?: { maxRetryCount?: number };
}
export interface SpecComponent {
  executorLabel?: string;
  dag?: { tasks: { [name: string]: SpecTask }; outputs?: JsonMap };
  inputDefinitions?: { parameters?: { [key: string]: JsonMap }; artifacts?: { [key: string]: JsonMap } };
  outputDefinitions?: { parameters?: { [key: string]: JsonMap }; artifacts?: { [key: string]: JsonMap } };
}
export interface Spec {
  pipelineInfo?: { name?: string; description?: string; displayName?: string };
  components?: { [name: string]: SpecComponent };
  deploymentSpec?: { executors?: { [label: string]: JsonMap } };
  root?: SpecComponent;
}
