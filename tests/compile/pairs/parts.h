/* The components of the pairs; pairs.py has the same. */
#include <dhow/pipeline.h>

#define NUMBERS(X)                                                                                 \
    X(INTEGER, n, DHOW_REQUIRED, "")                                                               \
    X(OUTPUT_LIST, numbers, "", "") X(OUTPUT_INTEGER, sum, "", "") X(OUTPUT_TEXT, face, "", "")
DHOW_CONTAINER(numbers, "", NUMBERS, .image = "alpine", .command = {"n"},
               .args = {DHOW_VALUE("n"), DHOW_OUTPUT_FILE("numbers"), DHOW_OUTPUT_FILE("sum"),
                        DHOW_OUTPUT_FILE("face")})

#define SAY(X) X(TEXT, text, DHOW_REQUIRED, "") X(OUTPUT_TEXT, said, "", "")
DHOW_CONTAINER(say, "", SAY, .image = "alpine", .command = {"echo"},
               .args = {DHOW_VALUE("text"), DHOW_OUTPUT_FILE("said")})

#define DOUBLE(X)                                                                                  \
    X(INTEGER, n, DHOW_REQUIRED, "")                                                               \
    X(OUTPUT_INTEGER, twice, "", "") X(OUTPUT, data, DHOW_DATASET, "")
DHOW_CONTAINER(twice, "", DOUBLE, .image = "alpine", .command = {"d"},
               .args = {DHOW_VALUE("n"), DHOW_OUTPUT_FILE("twice"), DHOW_OUTPUT_PATH("data")})

#define SUM(X) X(LIST, all, DHOW_REQUIRED, "") X(OUTPUT_INTEGER, total, "", "")
DHOW_CONTAINER(sum, "", SUM, .image = "alpine", .command = {"s"},
               .args = {DHOW_VALUE("all"), DHOW_OUTPUT_FILE("total")})

#define MERGE(X) X(INPUTS, parts, DHOW_DATASET, "") X(OUTPUT, whole, DHOW_DATASET, "")
DHOW_CONTAINER(merge, "", MERGE, .image = "alpine", .command = {"m"},
               .args = {DHOW_OUTPUT_PATH("whole")})

#define USE(X) X(INPUT, data, DHOW_DATASET, "") X(TEXT, how, "plain", "")
DHOW_CONTAINER(use, "", USE, .image = "alpine", .command = {"u"},
               .args = {DHOW_INPUT_PATH("data"), DHOW_VALUE("how")})

#define CLEAN(X) X(TEXT, text, "none", "") X(FINAL_STATUS, status, "", "")
DHOW_CONTAINER(clean, "", CLEAN, .image = "alpine", .command = {"c"},
               .args = {DHOW_VALUE("text"), DHOW_VALUE("status")})
