#pragma once
/* launch - pods' requests (/launch/v1): checked as far as the server can, and handed on to the
 * process that runs the run, whose answer is the answer. The server waits for none of them. */
#include "api/req.h"

struct launch;

int launch_open(struct api *api, struct launch **ret, struct dh_err *err);
struct launch *launch_close(struct launch *l); /* what waits is answered 503 */
OWN_DEFINE(struct launch *, launch_close)
int launch_poll_fd(const struct launch *l); /* readable: call launch_run */
void launch_run(struct launch *l);
void launch_sweep(struct launch *l);                     /* each second: what waits too long */
void launch_end(struct launch *l);                       /* no more: all that wait are answered */
void launch_gone(struct launch *l, const struct req *r); /* nobody waits for the answer any more */

req_handler launch_claim, launch_sign, launch_complete, launch_finish, launch_beat;
