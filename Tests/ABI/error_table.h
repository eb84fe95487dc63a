/*
 * How far each kind of the catalog was from the numbers that others computed. With ERROR_TABLE in the environment
 * the programs that compare print a row for each kind, which Tests/error_table.sh makes a table of:
 *   | kind | cases | float64 outputs | float64 gradients | float32 |
 */
#ifndef CHAINRULE_TEST_ERROR_TABLE_H
#define CHAINRULE_TEST_ERROR_TABLE_H

#include "test.h"

enum { ERROR_OUTPUT, ERROR_GRADIENT, ERROR_FLOAT32, ERROR_COLUMNS };

/* Of one case. -1: nothing was compared. */
typedef struct ErrorRow {
  double worst[ERROR_COLUMNS];
  int cases;
} ErrorRow;

static const ErrorRow error_nothing = {{-1, -1, -1}, 0};
static ErrorRow error_rows[6][400];

static inline void error_meet(ErrorRow *row, int column, double error) {
  if (!(error <= row->worst[column])) row->worst[column] = error;
}

/* Adds a case to the row of a kind. */
static inline void error_note(chainrule_group group, const char *kind, const ErrorRow *found) {
  const char *name;
  size_t index;
  int column;
  for (index = 0; index < 400 && (name = chainrule_catalog_kind(group, index)) != NULL; index++) {
    ErrorRow *row = &error_rows[group][index];
    if (strcmp(name, kind) != 0) continue;
    if (row->cases++ == 0) memcpy(row->worst, error_nothing.worst, sizeof row->worst);
    for (column = 0; column < ERROR_COLUMNS; column++) error_meet(row, column, found->worst[column]);
  }
}

static inline void error_print(chainrule_group group) {
  const char *kind;
  size_t index;
  int column;
  if (getenv("ERROR_TABLE") == NULL) return;
  for (index = 0; index < 400 && (kind = chainrule_catalog_kind(group, index)) != NULL; index++) {
    const ErrorRow *row = &error_rows[group][index];
    printf("| %s | %d |", kind, row->cases);
    for (column = 0; column < ERROR_COLUMNS; column++) {
      if (row->cases == 0 || row->worst[column] < 0) printf(" |");
      else printf(column == ERROR_FLOAT32 ? " %.1f |" : " %.1g |", row->worst[column]);
    }
    printf("\n");
  }
}

#endif
