#pragma once
/* env - the environment of a child that differs from ours by one name. */

/* Ours, with `name`=`value` (NULL: without the name). One block for the pointers and the text:
 * free(). The other texts are borrowed. */
char **env_with(const char *name, const char *value);
