#pragma once
/* main - the program `dhow`, as a call: for its own main, and for libdhow, which carries it. */

/* What main() was given; the answer is the exit status. Once a process: it takes what is the
 * process's own (standard output, signals, children). */
int cli_main(int argc, char **argv);
