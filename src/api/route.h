#pragma once
/* route - the table of what the server answers. One line an operation: the files of its resource
 * have the handlers. */
#include "api/auth.h"
#include "api/req.h"

enum route_form {              /* how an error is said */
                  FORM_KFP,    /* {"code", "message", "details"} */
                  FORM_UPLOAD, /* {"error_message", "error_details"} */
                  FORM_UI,     /* {"error": {"status", "message"}} */
                  FORM_TEXT,
};

enum {
    ROUTE_RAW_BODY = 1,   /* the body is not JSON */
    ROUTE_OPEN = 2,       /* needs no login */
    ROUTE_PAGE = 4,       /* may be shown in a frame or navigated to from elsewhere */
    ROUTE_KEPT = 8,       /* nothing but the record and the query decides on the answer: kept.h */
    ROUTE_FILE_BODY = 32, /* the body, as large as it is, goes to a file: body.h */
    ROUTE_POD = 16, /* pods and probes ask, by whatever name the server has in their cluster */
};

struct route {
    enum req_method method;
    const char *template; /* see uri_match */
    req_handler *handler;
    enum auth_role role; /* at least */
    enum route_form form;
    unsigned flags;
    const char *doing; /* "Failed to get a run": stands before an error's message; or NULL */
};

/* 0: *ret and params; 1: nothing has that path; 2: not by that method. HEAD is answered as GET. */
int route_find(enum req_method method, const char *path, struct arena *a, const struct route **ret,
               const char *params[URI_PARAMS]);
size_t route_n(void);
const struct route *route_at(size_t i);
size_t route_index(const struct route *route);
/* How errors of an unknown path are said. */
enum route_form route_form_of(const char *path);
