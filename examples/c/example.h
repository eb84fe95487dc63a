/*
 * What the C examples share: ending on a failed call, saying what was learned, and gnuplot.
 */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "chainrule.h"

/* POSIX; stdio.h keeps them to itself under -std=c99. */
FILE *popen(const char *command, const char *type);
int pclose(FILE *stream);

/* Ends the program with the library's own sentence if a call failed. */
#define MUST(call) must((call), __FILE__, __LINE__)

static inline void must(chainrule_status status, const char *file, int line) {
  if (status == CHAINRULE_OK) return;
  fprintf(stderr, "%s:%d: %s: %s\n", file, line, chainrule_status_name(status), chainrule_last_error()->message);
  exit(EXIT_FAILURE);
}

/* Prints the line that the table at the end of `make demo` is made of; the result is main's. */
static inline int learned(int yes, const char *measure, const char *required, const char *format, ...) {
  va_list values;
  va_start(values, format);
  printf("result: %s | ", measure);
  vprintf(format, values);
  printf(" | %s | %s\n", required, yes ? "learned" : "NOT LEARNED");
  va_end(values);
  return yes ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* A line for an epoch: its number, the loss and the metrics. */
static inline void print_epoch(const chainrule_progress *progress) {
  size_t i;
  printf("epoch %2d of %d", (int)progress->epoch + 1, (int)progress->epochs);
  for (i = 0; i < progress->value_count; i++) printf("   %s %.4f", progress->value_names[i], progress->values[i]);
  printf("\n");
}

/* A picture is drawn by writing gnuplot commands to the file this returns; NULL if there can be none. */
static inline FILE *picture_open(const char *path, const char *title) {
  FILE *gnuplot;
  if (system("command -v gnuplot >/dev/null 2>&1") != 0) {
    printf("no picture %s: gnuplot is not installed\n", path);
    return NULL;
  }
  gnuplot = fopen(path, "w"); /* gnuplot would write the picture to standard output if it cannot be made there */
  if (!gnuplot) {
    printf("no picture %s: the file cannot be written\n", path);
    return NULL;
  }
  fclose(gnuplot);
  gnuplot = popen("gnuplot", "w");
  if (!gnuplot) return NULL;
  fprintf(gnuplot, "set terminal pngcairo size 1000,700 font 'DejaVu Sans,13'\n");
  fprintf(gnuplot, "set output '%s'\nset title '%s' font ',16'\n", path, title);
  fprintf(gnuplot, "set grid lc rgb '#dddddd'\nset key opaque box lc rgb '#bbbbbb'\n");
  return gnuplot;
}

static inline void picture_close(FILE *gnuplot, const char *path) {
  if (!gnuplot) return;
  if (pclose(gnuplot) == 0) printf("picture: %s\n", path);
  else printf("no picture %s: gnuplot failed\n", path);
}

#endif
