#define _GNU_SOURCE
#include "CPUFeatures.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
/* What x86-64-v3 has beside its vectors. By hand, since not every run-time library of the compiler knows
   these by name. */
static int has_scalar_v3(void) {
  const unsigned movbe = 1u << 22, f16c = 1u << 29, lzcnt = 1u << 5;
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || (c & movbe) == 0 || (c & f16c) == 0) return 0;
  return __get_cpuid(0x80000001u, &a, &b, &c, &d) && (c & lzcnt) != 0;
}
#endif

int32_t cr_cpu_level(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  /* These also ask whether the operating system saves the registers. */
  int v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") && has_scalar_v3();
  int v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
  return v4 ? 2 : v3 ? 1 : 0;
#else
  return 0;
#endif
}

int32_t cr_has_bfloat16(void) {
#if defined(__x86_64__)
  const unsigned avx512_bf16 = 1u << 5;
  unsigned a, b, c, d;
  return cr_cpu_level() == 2 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & avx512_bf16) != 0;
#else
  return 0;
#endif
}

int32_t cr_allowed_cpus(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

int32_t cr_current_cpu(void) { return sched_getcpu(); }

void cr_leave_cpu(int32_t cpu) {
  cpu_set_t all, others;
  if (cpu < 0 || cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof all, &all) != 0) return;
  others = all;
  CPU_CLR(cpu, &others);
  if (CPU_COUNT(&others) > 0 && sched_setaffinity(0, sizeof others, &others) == 0) sched_setaffinity(0, sizeof all, &all);
}

static long cache_bytes(int name, long otherwise) {
  const long bytes = sysconf(name);
  return bytes > 0 ? bytes : otherwise;
}

long cr_level1_bytes(void) { return cache_bytes(_SC_LEVEL1_DCACHE_SIZE, 32 << 10); }
long cr_level2_bytes(void) { return cache_bytes(_SC_LEVEL2_CACHE_SIZE, 1 << 20); }

void cr_wait(uint32_t *word, uint32_t value) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, (void *)0, (void *)0, 0);
}

void cr_wake_all(uint32_t *word) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 0x7fffffff, (void *)0, (void *)0, 0);
}

static __thread cr_error_text thread_error;

cr_error_text *cr_thread_error(void) { return &thread_error; }
