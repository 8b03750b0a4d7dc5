/* program - where `dhow` starts. */
#include <fcntl.h>
#include <unistd.h>

#include "cli/main.h"

/* Where one of the three standard files is closed, the next file that is opened would get its
 * number: the record, say, and what is printed would be written into it. Each is opened the wrong
 * way round, so that using it fails as it does where it is closed. */
static void hold_standard_files(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
    hold_standard_files();
    return cli_main(argc, argv);
}
