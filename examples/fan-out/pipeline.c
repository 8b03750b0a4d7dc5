/* fan-out - a task says what there is to do, a task for each of it, and one for all results.
 *
 *     dhow compile examples/fan-out/pipeline.c -o fan-out.yaml && dhow run fan-out.yaml -p n=20 */
#include <dhow/pipeline.h>

#define PLAN(X) X(INTEGER, n, DHOW_REQUIRED, "") X(OUTPUT_LIST, numbers, "", "1 to n")
DHOW_CONTAINER(plan, "Says what there is to do", PLAN, .image = "alpine:3",
               .command = {"sh", "-c", "printf '[%s]' \"$(seq -s, 1 \"$0\")\" >\"$1\""},
               .args = {DHOW_VALUE("n"), DHOW_OUTPUT_FILE("numbers")})

#define SQUARE(X) X(INTEGER, i, DHOW_REQUIRED, "") X(OUTPUT_INTEGER, square, "", "i times i")
DHOW_CONTAINER(square, "One of many", SQUARE, .image = "alpine:3",
               .command = {"sh", "-c", "i=${0%.0}; echo $((i * i)) >\"$1\""},
               .args = {DHOW_VALUE("i"), DHOW_OUTPUT_FILE("square")})

#define ADD(X) X(LIST, all, DHOW_REQUIRED, "") X(OUTPUT_INTEGER, sum, "", "of all")
DHOW_CONTAINER(
    add, "All of them", ADD, .image = "alpine:3",
    .command = {"sh", "-c",
                "echo \"$0\" | tr -d '[] ' | tr , '\\n' | "
                "{ s=0; while read -r x; do s=$((s + ${x%.0})); done; echo $s; } >\"$1\""},
    .args = {DHOW_VALUE("all"), DHOW_OUTPUT_FILE("sum")})

#define INPUTS(X) X(INTEGER, n, "5", "how many") X(OUTPUT_INTEGER, sum, "", "of the squares")
DHOW_PIPELINE(fan_out, "fan-out", "Adds squares, each from a task of its own", INPUTS)
{
    struct plan_task todo = DHOW_RUN(plan, .n = in->n);
    struct square_task one = {0};

    DHOW_FOR(i, dhow_list_of(todo.numbers, "integer"), 4, "squares")
    {
        one = DHOW_RUN(square, .i = i);
    }
    out->sum = DHOW_RUN(add, .all = dhow_collected(one.square)).sum;
}
DHOW_MAIN(fan_out)
