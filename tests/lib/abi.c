/* abi - where each member of dhow.h's structs is, on 64-bit machines: programs that are there
 * already rely on it. New members take the place of reserved ones; nothing moves, no size changes.
 */
#include <dhow/dhow.h>

#define AT(struct_, member_, offset_)                                                              \
    _Static_assert(offsetof(struct struct_, member_) == (offset_), #struct_ "." #member_)
#define SIZE(struct_, size_) _Static_assert(sizeof(struct struct_) == (size_), #struct_)

AT(dhow_options, home, 0);
AT(dhow_options, program, 8);
AT(dhow_options, database, 16);
AT(dhow_options, reserved, 24);
SIZE(dhow_options, 56);

AT(dhow_start_options, name, 0);
AT(dhow_start_options, experiment, 8);
AT(dhow_start_options, runtime, 16);
AT(dhow_start_options, cache, 24);
AT(dhow_start_options, jobs, 32);
AT(dhow_start_options, reserved, 40);
SIZE(dhow_start_options, 72);

AT(dhow_event, kind, 0);
AT(dhow_event, task, 8);
AT(dhow_event, state, 520);
AT(dhow_event, reason, 536);
AT(dhow_event, attempt, 1048);
AT(dhow_event, exit_code, 1052);
AT(dhow_event, json, 1056);
AT(dhow_event, reserved, 1064);
SIZE(dhow_event, 1128);

_Static_assert(DHOW_OK == 0 && DHOW_RUN_FAILED == -1 && DHOW_WRONG == -2 && DHOW_MACHINE == -3 &&
                   DHOW_NO_MEMORY == -4 && DHOW_CANCELED == -5,
               "statuses");
