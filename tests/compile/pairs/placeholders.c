#include "parts.h"

#define WORDS(X)                                                                                   \
    X(TEXT, text, DHOW_REQUIRED, "")                                                               \
    X(INPUT, data, DHOW_DATASET, "")                                                               \
    X(TEXT, label, DHOW_OPTIONAL, "") X(OPTIONAL_INPUT, more, DHOW_DATASET, "")
DHOW_CONTAINER(
    words, "", WORDS, .image = "alpine",
    .command = {"w", DHOW_CONCAT("--text=", DHOW_VALUE("text"), " \"quoted\\\"")},
    .args = {DHOW_IF_PRESENT("label", "--label", DHOW_VALUE("label"), DHOW_OTHERWISE, "--no-label"),
             "between",
             DHOW_IF_PRESENT("more", "--more", DHOW_CONCAT("file:", DHOW_INPUT_PATH("data"))),
             DHOW_CONCAT("a", DHOW_IF_PRESENT("label", DHOW_VALUE("label"), DHOW_OTHERWISE, "none"),
                         DHOW_CONCAT("b", "c"))})

#define IN(X) X(INPUT, data, DHOW_DATASET, "")
DHOW_PIPELINE(placeholders, "placeholders", "", IN)
{
    DHOW_RUN(words, .text = dhow_v("t"), .data = in->data, .label = dhow_v("l"));
    DHOW_RUN(words, .text = dhow_v("u"), .data = in->data);
}
DHOW_MAIN(placeholders)
