#pragma once
/* commands - one struct a command, each in the file of its name. */
#include "cli/cli.h"

extern const struct cli_command cmd_run, cmd_plan, cmd_explain, cmd_resume, cmd_retry, cmd_cancel;
extern const struct cli_command cmd_runs, cmd_show, cmd_logs, cmd_compare, cmd_artifacts;
extern const struct cli_command cmd_experiments, cmd_models, cmd_pipelines, cmd_lineage;
extern const struct cli_command cmd_approve, cmd_reject, cmd_approvals;
extern const struct cli_command cmd_validate, cmd_test, cmd_component, cmd_secrets, cmd_configs;
extern const struct cli_command cmd_envs, cmd_gc, cmd_serve;
extern const struct cli_command cmd_doctor, cmd_help, cmd_version, cmd_completion;
