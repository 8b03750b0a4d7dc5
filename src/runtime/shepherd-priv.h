#pragma once
/* The words between the engine and its shepherd: a header, then `size` bytes. */
#include <stdint.h>
#include <sys/types.h>

enum shepherd_word { WORD_JOURNAL = 1, WORD_SPAWN, WORD_SIGNAL };

struct shepherd_header {
    uint32_t word, size;
    uint64_t id;
    int32_t signal;              /* WORD_SIGNAL */
    uint32_t n_argv, n_env;      /* WORD_SPAWN; the texts follow: key, file, cwd, log, cgroup, argv, env */
    int64_t log_max, memory_max, processes_max; /* WORD_SPAWN */
};

#define SHEPHERD_WORD_MAX (256u << 20)

/* The shepherd's main loop; returns when all is over. */
void shepherd_main(int control);

struct child_request {
    const char *file, *cwd, *log;
    char **argv, **env;
    char **cgroup; /* files to write "0" to; NULL-terminated */
    uint64_t memory_max, processes_max;
};
/* Starts it in a process group of its own. Returns the pid, or -errno. */
pid_t child_start(const struct child_request *r);
