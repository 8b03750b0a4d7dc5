#pragma once
/* serve - the routes of the server itself: health, metrics, login, the page. */
#include "api/req.h"

req_handler serve_healthz, serve_readyz, serve_metrics, serve_kfp_healthz;
req_handler serve_page, serve_login, serve_logout;
