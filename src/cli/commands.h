#pragma once
/* commands - one struct a command, each in the file of its name. */
#include "cli/cli.h"

/* A line a command, so that two changes that add one do not meet. */
extern const struct cli_command cmd_approvals;
extern const struct cli_command cmd_approve;
extern const struct cli_command cmd_argo;
extern const struct cli_command cmd_artifacts;
extern const struct cli_command cmd_cancel;
extern const struct cli_command cmd_compare;
extern const struct cli_command cmd_compile;
extern const struct cli_command cmd_completion;
extern const struct cli_command cmd_component;
extern const struct cli_command cmd_configs;
extern const struct cli_command cmd_db;
extern const struct cli_command cmd_deploy;
extern const struct cli_command cmd_doctor;
extern const struct cli_command cmd_envs;
extern const struct cli_command cmd_experiments;
extern const struct cli_command cmd_explain;
extern const struct cli_command cmd_gc;
extern const struct cli_command cmd_help;
extern const struct cli_command cmd_import;
extern const struct cli_command cmd_launch;
extern const struct cli_command cmd_lineage;
extern const struct cli_command cmd_logs;
extern const struct cli_command cmd_mlmd;
extern const struct cli_command cmd_models;
extern const struct cli_command cmd_new;
extern const struct cli_command cmd_pin;
extern const struct cli_command cmd_pipelines;
extern const struct cli_command cmd_plan;
extern const struct cli_command cmd_reject;
extern const struct cli_command cmd_resume;
extern const struct cli_command cmd_retry;
extern const struct cli_command cmd_run;
extern const struct cli_command cmd_runs;
extern const struct cli_command cmd_secrets;
extern const struct cli_command cmd_serve;
extern const struct cli_command cmd_show;
extern const struct cli_command cmd_submit;
extern const struct cli_command cmd_test;
extern const struct cli_command cmd_validate;
extern const struct cli_command cmd_version;
