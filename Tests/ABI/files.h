/* Helpers of the tests that read and write files: a folder of their own, whole files as bytes. */
#ifndef CHAINRULE_TEST_FILES_H
#define CHAINRULE_TEST_FILES_H

#include <dirent.h>
#include <unistd.h>

#include "support.h"

static char test_folder[200];

/* A new folder under TMPDIR; the tests run in parallel with others. */
static inline int test_make_folder(void) {
  const char *base = getenv("TMPDIR");
  snprintf(test_folder, sizeof test_folder, "%s/chainrule-test-XXXXXX", base && base[0] ? base : "/tmp");
  if (mkdtemp(test_folder) != NULL) return 1;
  fprintf(stderr, "cannot make %s\n", test_folder);
  return 0;
}

static inline const char *test_path(const char *name) {
  static char paths[4][600];
  static int next;
  next = (next + 1) % 4;
  snprintf(paths[next], sizeof paths[next], "%s/%s", test_folder, name);
  return paths[next];
}

/* Removes what the folder holds, which is files only; returns how many there were. */
static inline int test_clear_folder(void) {
  DIR *folder = opendir(test_folder);
  struct dirent *entry;
  int count = 0;
  if (folder == NULL) return 0;
  while ((entry = readdir(folder)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    unlink(test_path(entry->d_name));
    count++;
  }
  closedir(folder);
  return count;
}

static inline void test_remove_folder(void) {
  test_clear_folder();
  rmdir(test_folder);
}

static inline char *test_read(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  char *bytes = NULL;
  long size;
  *length = 0;
  if (file == NULL) return NULL;
  fseek(file, 0, SEEK_END);
  size = ftell(file);
  rewind(file);
  bytes = (char *)malloc((size_t)size + 1);
  if (bytes != NULL) *length = fread(bytes, 1, (size_t)size, file);
  fclose(file);
  return bytes;
}

static inline int test_write(const char *path, const void *bytes, size_t length) {
  FILE *file = fopen(path, "wb");
  size_t written;
  if (file == NULL) return 0;
  written = fwrite(bytes, 1, length, file);
  return fclose(file) == 0 && written == length;
}

/* A safetensors file with another value for a key of its metadata. */
static inline int test_write_changed(const char *path, const char *bytes, size_t length, const char *key, const char *value) {
  char name[80];
  const char *place, *end;
  char *changed = (char *)malloc(length + 100);
  uint64_t header;
  size_t before, whole;
  int done;
  snprintf(name, sizeof name, "\"%s\":\"", key);
  memcpy(&header, bytes, 8);
  place = (const char *)memmem(bytes, length, name, strlen(name));
  if (place == NULL || changed == NULL) return 0;
  place += strlen(name);
  end = (const char *)memchr(place, '"', (size_t)(bytes + length - place));
  before = (size_t)(place - bytes);
  memcpy(changed, bytes, before);
  memcpy(changed + before, value, strlen(value));
  whole = before + strlen(value);
  memcpy(changed + whole, end, (size_t)(bytes + length - end));
  whole += (size_t)(bytes + length - end);
  header = header + strlen(value) - (uint64_t)(end - place);
  memcpy(changed, &header, 8);
  done = test_write(path, changed, whole);
  free(changed);
  return done;
}

#endif
