#pragma once
/* id - identifiers: UUID version 7 (RFC 9562), so that newer ids sort after older ones. */
#include <stdbool.h>

#define ID_TEXT 37 /* 36 characters and the NUL */

char *
id_new(char to[ID_TEXT]); /* returns `to`; increasing within a process, unique between processes */
bool id_is_uuid(const char *text);
