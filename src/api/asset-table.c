/* asset-table - what `/` answers where the page has not been built in. */
#include "api/asset.h"

static const char index_html[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>dhow</title>"
    "<h1>dhow</h1><p>This dhow was built without its page. Its API is at "
    "<a href=\"/apis/v2beta1/runs\">/apis/v2beta1/runs</a>.</p></html>";

const struct asset asset_table[] = {
    {"/", "text/html; charset=utf-8", "\"none\"", index_html, sizeof index_html - 1, false, false},
    {NULL, NULL, NULL, NULL, 0, false, false},
};
