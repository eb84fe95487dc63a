/* How long a program takes from its start to its end, as whoever starts it sees it: the median of many runs and the
   10th and 90th percentile, in milliseconds.

     cc -O2 start.c -o start
     ./start RUNS ./instructions mnist-mlp 1      (start, build, one training step, end) */
#define _GNU_SOURCE
#include <spawn.h>
#include <sys/wait.h>

#include "measuring.h"

extern char **environ;

int main(int count, char **words) {
  int runs = count > 2 ? atoi(words[1]) : 0, i;
  double *times = runs > 0 ? malloc(sizeof *times * (size_t)runs) : NULL;
  if (!times) {
    fprintf(stderr, "usage: start RUNS PROGRAM ARGUMENT...\n");
    return 2;
  }
  for (i = -2; i < runs; i++) { /* the first ones bring the files into memory */
    pid_t child;
    int status;
    double begin = now();
    if (posix_spawn(&child, words[2], NULL, NULL, words + 2, environ) != 0 || waitpid(child, &status, 0) < 0 || status != 0) {
      fprintf(stderr, "%s failed\n", words[2]);
      return 1;
    }
    if (i >= 0) times[i] = (now() - begin) * 1e3;
  }
  qsort(times, (size_t)runs, sizeof *times, compare);
  printf("%.3f ms (%.3f to %.3f)\n", times[runs / 2], times[runs / 10], times[runs * 9 / 10]);
  free(times);
  return 0;
}
