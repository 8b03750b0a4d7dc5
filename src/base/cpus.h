#pragma once
/* cpus - how many processors this process may use (its affinity); at least 1. */
int cpus(void);
