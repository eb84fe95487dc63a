/*
 * A text as numbers, one for each letter (spaces and marks are letters too), cut to pieces of equal length.
 */
#ifndef BOOK_H
#define BOOK_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The book as numbers: the place of each letter in the alphabet of those that occur. */
typedef struct book {
  int count, letters;
  int32_t *text;
  char alphabet[256];
  int place[256];
} book;

static inline book book_read(const char *path) {
  static char bytes[1 << 20];
  book result = {0, 0, NULL, {0}, {0}};
  char seen[256] = {0};
  int i;
  FILE *file = fopen(path, "r");
  if (!file) {
    perror(path);
    exit(EXIT_FAILURE);
  }
  result.count = (int)fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  for (i = 0; i < result.count; i++) seen[(unsigned char)bytes[i]] = 1;
  for (i = 0; i < 256; i++)
    if (seen[i]) result.place[i] = result.letters, result.alphabet[result.letters++] = (char)i;
  result.text = (int32_t *)malloc(sizeof(int32_t) * ((size_t)result.count + 1));
  if (!result.text) exit(EXIT_FAILURE);
  for (i = 0; i < result.count; i++) result.text[i] = result.place[(unsigned char)bytes[i]];
  return result;
}

/* Pieces of a text, and the same pieces one letter further: what is to be said at each place. */
typedef struct windows {
  int count;
  int32_t *now, *next;
} windows;

static inline windows windows_make(const int32_t *text, int count, int length, int step) {
  size_t size = sizeof(int32_t) * (size_t)length, room = size * (size_t)(count / step + 1);
  windows set = {0, (int32_t *)malloc(room), (int32_t *)malloc(room)};
  int start;
  if (!set.now || !set.next) exit(EXIT_FAILURE);
  for (start = 0; start + length < count; start += step, set.count++) {
    memcpy(set.now + set.count * length, text + start, size);
    memcpy(set.next + set.count * length, text + start + 1, size);
  }
  if (set.count == 0) {
    fprintf(stderr, "expected a text of more than %d letters; got %d\n", length, count);
    exit(EXIT_FAILURE);
  }
  return set;
}

/* The cross-entropy of the table of pairs, in nats a letter; pairs that never came count a tenth. */
static inline double book_pairs_loss(const book *book, int train) {
  static double pairs[256][256], rows[256];
  double loss = 0;
  int i;
  for (i = 0; i + 1 < train; i++) pairs[book->text[i]][book->text[i + 1]]++, rows[book->text[i]]++;
  for (i = train; i + 1 < book->count; i++)
    loss -= log((pairs[book->text[i]][book->text[i + 1]] + 0.1) / (rows[book->text[i]] + 0.1 * book->letters));
  return loss / (book->count - 1 - train);
}

#endif
