/*
 * The frame of the C tests. A program runs its cases one after another; each prints one line,
 * "ok <program> <case>" or "not ok <program> <case> - <why>", and the exit code says whether all passed.
 *
 * FAILS(status, call) is the heart: the call must answer this status and chainrule_last_error() must
 * describe this very failure (function, what was expected, what came). A marker failure is provoked
 * before the call, so that an old message cannot pass for a new one.
 */
#ifndef CHAINRULE_TEST_H
#define CHAINRULE_TEST_H

#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chainrule.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TEST_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEST_SANITIZED 1
#endif

static const char *test_program = "?";
static const char *test_case = "?";
/* What a case with many parts is at, shown when it fails. */
static const char *test_case_part;
static char test_reason[1200];
static int test_case_failures;
static int test_failures;
/* Called after every expected failure: checks that the handle under test still works. */
static void (*test_probe)(void);

static inline void test_fail(const char *file, int line, const char *format, ...) {
  char text[1000];
  const char *slash = strrchr(file, '/');
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (test_case_failures++ == 0) snprintf(test_reason, sizeof test_reason, "%s", text);
  printf("# %s:%d: %s\n", slash ? slash + 1 : file, line, text);
  if (test_case_part != NULL) printf("#   at: %s\n", test_case_part);
  fflush(stdout);
}

static inline void test_run(const char *name, void (*body)(void)) {
  test_case = name;
  test_case_failures = 0;
  test_probe = NULL;
  test_case_part = NULL;
  body();
  if (test_case_failures == 0) {
    printf("ok %s %s\n", test_program, name);
  } else {
    printf("not ok %s %s - %s%s\n", test_program, name, test_reason, test_case_failures > 1 ? " (and more)" : "");
    test_failures++;
  }
  fflush(stdout);
}

#define RUN(body) test_run(#body, body)

/* A case that this machine cannot run counts as passed, and says so. */
static inline void test_skip(const char *why) { printf("# skipped %s: %s\n", test_case, why); }

