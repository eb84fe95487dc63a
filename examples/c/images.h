/*
 * Images of handwritten digits from a CSV file whose rows are the pixels and, last, the digit.
 */
#ifndef IMAGES_H
#define IMAGES_H

#include <stdint.h>

#include "csv.h"

#define CLASSES 10

/* Pixels as numbers from 0 to 1, image after image, and the digit each one shows. */
typedef struct images {
  int count, pixels;
  float *values;
  int32_t *digits;
} images;

/* The first of every five images is held out; the others train. black: the largest number of a pixel. */
static inline images images_select(const csv_table *table, double black, int held_out) {
  images set = {0, table->columns - 1, NULL, NULL};
  int row, i;
  set.values = (float *)malloc(sizeof(float) * (size_t)set.pixels * (size_t)table->rows);
  set.digits = (int32_t *)malloc(sizeof(int32_t) * (size_t)table->rows);
  if (!set.values || !set.digits) exit(EXIT_FAILURE);
  for (row = 0; row < table->rows; row++) {
    float *values = set.values + (size_t)set.count * (size_t)set.pixels;
    if ((row % 5 == 0) != held_out) continue;
    for (i = 0; i < set.pixels; i++) values[i] = (float)(csv_value(table, row, i) / black);
    set.digits[set.count++] = (int32_t)csv_value(table, row, set.pixels);
  }
  return set;
}

static inline void images_free(images *set) {
  free(set->values);
  free(set->digits);
}

/* The digit with the largest of an image's scores, one for each digit. */
static inline int images_answer(const float *scores) {
  int digit, best = 0;
  for (digit = 1; digit < CLASSES; digit++)
    if (scores[digit] > scores[best]) best = digit;
  return best;
}

/* How many of the images have their own digit as the answer. */
static inline int images_right(const images *set, const float *scores) {
  int row, right = 0;
  for (row = 0; row < set->count; row++) right += images_answer(scores + row * CLASSES) == set->digits[row];
  return right;
}

#endif
