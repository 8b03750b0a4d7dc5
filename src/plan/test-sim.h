#pragma once
/* sim - what the simulation of test-sim.c is fed with: random numbers and random pipelines. */
#include <stdint.h>

struct rng {
    uint64_t at;
};

uint64_t rng_next(struct rng *rng);
unsigned rng_below(struct rng *rng, unsigned n);
uint64_t rng_hash(const char *text, uint64_t seed);

/* A pipeline as JSON: leaves with outputs o, n and l; nested dags, conditions on outputs, loops
 * over lists and outputs, exit handlers, ignore_upstream_failure, retries. The caller's. */
char *sim_pipeline(uint64_t seed);
