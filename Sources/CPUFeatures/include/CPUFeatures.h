/* What Swift cannot say: which CPU this is, masked vector access, atomics on raw memory,
   sleeping on an address, thread-local error text. Everything small is inline, so that each
   kernel module compiles it for its own CPU level. */
#ifndef CHAINRULE_CPU_FEATURES_H
#define CHAINRULE_CPU_FEATURES_H

#include <stddef.h>
#include <stdint.h>

#include "DLPackLayout.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define CR_INLINE static inline __attribute__((always_inline, unused))

/* ---- CPU level ---- */

/* 0 baseline, 1 AVX2 and FMA, 2 AVX-512 (F, BW, CD, DQ, VL): what CPU and kernel support. */
int32_t cr_cpu_level(void);

/* How many CPUs this process may run on. */
int32_t cr_allowed_cpus(void);

/* The CPU that the calling thread is on; -1 if that can't be said. */
int32_t cr_current_cpu(void);

/* Moves the calling thread to another CPU that it may use, if there is one. From there it may go anywhere again. */
void cr_leave_cpu(int32_t cpu);

/* Bytes of a core's first-level data cache, and of its second-level one. */
long cr_level1_bytes(void);
long cr_level2_bytes(void);

/* ---- vectors: imported by Swift as SIMD16<Float>, SIMD8<Double>, SIMD16<Int32>, ... ---- */

/* One vector of each type by CPU level: 64 bytes where there are registers of 32 or 64, else 16. */
#if defined(__AVX2__)
#define CR_FLOATS 16
#define CR_DOUBLES 8
#else
#define CR_FLOATS 4
#define CR_DOUBLES 2
#endif
typedef float cr_floats __attribute__((ext_vector_type(CR_FLOATS)));
typedef double cr_doubles __attribute__((ext_vector_type(CR_DOUBLES)));

#if CR_FLOATS == 4
/* Less than a vector, lane by lane. A function of its own: the loops that use it are many. */
#define CR_PARTS(TYPE, ELEMENT, NAME)                                                                  \
  static __attribute__((noinline, unused)) TYPE cr_load_part_##NAME(const ELEMENT *p, long n) {        \
    TYPE r = 0;                                                                                        \
    for (long i = 0; i < n; i++) r[i] = p[i];                                                          \
    return r;                                                                                          \
  }                                                                                                    \
  static __attribute__((noinline, unused)) void cr_store_part_##NAME(ELEMENT *p, TYPE v, long n) {     \
    for (long i = 0; i < n; i++) p[i] = v[i];                                                          \
  }
CR_PARTS(cr_floats, float, floats)
CR_PARTS(cr_doubles, double, doubles)
#undef CR_PARTS
#endif

/* The first n (0...CR_FLOATS) elements at p, zero behind them; memory behind them is not touched. */
CR_INLINE cr_floats cr_load_floats(const float *p, long n) {
#if defined(__AVX512F__)
  return (cr_floats)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#elif defined(__AVX2__)
  const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  __m256i low = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), index);
  __m256i high = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n - 8), index);
  cr_floats r;
  if (n >= 16) {
    __builtin_memcpy(&r, p, 64);
    return r;
  }
  __m256 a = _mm256_maskload_ps(p, low), b = _mm256_maskload_ps(p + 8, high);
  __builtin_memcpy(&r, &a, 32);
  __builtin_memcpy((char *)&r + 32, &b, 32);
  return r;
#else
  if (n < CR_FLOATS) return cr_load_part_floats(p, n);
  cr_floats r;
  __builtin_memcpy(&r, p, sizeof r);
  return r;
#endif
}

#if defined(__AVX2__)
/* Elements low to end - 1 of those at p, zero before and behind them; memory there is not touched. */
CR_INLINE cr_floats cr_load_between_floats(const float *p, long low, long end) {
#if defined(__AVX512F__)
  return (cr_floats)_mm512_maskz_loadu_ps((__mmask16)((1u << end) - (1u << low)), p);
#else
  const __m256i first = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), second = _mm256_add_epi32(first, _mm256_set1_epi32(8));
  const __m256i from = _mm256_set1_epi32((int)low - 1), to = _mm256_set1_epi32((int)end);
  __m256 a = _mm256_maskload_ps(p, _mm256_and_si256(_mm256_cmpgt_epi32(first, from), _mm256_cmpgt_epi32(to, first)));
  __m256 b = _mm256_maskload_ps(p + 8, _mm256_and_si256(_mm256_cmpgt_epi32(second, from), _mm256_cmpgt_epi32(to, second)));
  cr_floats r;
  __builtin_memcpy(&r, &a, 32);
  __builtin_memcpy((char *)&r + 32, &b, 32);
  return r;
