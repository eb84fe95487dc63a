/* One step of an optimizer on a parameter of 10 million elements with its gradient ready, in turns with loops that
   only move memory: what share of the memory's bandwidth the optimizer's pass reaches. Medians and 10th and 90th
   percentiles of rounds.

     cc -O3 -march=native -pthread optimizer.c -lchainrule
     ./optimizer THREADS
   Bytes of a step and element, all float32: sgd reads p and g and writes p, 12; momentum reads and writes a
   velocity too, 20; adam two moments, 28. The loops: triad, a[i] = b[i] + s c[i] (12 bytes an element, as STREAM
   counts), and three with the reads and writes of the optimizers but little arithmetic. */
#define _GNU_SOURCE
#include <chainrule.h>
#include <pthread.h>
#include <sys/mman.h>

#include "measuring.h"

enum { ELEMENTS = 10000000, ROUNDS = 21, OPTIMIZERS = 3, LOOPS = 4, ALL = OPTIMIZERS + LOOPS };

static const char *const names[ALL] = {"sgd", "momentum", "adam", "triad", "like-sgd", "like-momentum", "like-adam"};
static const char *const texts[OPTIMIZERS] = {"sgd lr=1e-6", "sgd lr=1e-6 momentum=0.9", "adam lr=1e-6"};
static const double bytes[ALL] = {12, 20, 28, 12, 12, 20, 28};

/* ---- the loops, each thread over its part ---- */

static float *restrict a, *restrict b, *restrict c, *restrict d;

typedef struct {
  int loop;
  size_t from, to;
} part;

static void *run_loop(void *argument) {
  const part *p = argument;
  size_t i;
  switch (p->loop) {
  case 0:
    for (i = p->from; i < p->to; i++) a[i] = b[i] + 1e-6f * c[i];
    break;
  case 1:
    for (i = p->from; i < p->to; i++) a[i] += 1e-6f * b[i];
    break;
  case 2:
    for (i = p->from; i < p->to; i++) c[i] = 0.9f * c[i] + b[i], a[i] += 1e-6f * c[i];
    break;
  case 3:
    for (i = p->from; i < p->to; i++) {
      c[i] = 0.9f * c[i] + 0.1f * b[i];
      d[i] = 0.9f * d[i] + 0.1f * b[i];
      a[i] += 1e-6f * c[i] + 1e-6f * d[i];
    }
  }
  return NULL;
}

static void loop(int which, int threads) {
  part first = {which, 0, threads > 1 ? ELEMENTS / 2 : ELEMENTS}, second = {which, ELEMENTS / 2, ELEMENTS};
  pthread_t other;
  if (threads > 1) pthread_create(&other, NULL, run_loop, &second);
  run_loop(&first);
  if (threads > 1) pthread_join(other, NULL);
}

static float *array(void) {
  size_t huge = 2u << 20, size = (sizeof(float) * ELEMENTS + huge - 1) / huge * huge, i;
  float *values = aligned_alloc(huge, size);
  if (!values) exit(1);
  madvise(values, size, MADV_HUGEPAGE);
  for (i = 0; i < ELEMENTS; i++) values[i] = (float)(i % 101) * 0.01f;
  return values;
}

int main(int count, char **arguments) {
  int threads = count > 1 ? atoi(arguments[1]) : 1, round, k;
  static double seconds[ALL][ROUNDS];
  chainrule_model *models[OPTIMIZERS];
  chainrule_context *contexts[OPTIMIZERS];
  chainrule_optimizer *optimizers[OPTIMIZERS];
  must(chainrule_set_num_threads(threads));
  a = array(), b = array(), c = array(), d = array();
  for (k = 0; k < OPTIMIZERS; k++) {
    char text[64];
    snprintf(text, sizeof text, "shape=%d init=uniform(-1,1)", ELEMENTS);
    must(chainrule_model_create(NULL, &models[k]));
    must(chainrule_model_add(models[k], "parameter", text, NULL));
    must(chainrule_model_add(models[k], "mean", "", NULL));
    must(chainrule_context_create(models[k], &contexts[k]));
    must(chainrule_context_forward(contexts[k], NULL, 1));
    must(chainrule_context_backward(contexts[k], NULL));
    must(chainrule_optimizer_create(texts[k], &optimizers[k]));
    must(chainrule_optimizer_step(optimizers[k], contexts[k])); /* makes its moments */
  }
  for (round = -1; round < ROUNDS; round++) { /* -1 warms up */
    for (k = 0; k < ALL; k++) {
      double start = now();
      if (k < OPTIMIZERS) must(chainrule_optimizer_step(optimizers[k], contexts[k]));
      else loop(k - OPTIMIZERS, threads);
      if (round >= 0) seconds[k][round] = now() - start;
    }
  }
  for (k = 0; k < ALL; k++) {
    double *s = seconds[k], work = bytes[k] * ELEMENTS * 1e-9;
    qsort(s, ROUNDS, sizeof *s, compare);
    printf("%-13s %8.3f ms (%.3f to %.3f)  %6.2f GB/s\n", names[k], s[ROUNDS / 2] * 1e3, s[ROUNDS / 10] * 1e3,
           s[ROUNDS * 9 / 10] * 1e3, work / s[ROUNDS / 2]);
  }
  for (k = 0; k < OPTIMIZERS; k++) {
    chainrule_optimizer_free(optimizers[k]);
    chainrule_context_free(contexts[k]);
    chainrule_model_free(models[k]);
  }
  return 0;
}
