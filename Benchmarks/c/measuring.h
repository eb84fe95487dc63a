/* What the programs of this folder share. Include chainrule.h first where the library is called. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Seconds. */
static inline double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* For qsort: doubles, the smallest first. */
static inline int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

#ifdef CHAINRULE_VERSION_MAJOR
static inline void must(chainrule_status status) {
  if (status == CHAINRULE_OK) return;
  fprintf(stderr, "%s\n", chainrule_last_error()->message);
  exit(1);
}
#endif