#endif
}
#endif

CR_INLINE void cr_store_floats(float *p, cr_floats v, long n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#elif defined(__AVX2__)
  /* AMD's masked stores take dozens of steps; these branches are easily foretold. */
  if (n >= 16) {
    __builtin_memcpy(p, &v, 64);
    return;
  }
  __m256 a, b;
  __builtin_memcpy(&a, &v, 32);
  __builtin_memcpy(&b, (char *)&v + 32, 32);
  if (n >= 8) {
    _mm256_storeu_ps(p, a);
    a = b;
    p += 8;
  }
  __m128 c = _mm256_castps256_ps128(a);
  if (n & 4) {
    _mm_storeu_ps(p, c);
    c = _mm256_extractf128_ps(a, 1);
    p += 4;
  }
  if (n & 2) {
    _mm_storel_pi((__m64 *)p, c);
    c = _mm_movehl_ps(c, c);
    p += 2;
  }
  if (n & 1) _mm_store_ss(p, c);
#else
  if (n < CR_FLOATS) cr_store_part_floats(p, v, n);
  else __builtin_memcpy(p, &v, sizeof v);
#endif
}

CR_INLINE cr_doubles cr_load_doubles(const double *p, long n) {
#if defined(__AVX512F__)
  return (cr_doubles)_mm512_maskz_loadu_pd((__mmask8)((1u << n) - 1), p);
#elif defined(__AVX2__)
  const __m256i index = _mm256_setr_epi64x(0, 1, 2, 3);
  __m256i low = _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), index);
  __m256i high = _mm256_cmpgt_epi64(_mm256_set1_epi64x(n - 4), index);
  cr_doubles r;
  if (n >= 8) {
    __builtin_memcpy(&r, p, 64);
    return r;
  }
  __m256d a = _mm256_maskload_pd(p, low), b = _mm256_maskload_pd(p + 4, high);
  __builtin_memcpy(&r, &a, 32);
  __builtin_memcpy((char *)&r + 32, &b, 32);
  return r;
#else
  if (n < CR_DOUBLES) return cr_load_part_doubles(p, n);
  cr_doubles r;
  __builtin_memcpy(&r, p, sizeof r);
  return r;
#endif
}

CR_INLINE void cr_store_doubles(double *p, cr_doubles v, long n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_pd(p, (__mmask8)((1u << n) - 1), (__m512d)v);
#elif defined(__AVX2__)
  if (n >= 8) {
    __builtin_memcpy(p, &v, 64);
    return;
  }
  __m256d a, b;
  __builtin_memcpy(&a, &v, 32);
  __builtin_memcpy(&b, (char *)&v + 32, 32);
  if (n >= 4) {
    _mm256_storeu_pd(p, a);
    a = b;
    p += 4;
  }
  __m128d c = _mm256_castpd256_pd128(a);
  if (n & 2) {
    _mm_storeu_pd(p, c);
    c = _mm256_extractf128_pd(a, 1);
    p += 2;
  }
  if (n & 1) _mm_store_sd(p, c);
#else
  if (n < CR_DOUBLES) cr_store_part_doubles(p, v, n);
  else __builtin_memcpy(p, &v, sizeof v);
#endif
}

/* Whole vectors at any address. In C because Swift's loadUnaligned and storeBytes, where they are not
   inlined, become weak symbols that belong to no CPU level. */
