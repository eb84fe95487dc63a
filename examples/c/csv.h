/*
 * Reads a CSV file of numbers: one header line, then rows of equal length. Anything else ends the
 * program with a message that names the file and the line.
 */
#ifndef CSV_H
#define CSV_H

#include <stdio.h>
#include <stdlib.h>

typedef struct csv_table {
  int rows, columns;
  double *values; /* row after row; given back with free() */
} csv_table;

static inline void csv_fail(const char *path, int line, const char *what) {
  fprintf(stderr, "%s:%d: %s\n", path, line, what);
  exit(EXIT_FAILURE);
}

/* Reads one line's numbers to values (which holds `columns` of them), or counts them if it is NULL. */
static inline int csv_numbers(const char *path, int line, const char *text, double *values, int columns) {
  int count = 0;
  for (;;) {
    char *end;
    double number = strtod(text, &end);
    if (end == text) csv_fail(path, line, "expected numbers with commas between them");
    if (values && count == columns) csv_fail(path, line, "more numbers than in the first row");
    if (values) values[count] = number;
    count++;
    while (*end == ' ' || *end == '\r' || *end == '\n') end++;
    if (*end == '\0') return count;
    if (*end != ',') csv_fail(path, line, "expected a comma or the end of the line after a number");
    text = end + 1;
  }
}

static inline csv_table csv_read(const char *path) {
  csv_table table = {0, 0, NULL};
  static char text[8192];
  int capacity = 0, line = 1;
  FILE *file = fopen(path, "r");
  if (!file) {
    perror(path);
    exit(EXIT_FAILURE);
  }
  if (!fgets(text, sizeof text, file)) csv_fail(path, line, "the file is empty");
  while (fgets(text, sizeof text, file)) {
    line++;
    if (table.columns == 0) table.columns = csv_numbers(path, line, text, NULL, 0);
    if (table.rows == capacity) {
      capacity = capacity ? 2 * capacity : 256;
      table.values = (double *)realloc(table.values, sizeof(double) * (size_t)capacity * (size_t)table.columns);
      if (!table.values) csv_fail(path, line, "no memory");
    }
    if (csv_numbers(path, line, text, table.values + (size_t)table.rows * (size_t)table.columns, table.columns) !=
        table.columns)
      csv_fail(path, line, "fewer numbers than in the first row");
    table.rows++;
  }
  fclose(file);
  if (table.rows == 0) csv_fail(path, line, "no rows after the header");
  return table;
}

static inline double csv_value(const csv_table *table, int row, int column) {
  return table->values[(size_t)row * (size_t)table->columns + (size_t)column];
}

#endif