#define CHECK(condition)                                                             \
  do {                                                                               \
    if (!(condition)) test_fail(__FILE__, __LINE__, "expected %s", #condition);      \
  } while (0)

/* The rest of the case makes no sense without it. */
#define REQUIRE(condition)                                                           \
  do {                                                                               \
    if (!(condition)) {                                                              \
      test_fail(__FILE__, __LINE__, "expected %s", #condition);                      \
      return;                                                                        \
    }                                                                                \
  } while (0)

#define CHECK_EQUAL(got, wanted)                                                                         \
  do {                                                                                                   \
    long long test_got = (long long)(got), test_wanted = (long long)(wanted);                            \
    if (test_got != test_wanted)                                                                         \
      test_fail(__FILE__, __LINE__, "%s is %lld, expected %lld", #got, test_got, test_wanted);           \
  } while (0)

#define CHECK_NEAR(got, wanted, tolerance)                                                               \
  do {                                                                                                   \
    double test_got = (double)(got), test_wanted = (double)(wanted);                                     \
    if (!(fabs(test_got - test_wanted) <= (tolerance)))                                                  \
      test_fail(__FILE__, __LINE__, "%s is %.17g, expected %.17g within %g", #got, test_got, test_wanted, \
                (double)(tolerance));                                                                    \
  } while (0)

static inline int test_succeeds(chainrule_status status, const char *call, const char *file, int line) {
  if (status == CHAINRULE_OK) return 1;
  test_fail(file, line, "%s answered %s: %s", call, chainrule_status_name(status), chainrule_last_error()->message);
  return 0;
}

#define SUCCEEDS(call) test_succeeds((call), #call, __FILE__, __LINE__)
#define REQUIRE_OK(call) \
  do {                   \
    if (!SUCCEEDS(call)) return; \
  } while (0)

/* Leaves another failure's message behind. */
static inline void test_mark(void) { (void)chainrule_set_num_threads(-77); }

static inline void test_bit_names(unsigned mask, char *text, size_t capacity) {
  int status;
  text[0] = 0;
  for (status = 0; status < 16; status++) {
    if ((mask & (1u << status)) == 0) continue;
    if (text[0]) strncat(text, " or ", capacity - strlen(text) - 1);
    strncat(text, chainrule_status_name((chainrule_status)status), capacity - strlen(text) - 1);
  }
}

/* Statuses after which "expected" and "got" always apply. */
#define TEST_EXPLAINED                                                                             \
  ((1u << CHAINRULE_INVALID_ARGUMENT) | (1u << CHAINRULE_SHAPE) | (1u << CHAINRULE_DTYPE) |        \
   (1u << CHAINRULE_ATTRIBUTE) | (1u << CHAINRULE_VALUE))

static inline void test_fails(unsigned mask, const char *word, chainrule_status status, const char *call,
                              const char *file, int line) {
  const chainrule_error *error = chainrule_last_error();
  char function[80], wanted[200];
  size_t length = strcspn(call, "(");
  if (length >= sizeof function) length = sizeof function - 1;
  memcpy(function, call, length);
  function[length] = 0;
  test_bit_names(mask, wanted, sizeof wanted);
  if (status == CHAINRULE_OK || (unsigned)status > 15 || (mask & (1u << status)) == 0) {
    test_fail(file, line, "%s answered %s, expected %s%s%s", call, chainrule_status_name(status), wanted,
              status == CHAINRULE_OK ? "" : ": ", status == CHAINRULE_OK ? "" : error->message);
    if (test_probe) test_probe();
    return;
  }
  if (error == NULL || error->message == NULL || error->node == NULL || error->expected == NULL || error->got == NULL) {
    test_fail(file, line, "%s: the error or one of its texts is NULL", call);
    return;
  }
  if (error->status != status)
    test_fail(file, line, "%s answered %s, but the last error has %s", call, chainrule_status_name(status),
              chainrule_status_name(error->status));
  if (strstr(error->message, function) == NULL)
    test_fail(file, line, "%s: the message does not name the function: \"%s\"", call, error->message);
  if (strlen(error->message) < strlen(function) + 8)
    test_fail(file, line, "%s: the message is no sentence: \"%s\"", call, error->message);
  if ((TEST_EXPLAINED & (1u << status)) != 0 && (error->expected[0] == 0 || error->got[0] == 0))
    test_fail(file, line, "%s: expected and got are not both told (\"%s\", \"%s\"): \"%s\"", call, error->expected,
              error->got, error->message);
  if (word != NULL && strstr(error->message, word) == NULL)
    test_fail(file, line, "%s: \"%s\" is missing in the message \"%s\"", call, word, error->message);
  if (test_probe) test_probe();
}

#define BIT(status) (1u << (status))
#define FAILS(status, call) (test_mark(), test_fails(BIT(status), NULL, (call), #call, __FILE__, __LINE__))
/* ... and the message holds this word (the argument's name, the position). */
#define FAILS_SAYING(status, word, call) (test_mark(), test_fails(BIT(status), word, (call), #call, __FILE__, __LINE__))
/* Where the header leaves the choice: FAILS_ONE_OF(BIT(A) | BIT(B), call). */
#define FAILS_ONE_OF(mask, call) (test_mark(), test_fails((mask), NULL, (call), #call, __FILE__, __LINE__))

#define FAILS_WITH(mask, word, call) (test_mark(), test_fails((mask), word, (call), #call, __FILE__, __LINE__))

static inline int test_finish(void) { return test_failures == 0 ? 0 : 1; }

/* A trap inside the library: says in which case, then lets the signal do its work. */
static inline void test_crashed(int signal_number) {
  printf("# crashed in %s%s%s\n", test_case, test_case_part ? " at: " : "", test_case_part ? test_case_part : "");
  fflush(stdout);
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

static inline void test_main(const char *program) {
  test_program = program;
  setvbuf(stdout, NULL, _IOLBF, 0);
#ifndef TEST_SANITIZED /* sanitizers tell more themselves */
  signal(SIGILL, test_crashed);
  signal(SIGSEGV, test_crashed);
  signal(SIGABRT, test_crashed);
#endif
}
#define TEST_MAIN(program) test_main(program)

/* ------------------------------------------------------------------------ poisoned memory ---- */

/* Outputs are filled with this before a call that must fail, and looked at afterwards. */
#define TEST_POISON 0xA5

static inline void test_poison(void *memory, size_t bytes) { memset(memory, TEST_POISON, bytes); }

static inline int test_is_poisoned(const void *memory, size_t bytes) {
  const unsigned char *byte = (const unsigned char *)memory;
  size_t i;
  for (i = 0; i < bytes; i++)
    if (byte[i] != TEST_POISON) return 0;
  return 1;
}

#define CHECK_UNTOUCHED(object) CHECK(test_is_poisoned(&(object), sizeof(object)))

#endif
