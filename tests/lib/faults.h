#pragma once
/* faults - what fails where: see faults.c. The client finds the calls by dlsym. */

struct fault {
    int kind;   /* 'm' memory; 'i' the calls of a program that starts another; 'w' what writes */
    long at;    /* the n-th of them fails; 0: none */
    long count; /* of them so far */
};
void fault_at(int kind, long n); /* in this process, and counted from now on */
long fault_count(void);
long fault_live(void); /* blocks of memory that have not been freed */
