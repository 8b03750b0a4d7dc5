/* engine-start - the engine in a static libdhow: linked into the programs that call it alone. */
#include <string.h>

#include "cli/main.h"
#include "lib/lib-priv.h"

int dhow_engine_main(int argc, char **argv)
{
    const char *name = argc > 0 ? argv[0] : "", *slash = strrchr(name, '/');

    if (!strcmp(slash ? slash + 1 : name, "dhow"))
        return cli_main(argc, argv);
    dhow__engine_here();
    return -1;
}