CR_INLINE cr_floats cr_load_all_floats(const float *p) {
  cr_floats v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
CR_INLINE cr_doubles cr_load_all_doubles(const double *p) {
  cr_doubles v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
CR_INLINE void cr_store_all_floats(float *p, cr_floats v) { __builtin_memcpy(p, &v, sizeof v); }
CR_INLINE void cr_store_all_doubles(double *p, cr_doubles v) { __builtin_memcpy(p, &v, sizeof v); }

#include "CPUVectors.h"
#include "CPUBFloat16.h"

CR_INLINE void cr_prefetch(const void *p) { __builtin_prefetch(p, 0, 3); }
/* For writing: another core's copy of the line is taken from it. */
CR_INLINE void cr_prefetch_to_write(const void *p) {
#if defined(__x86_64__)
  __asm__ volatile("prefetchw %0" : : "m"(*(const char *)p));
#else
  __builtin_prefetch(p, 1, 3);
#endif
}
/* Into the second-level cache. */
CR_INLINE void cr_prefetch_far(const void *p) { __builtin_prefetch(p, 0, 2); }
/* The same pointer, which the compiler can't compute from another one. */
CR_INLINE const void *cr_separate(const void *p) {
  __asm__("" : "+r"(p));
  return p;
}

/* ---- atomics on raw memory ---- */

CR_INLINE uint64_t cr_load_acquire_64(const uint64_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
CR_INLINE void cr_store_release_64(uint64_t *p, uint64_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
CR_INLINE int cr_compare_exchange_64(uint64_t *p, uint64_t expected, uint64_t desired) {
  return __atomic_compare_exchange_n(p, &expected, desired, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}
CR_INLINE uint32_t cr_load_acquire_32(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
CR_INLINE uint32_t cr_load_relaxed_32(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
CR_INLINE void cr_store_release_32(uint32_t *p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
CR_INLINE void cr_store_sequential_32(uint32_t *p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_SEQ_CST); }
CR_INLINE uint32_t cr_load_sequential_32(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
CR_INLINE uint32_t cr_fetch_add_32(uint32_t *p, uint32_t v) { return __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL); }
CR_INLINE int cr_compare_exchange_32(uint32_t *p, uint32_t expected, uint32_t desired) {
  return __atomic_compare_exchange_n(p, &expected, desired, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

CR_INLINE void cr_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/* Sleeps while *word == value, until woken; may return early. */
void cr_wait(uint32_t *word, uint32_t value);
void cr_wake_all(uint32_t *word);

/* ---- the calling thread's last error ---- */

typedef struct cr_error_text {
  int32_t code;
  char message[1024];
  char node[128];
  char expected[256];
  char got[256];
  uint64_t view[8]; /* room for the ABI's struct of pointers to these */
} cr_error_text;

cr_error_text *cr_thread_error(void);

/* ---- transposes: packing for the matrix product ---- */

typedef float cr_float8 __attribute__((ext_vector_type(8)));
typedef double cr_double4 __attribute__((ext_vector_type(4)));

/* Two loads of half a vector cost less than a load and a shuffle between the halves. */
CR_INLINE void cr_load_halves_float(cr_float8 *v, const float *low, const float *high) {
  cr_float4 a, b;
  __builtin_memcpy(&a, low, 16);
  __builtin_memcpy(&b, high, 16);
  *v = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
}

CR_INLINE void cr_load_halves_double(cr_double4 *v, const double *low, const double *high) {
  cr_double2 a, b;
  __builtin_memcpy(&a, low, 16);
  __builtin_memcpy(&b, high, 16);
  *v = __builtin_shufflevector(a, b, 0, 1, 2, 3);
}

/* to[k * toRow + n] = from[row[n] + k] for 8 n and 4 k */
CR_INLINE void cr_transpose_rows_float(const float *from, const long *row, float *to, long toRow) {
  cr_float8 a, b, c, d;
  cr_load_halves_float(&a, from + row[0], from + row[4]);
  cr_load_halves_float(&b, from + row[1], from + row[5]);
  cr_load_halves_float(&c, from + row[2], from + row[6]);
  cr_load_halves_float(&d, from + row[3], from + row[7]);
  cr_float8 ab0 = __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13);
  cr_float8 ab2 = __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15);
  cr_float8 cd0 = __builtin_shufflevector(c, d, 0, 8, 1, 9, 4, 12, 5, 13);
  cr_float8 cd2 = __builtin_shufflevector(c, d, 2, 10, 3, 11, 6, 14, 7, 15);
  cr_float8 k0 = __builtin_shufflevector(ab0, cd0, 0, 1, 8, 9, 4, 5, 12, 13);
  cr_float8 k1 = __builtin_shufflevector(ab0, cd0, 2, 3, 10, 11, 6, 7, 14, 15);
  cr_float8 k2 = __builtin_shufflevector(ab2, cd2, 0, 1, 8, 9, 4, 5, 12, 13);
  cr_float8 k3 = __builtin_shufflevector(ab2, cd2, 2, 3, 10, 11, 6, 7, 14, 15);
  __builtin_memcpy(to, &k0, 32);
  __builtin_memcpy(to + toRow, &k1, 32);
  __builtin_memcpy(to + 2 * toRow, &k2, 32);
  __builtin_memcpy(to + 3 * toRow, &k3, 32);
}

/* to[k * toRow + n] = from[row[n] + k] for 4 n and 2 k */
CR_INLINE void cr_transpose_rows_double(const double *from, const long *row, double *to, long toRow) {
  cr_double4 a, b;
  cr_load_halves_double(&a, from + row[0], from + row[2]);
  cr_load_halves_double(&b, from + row[1], from + row[3]);
  cr_double4 k0 = __builtin_shufflevector(a, b, 0, 4, 2, 6);
  cr_double4 k1 = __builtin_shufflevector(a, b, 1, 5, 3, 7);
  __builtin_memcpy(to, &k0, 32);
  __builtin_memcpy(to + toRow, &k1, 32);
}

/* The same for rows at one distance. */
CR_INLINE void cr_transpose_8x4_float(const float *from, long fromRow, float *to, long toRow) {
  const long row[8] = {0, fromRow, 2 * fromRow, 3 * fromRow, 4 * fromRow, 5 * fromRow, 6 * fromRow, 7 * fromRow};
  cr_transpose_rows_float(from, row, to, toRow);
}
CR_INLINE void cr_transpose_4x2_double(const double *from, long fromRow, double *to, long toRow) {
  const long row[4] = {0, fromRow, 2 * fromRow, 3 * fromRow};
  cr_transpose_rows_double(from, row, to, toRow);
}

#if defined(__AVX512F__)
/* Indices of shuffles: within each group of four elements, and of whole groups. */
#define CR_EACH_FOUR(a, b, c, d) \
  a, b, c, d, (a) + 4, (b) + 4, (c) + 4, (d) + 4, (a) + 8, (b) + 8, (c) + 8, (d) + 8, (a) + 12, (b) + 12, (c) + 12, (d) + 12
#define CR_FOURS(a, b, c, d) \
  4 * (a), 4 * (a) + 1, 4 * (a) + 2, 4 * (a) + 3, 4 * (b), 4 * (b) + 1, 4 * (b) + 2, 4 * (b) + 3, \
  4 * (c), 4 * (c) + 1, 4 * (c) + 2, 4 * (c) + 3, 4 * (d), 4 * (d) + 1, 4 * (d) + 2, 4 * (d) + 3

/* to[k * toRow + n] = from[row[n] + k] for 16 n and 16 k: whole lines of the cache on both sides. */
CR_INLINE void cr_transpose_16x16_float(const float *from, const long *row, float *to, long toRow) {
  cr_floats r[16], fours[16];
  for (int i = 0; i < 16; i++) __builtin_memcpy(&r[i], from + row[i], sizeof *r);
  /* fours[4 q + i]: of rows 4 q to 4 q + 3, k = i, 4 + i, 8 + i and 12 + i. */
  for (int q = 0; q < 16; q += 4) {
    cr_floats ab0 = __builtin_shufflevector(r[q], r[q + 1], CR_EACH_FOUR(0, 16, 1, 17));
    cr_floats ab2 = __builtin_shufflevector(r[q], r[q + 1], CR_EACH_FOUR(2, 18, 3, 19));
    cr_floats cd0 = __builtin_shufflevector(r[q + 2], r[q + 3], CR_EACH_FOUR(0, 16, 1, 17));
    cr_floats cd2 = __builtin_shufflevector(r[q + 2], r[q + 3], CR_EACH_FOUR(2, 18, 3, 19));
    fours[q] = __builtin_shufflevector(ab0, cd0, CR_EACH_FOUR(0, 1, 16, 17));
    fours[q + 1] = __builtin_shufflevector(ab0, cd0, CR_EACH_FOUR(2, 3, 18, 19));
    fours[q + 2] = __builtin_shufflevector(ab2, cd2, CR_EACH_FOUR(0, 1, 16, 17));
    fours[q + 3] = __builtin_shufflevector(ab2, cd2, CR_EACH_FOUR(2, 3, 18, 19));
  }
  for (int i = 0; i < 4; i++) {
    cr_floats even01 = __builtin_shufflevector(fours[i], fours[4 + i], CR_FOURS(0, 2, 4, 6));
    cr_floats odd01 = __builtin_shufflevector(fours[i], fours[4 + i], CR_FOURS(1, 3, 5, 7));
    cr_floats even23 = __builtin_shufflevector(fours[8 + i], fours[12 + i], CR_FOURS(0, 2, 4, 6));
    cr_floats odd23 = __builtin_shufflevector(fours[8 + i], fours[12 + i], CR_FOURS(1, 3, 5, 7));
    cr_floats k0 = __builtin_shufflevector(even01, even23, CR_FOURS(0, 2, 4, 6));
    cr_floats k4 = __builtin_shufflevector(odd01, odd23, CR_FOURS(0, 2, 4, 6));
    cr_floats k8 = __builtin_shufflevector(even01, even23, CR_FOURS(1, 3, 5, 7));
    cr_floats k12 = __builtin_shufflevector(odd01, odd23, CR_FOURS(1, 3, 5, 7));
    __builtin_memcpy(to + i * toRow, &k0, sizeof k0);
    __builtin_memcpy(to + (4 + i) * toRow, &k4, sizeof k4);
    __builtin_memcpy(to + (8 + i) * toRow, &k8, sizeof k8);
    __builtin_memcpy(to + (12 + i) * toRow, &k12, sizeof k12);
  }
}
#undef CR_EACH_FOUR
#undef CR_FOURS
#endif

/* to[k * toRow + n] = from[n * fromRow + k] for n < rows (1 to CR_FLOATS) and k < columns. `to` has CR_FLOATS columns;
   those behind `rows` get any values. */
#if CR_FLOATS == 16
CR_INLINE void cr_pack_transposed_float(
    const float *from, long fromRow, float *to, long toRow, long rows, long columns) {
  long row[16], first = 0;
  for (long i = 0; i < 16; i++) row[i] = (i < rows ? i : rows - 1) * fromRow;
#if defined(__AVX512F__)
  /* 16 rows at once: their lines are read once each, so it does not matter that they may share a set of the cache. */
  for (; first + 16 <= columns; first += 16) {
    const long ahead = first + 64 < columns ? first + 64 : first + 64 - columns + 16 * fromRow;
    for (long i = 0; i < 16; i++) cr_prefetch(from + row[i] + ahead);
    cr_transpose_16x16_float(from + first, row, to + first * toRow, toRow);
  }
#endif
  for (long n = 0; n < rows && first < columns; n += 8) {
    long k = first;
    for (; k + 16 <= columns; k += 16) {
      /* At their end, the next rows: those of the next panel too. */
      const long ahead = k + 64 < columns ? k + 64 : k + 64 - columns + 8 * fromRow;
      for (long i = n; i < n + 8; i++) cr_prefetch(from + row[i] + ahead);
      for (long j = k; j < k + 16; j += 4) cr_transpose_rows_float(from + j, row + n, to + j * toRow + n, toRow);
    }
    for (; k + 4 <= columns; k += 4) cr_transpose_rows_float(from + k, row + n, to + k * toRow + n, toRow);
    if (k == columns) continue;
    if (columns >= 4) {
      k = columns - 4;
      cr_transpose_rows_float(from + k, row + n, to + k * toRow + n, toRow);
    } else {
      for (; k < columns; k++)
        for (long i = n; i < n + 8; i++) to[k * toRow + i] = from[row[i] + k];
    }
  }
}

/* The same with at most CR_DOUBLES rows. */
CR_INLINE void cr_pack_transposed_double(
    const double *from, long fromRow, double *to, long toRow, long rows, long columns) {
  for (long n = 0; n < rows; n += 4) {
    long row[4];
    for (long i = 0; i < 4; i++) row[i] = (n + i < rows ? n + i : rows - 1) * fromRow;
    long k = 0;
    for (; k + 2 <= columns; k += 2) cr_transpose_rows_double(from + k, row, to + k * toRow + n, toRow);
    if (k < columns)
      for (long i = 0; i < 4; i++) to[k * toRow + n + i] = from[row[i] + k];
  }
}
#else
#define CR_PACK(ELEMENT)                                                                                   \
  CR_INLINE void cr_pack_transposed_##ELEMENT(                                                             \
      const ELEMENT *from, long fromRow, ELEMENT *to, long toRow, long rows, long columns) {               \
    for (long k = 0; k < columns; k++)                                                                     \
      for (long n = 0; n < rows; n++) to[k * toRow + n] = from[n * fromRow + k];                           \
  }
CR_PACK(float)
CR_PACK(double)
#undef CR_PACK
#endif

#endif
