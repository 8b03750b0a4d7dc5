/* driver - the components alone, for tests of this folder: components-driver component NAME … */
#include <stdio.h>
#include <string.h>
#include "components/components.h"

int main(int argc, char **argv)
{
    int skip = argc > 1 && strcmp(argv[1], "component") == 0 ? 2 : 1;
    return components_main(argc - skip, argv + skip);
}
