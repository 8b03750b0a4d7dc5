/* A code that a role of AWS wants (mfa_serial), asked for on the terminal. */
#include "cli/code.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/own.h"

/* Of a process that may read it: one in the background would be stopped. */
static bool has_terminal(void)
{
    own_fd int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

    return tty >= 0 && tcgetpgrp(tty) == getpgrp();
}

int cli_ask_code(const char *device, char **ret, struct dh_err *err)
{
    own_mem char *prompt = dh_printf("code of %s: ", device);
    char *line = has_terminal() ? getpass(prompt) : NULL;

    (void)err;
    *ret = line && *line ? dh_strdup(line) : NULL;
    if (line)
        explicit_bzero(line, strlen(line));
    return 0;
}
